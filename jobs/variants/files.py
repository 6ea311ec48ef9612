"""The selected variants of a scoring job as CSV and XLSX, in the order of the page."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

import numpy as np

from jobs.files.lines import BOM, csv_head, csv_lines
from jobs.files.pieces import in_blocks
from jobs.files.tables import ItemRows, number_lines
from jobs.files.xlsx import Sheet, facts_sheet, workbook_blocks
from jobs.models import Job
from jobs.results.export import FORMATS
from jobs.results.export.arrays import facts_of
from jobs.variants.rows import OTHER_LENGTH
from jobs.variants.table import VariantTable, Wanted

HEADS = ("rank", "variant", "name", "mutations", "positions", "numbers", "score", "spread", "index", "sequence")
BLOCK = 1000
"""Rows whose numbers are turned into text together."""


def variant_blocks(job: Job, table: VariantTable, wanted: Wanted, format: str, *, bom: bool) -> Iterator[bytes]:
    """Yield the file in blocks; `format` is csv or xlsx. A ranked table always fits into a sheet (MAX_RANKED)."""
    rows = _rows(table, wanted)
    if format == "xlsx":
        return workbook_blocks([("variants", Sheet(HEADS).all(rows)), ("about", facts_sheet(facts_of(job)))])
    lines = (line for row in rows for line in csv_lines(row))
    return in_blocks(chain([BOM] if bom else [], [csv_head(HEADS)], lines))


def content_type(format: str) -> str:
    return FORMATS[format].content_type


def _rows(table: VariantTable, wanted: Wanted) -> Iterator[ItemRows]:
    order = table.select(wanted)
    for start in range(0, len(order), BLOCK):
        part = order[start : start + BLOCK]
        rows = table.rows(part)
        numbers = number_lines(np.array([[row.score, row.spread] for row in rows]))
        for at, row, scores in zip(part.tolist(), rows, numbers, strict=True):
            count = "" if row.mutations == OTHER_LENGTH else int(row.mutations)
            start_cells = (int(row.place), row.code, row.name, count)
            yield ItemRows(start_cells, [(_where(table, at), b"%s,%d" % (scores, row.index))], (table.sequence(at),))


def _where(table: VariantTable, at: int) -> tuple[str, str]:
    """Return the mutated positions and their numbers, each with blanks between them: Excel reads `2:4` as a time."""
    positions = table.positions[table.starts[at] : table.starts[at + 1]].tolist()
    return " ".join(map(str, positions)), " ".join(str(table.numbering.label(position)) for position in positions)
