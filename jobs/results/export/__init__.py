"""Downloads: a job's results as a file that is written while it is sent. `export_open` is the way in.

Rows are in input order and memory is flat in the number of items, whatever the format. What each file holds
stands in `docs/results.md`; `rows` writes JSON lines and CSV, `npz` writes arrays, `reading` finds both their
numbers; `arrays` gives batches to Parquet files, and to HDF5 files, which are built in the background.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from jobs.errors import InvalidInput, Problem
from jobs.models import Job
from jobs.results.export.arrays import parquet_blocks
from jobs.results.export.columns import columns_of
from jobs.results.export.npz import npz_blocks
from jobs.results.export.reading import ExportBroken
from jobs.results.export.rows import csv_blocks, jsonl_blocks

__all__ = ["FORMATS", "Export", "ExportBroken", "Format", "export_open", "filename_of", "format_of"]


@dataclass(frozen=True, slots=True)
class Format:
    """A kind of file. `blocks` writes a job's results while they are sent; without it, a service worker builds the
    file first (`jobs.background.artefacts`). `holds_ragged` says whether arrays of many rows an item fit.
    """

    content_type: str
    suffix: str
    blocks: Callable[[Job], Iterator[bytes]] | None
    holds_ragged: bool = True


@dataclass(frozen=True, slots=True)
class Export:
    """A download that is ready to be sent, once. An error in `blocks` means that the transfer must break off."""

    content_type: str
    filename: str
    blocks: Iterator[bytes]


FORMATS: Mapping[str, Format] = MappingProxyType(
    {
        "jsonl": Format("application/x-ndjson", "jsonl", jsonl_blocks),
        "csv": Format("text/csv; charset=utf-8", "csv", csv_blocks, holds_ragged=False),
        # No type of its own, and as application/zip some browsers would unpack it.
        "npz": Format("application/octet-stream", "npz", npz_blocks),
        "parquet": Format("application/vnd.apache.parquet", "parquet", parquet_blocks),
        "h5": Format("application/x-hdf5", "h5", None),
    }
)


def format_of(name: str) -> Format:
    """The format of this name; raises InvalidInput `unknown_format`."""
    chosen = FORMATS.get(name)
    if chosen is None:
        raise InvalidInput.of(
            Problem(
                "unknown_format",
                f"there is no results format {name!r}",
                f"Choose from {', '.join(FORMATS)}.",
                path="format",
            )
        )
    return chosen


def filename_of(job: Job, format: str) -> str:
    """The name under which a browser keeps the job's results."""
    return f"{job.model}-{job.action}-{job.pk.hex[:8]}.{format_of(format).suffix}"


def export_open(job: Job, format: str) -> Export:
    """The job's finished results in a format that is written while it is sent; a running job gives what is finished
    so far.

    Raises InvalidInput before the first byte: `unknown_format`, or `ragged_results` where the format cannot
    hold what the job stores. `blocks` raises ExportBroken where the job is deleted meanwhile or stored bytes
    are damaged.
    """
    chosen = format_of(format)
    if chosen.blocks is None:
        raise ValueError(f"{format} is built before it is sent")
    if not chosen.holds_ragged:
        _refuse_ragged(job, format)
    return Export(content_type=chosen.content_type, filename=filename_of(job, format), blocks=chosen.blocks(job))


def _refuse_ragged(job: Job, format: str) -> None:
    ragged = [column.name for column in columns_of(job) if column.ragged]
    if ragged:
        able = ", ".join(name for name, other in FORMATS.items() if other.holds_ragged)
        raise InvalidInput.of(
            Problem(
                "ragged_results",
                f"{format} cannot hold {', '.join(ragged)}: their rows differ in number from item to item",
                f"Choose from {able}.",
                path="format",
            )
        )
