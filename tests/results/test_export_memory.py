"""Downloads of any length take the same memory."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Callable

import numpy as np
import pytest

from jobs.library.outputs import checksum
from jobs.models import Chunk, Item, Job, Output
from jobs.results.export import FORMATS, export_open
from tests.results.export_library import library

pytestmark = pytest.mark.django_db


def test_memory_is_flat_in_the_number_of_items(monkeypatch):
    # Pages and blocks are so small that both jobs fill every one of them.
    monkeypatch.setattr("jobs.results.export.reading.PAGE_ITEMS", 256)
    monkeypatch.setattr("jobs.results.export.reading.PAGE_BYTES", 128 * 1024)
    monkeypatch.setattr("jobs.results.export.npz.SNAPSHOT_PAGE", 64)
    monkeypatch.setattr("jobs.files.pieces.BLOCK_BYTES", 8 * 1024)
    small, large = large_job(1_000), large_job(10_000)
    monkeypatch.setattr("jobs.results.export.arrays.BATCH_BYTES", 128 * 1024)
    for format in (name for name, format in FORMATS.items() if format.blocks):
        assert peak_bytes(large, format) < 1.25 * peak_bytes(small, format), format


def large_job(items: int) -> Job:
    """A finished job of `items` mean embeddings, written in bulk; every chunk has the same numbers."""
    job = library("encode", items=0).job
    chunks = Chunk.objects.bulk_create(
        Chunk(job=job, first_index=8 * n, model="e1-demo", state="done", n_items=8, n_succeeded=8, n_tokens=8)
        for n in range(items // 8)
    )
    Item.objects.bulk_create(
        (Item(job=job, index=i, chunk=chunks[i // 8], name=f"p{i:05}", sequence="M" * 30) for i in range(items)),
        batch_size=2_000,
    )
    data = np.random.default_rng(2).normal(size=(8, 128)).astype("<f4").tobytes()
    row = {"kind": "mean", "layer": 6, "dtype": "<f4", "width": 128, "rows": [1] * 8, "data": data}
    Output.objects.bulk_create(
        (Output(chunk=chunk, checksum=checksum(data), **row) for chunk in chunks), batch_size=500
    )
    return job


def peak_bytes(job: Job, format: str) -> int:
    """Most memory that Python held while the file was written."""

    def write() -> None:
        for _ in export_open(job, format).blocks:
            pass

    return peak_of(write)


def peak_of(work: Callable[[], object]) -> int:
    """Most memory that Python held during the second of two runs: the first one imports what is imported late.

    Frozen, so that the collector looks at what the work leaves behind as often as it would in a small process.
    """
    work()
    gc.collect()
    gc.freeze()
    # CPython 3.11 skips a full collection until what is new is a quarter of what was there at the last one, and
    # freezing does not change that number: this does.
    gc.collect()
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
        gc.unfreeze()
