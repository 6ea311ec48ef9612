"""Downloads: a job's results as a file that is written while it is sent. Start at `export_open`.

In every format, rows are in input order, and memory does not grow with the number of items. `docs/results.md` describes
the contents of each file. `rows` writes JSON lines, `tables` CSV and XLSX, and `npz` writes NPZ. `arrays` makes the
batches of Parquet, and of HDF5, which is built in the background. `reading` finds the numbers for all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from jobs.errors import InvalidInput
from jobs.models import Job
from jobs.results.export.arrays import parquet_blocks
from jobs.results.export.names import job_file
from jobs.results.export.npz import npz_blocks
from jobs.results.export.reading import ExportBroken
from jobs.results.export.rows import jsonl_blocks
from jobs.results.export.tables import WHOLE, Part, csv_blocks, xlsx_blocks

__all__ = ["FORMATS", "Export", "ExportBroken", "Format", "Part", "export_open", "filename_of", "format_of"]


@dataclass(frozen=True, slots=True)
class Format:
    """A kind of file. `blocks` writes it while it is sent; without it, a service worker builds the file first.

    `tables` is whether it consists of the job's tables.
    """

    content_type: str
    suffix: str
    blocks: Callable[[Job, Part], Iterator[bytes]] | None
    tables: bool = False


@dataclass(frozen=True, slots=True)
class Export:
    """A download that can be sent once. An error in `blocks` must break off the transfer."""

    content_type: str
    filename: str
    blocks: Iterator[bytes]


FORMATS: Mapping[str, Format] = MappingProxyType(
    {
        "jsonl": Format("application/x-ndjson", "jsonl", lambda job, _: jsonl_blocks(job)),
        "csv": Format("text/csv; charset=utf-8", "csv", csv_blocks, tables=True),
        "xlsx": Format(
            "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "xlsx", xlsx_blocks, tables=True
        ),
        # No type of its own, and as application/zip some browsers would unpack it.
        "npz": Format("application/octet-stream", "npz", lambda job, _: npz_blocks(job)),
        "parquet": Format("application/vnd.apache.parquet", "parquet", lambda job, _: parquet_blocks(job)),
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


def filename_of(job: Job, format: str, table: str = "") -> str:
    """Return the name that a browser gives to the file."""
    return job_file(job, table, suffix=format_of(format).suffix)


def export_open(job: Job, format: str, part: Part = WHOLE) -> Export:
    """Return the finished results of a job in a format that is written while it is sent.

    If the job still runs, they are those finished so far. Raises InvalidInput before the first byte: `unknown_format`,
    or what the tables of a job refuse (`jobs.results.export.tables`). `blocks` raises ExportBroken if the job is
    deleted during the transfer, or if stored bytes are damaged.
    """
    chosen = format_of(format)
    if chosen.blocks is None:
        raise ValueError(f"{format} is built before it is sent")
    if part.table and not chosen.tables:
        what = f"{format} has no tables: it holds all results"
        raise InvalidInput.one("unknown_table", what, "Leave table out, or choose csv or xlsx.", path="table")
    blocks = chosen.blocks(job, part)
    return Export(content_type=chosen.content_type, filename=filename_of(job, format, part.table), blocks=blocks)
