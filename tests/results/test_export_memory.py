"""Downloads of any length take the same memory."""

from __future__ import annotations

import pytest

from jobs.models import Job
from jobs.results.export import FORMATS, export_open
from tests.helpers import peak_of
from tests.libraries import large_job

pytestmark = pytest.mark.django_db


@pytest.mark.full
@pytest.mark.slow
def test_memory_is_flat_in_the_number_of_items(monkeypatch):
    # Pages and blocks are so small that both jobs fill every one of them.
    monkeypatch.setattr("jobs.results.export.reading.PAGE_ITEMS", 256)
    monkeypatch.setattr("jobs.results.export.reading.PAGE_BYTES", 128 * 1024)
    monkeypatch.setattr("jobs.results.export.npz.SNAPSHOT_PAGE", 64)
    monkeypatch.setattr("jobs.files.pieces.BLOCK_BYTES", 8 * 1024)
    monkeypatch.setattr("jobs.results.export.tables.PAGE_CHUNKS", 64)
    small, large = large_job(1_000), large_job(4_000)
    monkeypatch.setattr("jobs.results.export.arrays.BATCH_BYTES", 128 * 1024)
    for format in (name for name, format in FORMATS.items() if format.blocks):
        assert peak_bytes(large, format) < 1.25 * peak_bytes(small, format), format
    # Tables with 600 rows for each item. Queries leave cycles to the collector, so the smaller job has many pages too.
    monkeypatch.setattr("jobs.results.export.reading.PAGE_ITEMS", 64)
    small, large = large_job(320, "logits"), large_job(960, "logits")
    for format in ("csv", "xlsx"):
        assert peak_bytes(large, format) < 1.25 * peak_bytes(small, format), format


def peak_bytes(job: Job, format: str) -> int:
    """Most memory that Python held while the file was written."""

    def write() -> None:
        for _ in export_open(job, format).blocks:
            pass

    return peak_of(write)
