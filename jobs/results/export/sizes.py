"""The size of a download before anything is read, from the columns of the job and the bytes that it stores.

The figures are of proteins with all outputs of e1-demo, of scans and of contact maps. A test compares them with files.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from jobs.actions.columns import Column, keys_in
from jobs.actions.layouts import Layout
from jobs.files.tables import Table
from jobs.models import Job
from jobs.quotas.usage import result_bytes_of

DECIMALS = {2: 11.0, 4: 11.0, 8: 19.5}
"""Characters of a number and its separator by the bytes that it is stored in. float16 is written like float32."""
PACKED = {2: 7.0, 4: 7.0, 8: 10.0}
"""Bytes of a number in XLSX."""
ROW_OVERHEAD = {"jsonl": 75, "npz": 48, "parquet": 17, "h5": 32}
"""Bytes of an item beside its numbers, with a name of ten letters."""
ITEM_ROW = {"csv": 25, "xlsx": 12}
"""Bytes of a row for an item, beside its numbers."""
OTHER_ROW = {"csv": 14, "xlsx": 6}
KEY = {"csv": 2.5, "xlsx": 1.0}
"""Bytes of a row of a layout: for index and name, and for each key."""
ITEM_KEY = {"csv": 4.0, "xlsx": 2.0, "npz": 20.0, "parquet": 9.0, "h5": 20.0, "jsonl": 0.0}
"""Bytes of each further key of an item, such as the code of a variant with one substitution."""
WORKBOOK = 2_400
"""Bytes of a workbook without rows."""
REFUSED_ROW = 250
"""Bytes of a text row of an item without a result."""


@dataclass(frozen=True, slots=True)
class Held:
    """What a job has now: its items by state, and the rows of each of its ragged arrays in all."""

    counts: Mapping[str, int]
    ragged_rows: int

    @property
    def others(self) -> int:
        """Finished items without a result."""
        return self.counts["failed"] + self.counts["skipped"] + self.counts["cancelled"]

    def rows(self, layout: Layout | None) -> int:
        """Return the rows of an array of this layout in all."""
        return self.ragged_rows if layout else self.counts["succeeded"]


def held_of(job: Job, counts: Mapping[str, int], columns: Sequence[Column]) -> Held:
    """Return what a job has now. All ragged arrays of an action have the same rows, so the bytes tell their number."""
    ragged = sum(_row_bytes(column) for column in columns if column.ragged)
    if not ragged:
        return Held(counts, 0)
    plain = sum(_row_bytes(column) for column in columns if not column.ragged)
    return Held(counts, max(0, result_bytes_of(job.pk) - plain * counts["succeeded"]) // ragged)


def file_bytes(held: Held, columns: Sequence[Column], *, format: str) -> int:
    """Return the approximate size of a file without tables."""
    text = format == "jsonl"
    numbers = sum(
        held.rows(column.rows) * column.width * (DECIMALS[column.itemsize] if text else column.itemsize)
        for column in columns
    )
    each = ROW_OVERHEAD[format] + _item_keys(columns, format)
    return int(numbers + each * held.counts["succeeded"] + REFUSED_ROW * held.others * text)


def table_rows(held: Held, table: Table) -> int:
    """Return the rows of a table without the header. For pairs of several items, that is an estimate."""
    return table.shown(held.rows(table.layout)) + held.others


def table_bytes(held: Held, tables: Sequence[Table], *, format: str) -> int:
    """Return the approximate size of a CSV file or a workbook with these tables, 0 if they have no row."""
    size = sum(_table_bytes(held, table, format) for table in tables)
    return int(size + WORKBOOK) if size and format == "xlsx" else int(size)


def _table_bytes(held: Held, table: Table, format: str) -> float:
    number = DECIMALS if format == "csv" else PACKED
    rows = table.shown(held.rows(table.layout))
    if table.layout:
        keys = OTHER_ROW[format] + KEY[format] * len(table.layout.heads)
    else:
        keys = ITEM_ROW[format] + _item_keys(table.columns, format)
    # Probabilities are float32, also if they are computed from float64.
    cells = [
        number[4] if cell == "probability" else number[c.itemsize]
        for c in table.columns
        for cell in c.cells
        if not c.position
    ]
    return rows * (keys + sum(cells)) + REFUSED_ROW * held.others


def _item_keys(columns: Sequence[Column], format: str) -> float:
    keys = keys_in(columns)
    return ITEM_KEY[format] * len(keys.heads) if keys else 0.0


def _row_bytes(column: Column) -> int:
    return column.width * column.itemsize
