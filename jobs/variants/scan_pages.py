"""A scan as pictures and tables on the page of its item."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest, QueryDict

from e1protocol import CANONICAL
from jobs.models import Item, Job
from jobs.parsing.numbers import whole
from jobs.results.page import ResultPage
from jobs.science.variants.numbering_forms import numbering_of
from jobs.science.variants.scans import RESIDUES, ScanTable
from jobs.variants.baskets import picks_of, words_of
from jobs.web.links import changed, paged

METHODS = {
    "masked_marginal": "masked marginal: each position masked in turn",
    "wildtype_marginal": "wild-type marginal: one pass of the unmasked parent",
    "pseudo_log_likelihood": "pseudo-log-likelihood: every position of the sequence masked in turn",
}
"""Labels of the methods of scoring."""


def scoring_of(job: Job) -> dict[str, Any]:
    """Return the label of the job's method of scoring, and its number of contexts."""
    return {
        "method": METHODS.get(job.params.get("method", ""), ""),
        "contexts": len(job.params.get("contexts") or ()),
    }


def scan_context(request: HttpRequest, job: Job, item: Item, result: Mapping[str, Any]) -> dict[str, Any]:
    """Return the template's context for the position, order and pages that the address asks for."""
    table, query = ScanTable.of(result, item.sequence), request.GET
    page, links = paged(query, range(len(table)), name="rows", anchor="#table-view")
    start = page.start_index() - 1 if len(table) else 0
    rows = enumerate(table.rows(start, len(page)), start=start)
    return {
        **picked_context(request, job, item),
        **beside_context(table, query),
        **scoring_of(job),
        "residues": len(item.sequence),
        "numbering": numbering_of(job.params).phrase(len(item.sequence)),
        "scanned": len(table),
        "substitutions": len(table) * (RESIDUES - 1),
        "letters": CANONICAL,
        "matrix": [(row, table.scores[at]) for at, row in rows],
        "matrix_page": page,
        "matrix_open": "rows" in query,
        "matrix_links": links,
    }


def picked_context(request: HttpRequest, job: Job, item: Item) -> dict[str, Any]:
    """Return the context of the basket."""
    words = words_of(picks_of(request.session, job.pk, item.index))
    return {"picks": words, "picked": frozenset(words), "words": " ".join(words)}


def _beside(request: HttpRequest, job: Job, item: Item, result: Mapping[str, Any]) -> dict[str, Any]:
    table = ScanTable.of(result, item.sequence)
    return {
        **picked_context(request, job, item),
        **scoring_of(job),
        **beside_context(table, request.GET),
    }


def beside_context(table: ScanTable, query: QueryDict) -> dict[str, Any]:
    """Return the context of the ranked substitutions, of the whole parent or of one position."""
    position = whole(query.get("position"))
    at = position if position in table.positions else None
    worst = query.get("order") == "worst"
    page, links = paged(query, table.ranked(position=at, worst_first=worst).tolist())
    rows = [(one, changed(query, position=one.position, page=None)) for one in table.substitutions(list(page))]
    return {
        "position": at,
        "number": table.numbers[table.positions.index(at)] if at is not None else "",
        "numbered": table.is_numbered,
        "wild": table.wild[table.positions.index(at)] if at is not None else "",
        "worst": worst,
        "ranked": rows,
        "ranked_page": page,
        "links": links
        | {
            "best": changed(query, order=None, page=None),
            "worst": changed(query, order="worst", page=None),
            "all": changed(query, position=None, page=None),
        },
    }


RESULT_PAGE = ResultPage(
    "scan",
    "jobs/variants/_result_scan.html",
    scan_context,
    script="src/scan.ts",
    fragments={
        "beside": ("jobs/variants/_scan_beside.html", _beside),
    },
    picture="scan",
)
