"""How large a download will be, before anything is read: from the shapes that the job's parameters promise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from jobs.export.columns import Column
from jobs.models import Job

TEXT_PER_BINARY = 2.75
"""Numbers as decimals over float32: 137 MB of JSONL for 50 MB of NPZ, 240 proteins with all outputs of e1-demo."""
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
    numbers = sum(_bytes_of(column, job, done, share) for column in columns)
    if format not in ("jsonl", "csv"):
        return int(numbers + ROW_OVERHEAD[format] * done)
    others = counts["failed"] + counts["skipped"] + counts["cancelled"]
    return int(numbers * TEXT_PER_BINARY + ROW_OVERHEAD[format] * done + REFUSED_ROW * others)


def _bytes_of(column: Column, job: Job, items: int, share: float) -> float:
    itemsize: int = column.numpy_dtype.itemsize
    rows: Any = job.total_residues * share if column.ragged else items
    return float(rows * column.width * itemsize)
