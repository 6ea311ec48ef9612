"""The size of a download before anything is read, from the columns of the job."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from jobs.actions.columns import Column
from jobs.models import Job

TEXT_PER_BINARY = 2.75
"""Numbers as decimals over float32: 137 MB of JSONL for 50 MB of NPZ, 240 proteins with all outputs of e1-demo."""
TEXT_BYTES = 4
"""Decimals of a float16 are as long as those of the same float32 (docs/results.md)."""
ROW_OVERHEAD = {"jsonl": 75, "csv": 25, "npz": 48, "parquet": 17, "h5": 32}
"""Bytes of a row beside its numbers, with a name of ten letters. A test compares them with real files."""
REFUSED_ROW = 250
"""Bytes of a text row of an item without a result."""


def estimated_bytes(job: Job, counts: Mapping[str, int], columns: Sequence[Column], *, format: str) -> int:
    """Return the approximate size of a download now, from the succeeded items and the residues of the whole job."""
    done = counts["succeeded"]
    share = done / max(1, counts["total"] - counts["skipped"])
    text = format in ("jsonl", "csv")
    numbers = sum(_bytes_of(column, job, done, share, TEXT_BYTES if text else 0) for column in columns)
    if not text:
        return int(numbers + ROW_OVERHEAD[format] * done)
    others = counts["failed"] + counts["skipped"] + counts["cancelled"]
    return int(numbers * TEXT_PER_BINARY + ROW_OVERHEAD[format] * done + REFUSED_ROW * others)


def _bytes_of(column: Column, job: Job, items: int, share: float, least: int) -> float:
    """Return the bytes of the column's numbers, each counted as at least `least`."""
    itemsize = max(least, column.numpy_dtype.itemsize)
    rows: Any = job.total_residues * share if column.ragged else items
    return float(rows * column.width * itemsize)
