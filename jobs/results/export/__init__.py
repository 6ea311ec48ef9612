"""Downloads: a job's results as a file that is written while it is sent. Start at `export_open`.

In every format, rows are in input order, and memory does not grow with the number of items. `docs/results.md` describes
the contents of each file. `rows` writes JSON lines and CSV, `npz` writes NPZ, and `arrays` makes the batches of Parquet
and of HDF5, which is built in the background. `reading` finds the numbers for all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from jobs.errors import InvalidInput
from jobs.models import Job
from jobs.results.export.arrays import parquet_blocks
from jobs.results.export.columns import columns_of
from jobs.results.export.npz import npz_blocks
from jobs.results.export.reading import ExportBroken
from jobs.results.export.rows import csv_blocks, jsonl_blocks

__all__ = ["FORMATS", "Export", "ExportBroken", "Format", "export_open", "filename_of", "format_of"]


@dataclass(frozen=True, slots=True)
class Format:
    """A kind of file. `blocks` writes it while it is sent; without it, a service worker builds the file first.

    `holds_ragged` is whether arrays with several rows per item fit in it.
    """

    content_type: str
    suffix: str
    blocks: Callable[[Job], Iterator[bytes]] | None
    holds_ragged: bool = True


@dataclass(frozen=True, slots=True)
class Export:
    """A download that can be sent once. An error in `blocks` must break off the transfer."""

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
    """Return the format of this name. Raises InvalidInput `unknown_format`."""
    chosen = FORMATS.get(name)
    if chosen is None:
        choice = f"Choose from {', '.join(FORMATS)}."
        raise InvalidInput.one("unknown_format", f"there is no results format {name!r}", choice, path="format")
    return chosen


def filename_of(job: Job, format: str) -> str:
    """Return the name that a browser gives to the file."""
    return f"{job.model}-{job.action}-{job.pk.hex[:8]}.{format_of(format).suffix}"


def export_open(job: Job, format: str) -> Export:
    """Return the finished results of a job in a format that is written while it is sent.

    If the job still runs, they are those finished so far. Raises InvalidInput before the first byte: `unknown_format`,
    or `ragged_results` if the format cannot hold what the job stores. `blocks` raises ExportBroken if the job is
    deleted during the transfer, or if stored bytes are damaged.
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
        what = f"{format} cannot hold {', '.join(ragged)}: their rows differ in number from item to item"
        raise InvalidInput.one("ragged_results", what, f"Choose from {able}.", path="format")
