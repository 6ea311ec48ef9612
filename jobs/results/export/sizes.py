"""How large a download will be, before anything is read: from the shapes that the job's parameters promise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from jobs.actions.columns import Column
from jobs.models import Job

TEXT_PER_BINARY = 2.75
"""Numbers as decimals over float32: 137 MB of JSONL for 50 MB of NPZ, 240 proteins with all outputs of e1-demo."""
TEXT_BYTES = 4
"""A float16 is written like the float32 of the same value (docs/results.md), so its decimals are as long."""
ROW_OVERHEAD = {"jsonl": 75, "csv": 25, "npz": 48, "parquet": 17, "h5": 32}
"""Bytes of a row beside its numbers with a name of ten letters, from how each format writes a row; a test holds them
near the truth.
"""
REFUSED_ROW = 250
"""Bytes of a text row that says why an item has no result."""


def estimated_bytes(job: Job, counts: Mapping[str, int], columns: Sequence[Column], *, format: str) -> int:
    """About the size of a download now, from the items that have succeeded and the residues of the whole job."""
    done = counts["succeeded"]
    share = done / max(1, counts["total"] - counts["skipped"])
    text = format in ("jsonl", "csv")
    numbers = sum(_bytes_of(column, job, done, share, TEXT_BYTES if text else 0) for column in columns)
    if not text:
        return int(numbers + ROW_OVERHEAD[format] * done)
    others = counts["failed"] + counts["skipped"] + counts["cancelled"]
    return int(numbers * TEXT_PER_BINARY + ROW_OVERHEAD[format] * done + REFUSED_ROW * others)


def _bytes_of(column: Column, job: Job, items: int, share: float, least: int) -> float:
    """Bytes of the column's numbers, each taken for at least `least`."""
    itemsize = max(least, column.numpy_dtype.itemsize)
    rows: Any = job.total_residues * share if column.ragged else items
    return float(rows * column.width * itemsize)
