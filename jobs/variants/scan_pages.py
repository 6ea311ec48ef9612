"""A scan as pictures and tables on the page of its item."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from django.http import HttpRequest, QueryDict
from numpy.typing import NDArray

from e1protocol import CANONICAL
from jobs.models import Item, Job
from jobs.parsing.numbers import whole
from jobs.results.page import ResultPage
from jobs.science.variants.numbering_forms import numbering_of
from jobs.science.variants.scans import RESIDUES, ScanTable
from jobs.variants.annotations import annotations_of, features_body
from jobs.variants.baskets import picks_of, words_of
from jobs.variants.beside import PROFILE
from jobs.variants.layers import Layers, layers_of
from jobs.web.access import user_of
from jobs.web.links import changed, paged

Floats = NDArray[np.float64]

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
    layers = layers_of(user_of(request), item, table, query)
    return {
        **picked_context(request, job, item),
        **beside_context(table, layers, query),
        **scoring_of(job),
        "residues": len(item.sequence),
        "tracks": [(one, features_body(one)) for one in annotations_of(job, item.index)],
        "may_annotate": job.may_edit,
        "numbering": numbering_of(job.params).phrase(len(item.sequence)),
        "scanned": len(table),
        "substitutions": len(table) * (RESIDUES - 1),
        "letters": CANONICAL,
        "matrix": [(row, _cells(layers.shown[at], row.wild)) for at, row in rows],
        "matrix_page": page,
        "matrix_open": "rows" in query,
        "matrix_links": links,
    }


def _cells(numbers: Floats, wild: str) -> list[float | str | None]:
    """Return one row of the table view: None for a number that is missing, and "" for the wild type."""
    pairs = zip(CANONICAL, numbers.tolist(), strict=True)
    return ["" if letter == wild else None if math.isnan(number) else number for letter, number in pairs]


def picked_context(request: HttpRequest, job: Job, item: Item) -> dict[str, Any]:
    """Return the context of the basket."""
    words = words_of(picks_of(request.session, job.pk, item.index))
    return {"picks": words, "picked": frozenset(words), "words": " ".join(words)}


def _beside(request: HttpRequest, job: Job, item: Item, result: Mapping[str, Any]) -> dict[str, Any]:
    table = ScanTable.of(result, item.sequence)
    layers = layers_of(user_of(request), item, table, request.GET)
    return {
        **picked_context(request, job, item),
        **scoring_of(job),
        **beside_context(table, layers, request.GET),
    }


def beside_context(table: ScanTable, layers: Layers, query: QueryDict) -> dict[str, Any]:
    """Return the context of the ranked substitutions, of the whole parent or of one position."""
    position = whole(query.get("position"))
    at = position if position in table.positions else None
    order = query.get("order")
    profiled = order == PROFILE and layers.baselines.profile is not None
    worst = order == "worst"
    by = layers.matrices[PROFILE] if profiled else None
    page, links = paged(query, table.ranked(position=at, worst_first=worst, by=by).tolist())
    cells = list(page)
    rows = [
        (one, more, changed(query, position=one.position, page=None))
        for one, more in zip(table.substitutions(cells), layers.at(cells), strict=True)
    ]
    return {
        "layers": layers,
        "baselines": layers.baselines,
        "profiled": profiled,
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
            "profile": changed(query, order=PROFILE, page=None),
            "all": changed(query, position=None, page=None),
        },
    }


RESULT_PAGE = ResultPage(
    "scan",
    "jobs/variants/_result_scan.html",
    scan_context,
    script="src/scan.ts",
    form="jobs/contacts/_structure_form.html",
    fragments={
        "beside": ("jobs/variants/_scan_beside.html", _beside),
    },
    picture="scan",
)
