"""Succeeded items with their arrays, in batches, for Parquet and HDF5 files."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from e1protocol import CANONICAL, MODELS
from jobs.actions import get_action
from jobs.actions.columns import Column, keys_in
from jobs.actions.predict import mask_positions
from jobs.attribution import attribution
from jobs.files import Rows
from jobs.files.parquet import ParquetFile
from jobs.files.pieces import BLOCK_BYTES, Outlet
from jobs.models import Job
from jobs.results.export.columns import columns_of
from jobs.results.export.reading import groups, item_pages, load, place

BATCH_BYTES = 4 * 1024 * 1024
BATCH_ITEMS = 65_536
"""The first of these limits ends a row group. They keep reading fast and memory small."""


def parquet_blocks(job: Job) -> Iterator[bytes]:
    """Yield the file in blocks, written while it is sent."""
    columns = columns_of(job)
    outlet = Outlet()
    file = ParquetFile(outlet, columns, masked=is_masked(job))
    for rows in batches(job, columns):
        file.write(rows)
        if outlet.size >= BLOCK_BYTES:
            yield outlet.take()
    file.close(facts_of(job))
    yield outlet.take()


def batches(job: Job, columns: tuple[Column, ...]) -> Iterator[Rows]:
    """Yield all items that have succeeded when their page is read. Raises ExportBroken as `reading` does."""
    masked, keys = is_masked(job), keys_in(columns)
    rows = Rows()
    for page in item_pages(job, sequences=masked or keys is not None, problems=False):
        for group in groups(place([item for item in page if item.succeeded], columns)):
            for one, arrays in zip(group, load(group), strict=True):
                mask = mask_positions(one.item.sequence) if masked else None
                texts = keys.texts(one.item.sequence) if keys else None
                rows.add(one.item.index, one.item.name, arrays, mask, texts)
            if rows.nbytes >= BATCH_BYTES or len(rows) >= BATCH_ITEMS:
                yield rows
                rows = Rows()
    if len(rows):
        yield rows


def is_masked(job: Job) -> bool:
    """Return whether files of this job have the positions of `?`."""
    return get_action(job.action).needs_mask


def facts_of(job: Job) -> dict[str, Any]:
    """Return the facts that a file has about itself; the manifest has the others."""
    model = MODELS[job.model]
    return {
        "job": str(job.pk),
        "name": job.name,
        "model": job.model,
        "action": job.action,
        "params": job.params,
        "demonstration": model.demonstration,
        "attribution": attribution(model),
        "vocab_tokens": list(CANONICAL),
    }
