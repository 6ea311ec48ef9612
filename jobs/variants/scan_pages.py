"""A scan as pictures and tables: what the page of its item shows."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from typing import Any

from django.core.paginator import Page, Paginator
from django.http import QueryDict

from e1protocol import CANONICAL
from jobs.limits import PAGE_ROWS
from jobs.models import Item, Job
from jobs.parsing.numbers import whole
from jobs.results.page import ResultPage
from jobs.science.variants.scans import RESIDUES, ScanTable
from jobs.web.links import changed

METHODS = {
    "masked_marginal": "masked marginal: each position masked in turn",
    "wildtype_marginal": "wild-type marginal: one pass of the unmasked parent",
    "pseudo_log_likelihood": "pseudo-log-likelihood: every position of the sequence masked in turn",
}
"""Methods of scoring in words."""


def scan_context(job: Job, item: Item, result: Mapping[str, Any], query: QueryDict) -> dict[str, Any]:
    """What the template needs, for the position, order and pages that the address asks for."""
    table = ScanTable.of(result, item.sequence)
    return beside_context(table, query) | {
        "method": METHODS.get(job.params.get("method", ""), ""),
        "contexts": len(job.params.get("contexts") or ()),
        "scanned": len(table),
        "substitutions": len(table) * (RESIDUES - 1),
        "letters": CANONICAL,
        **_table_view(table, query),
    }


def beside_context(table: ScanTable, query: QueryDict) -> dict[str, Any]:
    """Ranked substitutions, of the whole parent or of one position."""
    position = whole(query.get("position"))
    at = position if position in table.positions else None
    worst = query.get("order") == "worst"
    cells = table.ranked(position=at, worst_first=worst)
    page: Page[int] = Paginator(cells.tolist(), PAGE_ROWS).get_page(query.get("page", "1"))
    rows = [(one, changed(query, position=one.position, page=None)) for one in table.substitutions(list(page))]
    return {
        "position": at,
        "wild": table.wild[table.positions.index(at)] if at is not None else "",
        "worst": worst,
        "ranked": rows,
        "ranked_page": page,
        "links": {
            "best": changed(query, order=None, page=None),
            "worst": changed(query, order="worst", page=None),
            "all": changed(query, position=None, page=None),
            "previous": changed(query, page=page.number - 1),
            "next": changed(query, page=page.number + 1),
        },
    }


def _table_view(table: ScanTable, query: QueryDict) -> dict[str, Any]:
    page: Page[int] = Paginator(range(len(table)), PAGE_ROWS).get_page(query.get("rows", "1"))
    start = page.start_index() - 1 if len(table) else 0
    lines = [(row, table.scores[start + at]) for at, row in enumerate(table.rows(start, PAGE_ROWS))]
    return {
        "matrix": lines,
        "matrix_page": page,
        "matrix_open": "rows" in query,
        "matrix_links": {
            "previous": changed(query, rows=page.number - 1) + "#table-view",
            "next": changed(query, rows=page.number + 1) + "#table-view",
        },
    }


def scan_csv(result: Mapping[str, Any], sequence: str) -> Iterator[str]:
    """All substitutions in the order of positions and residues, a line each, wild types included with score 0."""
    table = ScanTable.of(result, sequence)
    yield _line(["variant", "position", "wild_type", "mutant", "score", "spread", "probability"])
    for row in range(len(table)):
        for one in table.substitutions(range(row * RESIDUES, (row + 1) * RESIDUES)):
            numbers = [f"{number:.6g}" for number in (one.score, one.spread, one.probability)]
            yield _line([one.code, one.position, one.wild, one.mutant, *numbers])


def _line(fields: list[Any]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(fields)
    return text.getvalue()


RESULT_PAGE = ResultPage(
    "scan",
    "jobs/variants/_result_scan.html",
    scan_context,
    script="src/scan.ts",
    table=scan_csv,
    fragments={
        "beside": (
            "jobs/variants/_scan_beside.html",
            lambda job, item, result, query: beside_context(ScanTable.of(result, item.sequence), query),
        )
    },
    picture="scan",
)
