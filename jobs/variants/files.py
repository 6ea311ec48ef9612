"""The selected variants of a scoring job as CSV and XLSX, in the order of the page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import Any

import numpy as np

from jobs.files.lines import BOM, csv_head, csv_lines
from jobs.files.pieces import in_blocks
from jobs.files.tables import ItemRows, number_lines
from jobs.files.xlsx import Sheet, facts_sheet, workbook_blocks
from jobs.results.export import FORMATS
from jobs.variants.beside import COLUMNS, Beside
from jobs.variants.rows import OTHER_LENGTH
from jobs.variants.table import VariantTable, Wanted

HEADS = (
    *("rank", "variant", "name", "mutations", "positions", "numbers", "score", "spread", "index"),
    *(*COLUMNS, "sequence"),
)
BLOCK = 1000
"""Rows whose numbers are turned into text together."""


def variant_blocks(
    table: VariantTable, beside: Beside, wanted: Wanted, format: str, *, bom: bool, about: Mapping[str, Any]
) -> Iterator[bytes]:
    """Yield the file in blocks; `format` is csv or xlsx. A ranked table always fits into a sheet (MAX_RANKED)."""
    return table_blocks("variants", HEADS, _rows(table, beside, wanted), format, bom=bom, about=about)


def table_blocks(
    title: str, heads: Sequence[str], rows: Iterator[ItemRows], format: str, *, bom: bool, about: Mapping[str, Any]
) -> Iterator[bytes]:
    """Yield a table as CSV or XLSX, whose second sheet says what it is `about`."""
    if format == "xlsx":
        return workbook_blocks([(title, Sheet(heads).all(rows)), ("about", facts_sheet(about))])
    lines = (line for row in rows for line in csv_lines(row))
    return in_blocks(chain([BOM] if bom else [], [csv_head(heads)], lines))


def content_type(format: str) -> str:
    return FORMATS[format].content_type


def _rows(table: VariantTable, beside: Beside, wanted: Wanted) -> Iterator[ItemRows]:
    order = table.select(wanted, beside.columns)
    for start in range(0, len(order), BLOCK):
        part = order[start : start + BLOCK]
        rows = table.rows(part)
        numbers = number_lines(np.array([[row.score, row.spread] for row in rows]))
        more = number_lines(beside.numbers(part))
        for at, row, scores, others in zip(part.tolist(), rows, numbers, more, strict=True):
            count = "" if row.mutations == OTHER_LENGTH else int(row.mutations)
            start_cells = (int(row.place), row.code, row.name, count)
            yield ItemRows(
                start_cells, [(_where(table, at), b"%s,%d,%s" % (scores, row.index, others))], (table.sequence(at),)
            )


def _where(table: VariantTable, at: int) -> tuple[str, str]:
    """Return the mutated positions and their numbers, each with blanks between them: Excel reads `2:4` as a time."""
    positions = table.positions[table.starts[at] : table.starts[at + 1]].tolist()
    return " ".join(map(str, positions)), " ".join(str(table.numbering.label(position)) for position in positions)
