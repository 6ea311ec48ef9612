"""The formats that a job's page offers, each with its purpose and size."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from urllib.parse import urlencode

from django.urls import reverse

from jobs.background import artefacts
from jobs.files.tables import Table, tables_of
from jobs.files.xlsx import too_large
from jobs.models import Job
from jobs.models.states import ArtefactState, WorkState
from jobs.queue import progress
from jobs.results.export import FORMATS
from jobs.results.export.columns import columns_of
from jobs.results.export.sizes import Held, file_bytes, held_of, table_bytes, table_rows
from jobs.results.export.tables import outgrown

TITLES = {"jsonl": "JSONL", "npz": "NPZ", "parquet": "Parquet", "h5": "HDF5"}
"""The names of formats, which differ from the endings of their files."""
PURPOSES = {
    "jsonl": "Text, one line for each item, failed ones with their reason.",
    "csv": "A table for spreadsheets, R and pandas",
    "xlsx": "A workbook for Excel and LibreOffice that keeps every name",
    "npz": "Arrays for numpy: exact and compact.",
    "parquet": "A table of arrays for pandas, polars and R's arrow.",
    "h5": "Arrays for h5py and MATLAB.",
}


@dataclass(frozen=True, slots=True)
class Download:
    """One line of the list. `refused` is the reason why the job cannot have the format.

    `key` identifies it on the page, and `title` is its link. `bytes` is an estimate unless `exact`. A format that must
    be built has a `build`: none, waiting, building, ready, behind or failed.
    """

    format: str
    key: str
    title: str
    purpose: str
    url: str
    bytes: int
    exact: bool = False
    refused: str = ""
    build: str = ""
    reason: str = ""


def downloads_of(job: Job, counts: Mapping[str, int]) -> list[Download]:
    """Return every format of the service, in the order of the list. CSV has a line for each table."""
    columns = columns_of(job)
    tables, held = tables_of(columns), held_of(job, counts, columns)
    found: list[Download] = []
    for name, format in FORMATS.items():
        if name == "csv":
            found += _csv(job, held, tables)
        elif name == "xlsx":
            found += _xlsx(job, held, tables)
        else:
            size = file_bytes(held, columns, format=name)
            one = Download(name, name, TITLES[name], PURPOSES.get(name, ""), _address(job, format=name), size)
            found.append(one if format.blocks else _built(job, one))
    return found


def _csv(job: Job, held: Held, tables: tuple[Table, ...]) -> Iterator[Download]:
    several = len(tables) > 1
    for table in tables:
        # Without the mark, Excel reads UTF-8 as another encoding, and shows other letters in names.
        asked = {"format": "csv", **({"table": table.name} if several else {}), "bom": "true"}
        key, title = (f"csv-{table.name}", f"CSV: {table.name}") if several else ("csv", "CSV")
        purpose = f"{PURPOSES['csv']}: a row for each {table.each}."
        yield Download("csv", key, title, purpose, _address(job, **asked), table_bytes(held, [table], format="csv"))


def _xlsx(job: Job, held: Held, tables: tuple[Table, ...]) -> Iterator[Download]:
    """Yield the workbook with all tables, or one line for each if a sheet cannot hold all of them."""
    reasons = {table.name: _refusal(job, held, table) for table in tables}
    apart = len(tables) > 1 and any(reasons.values())
    for part in [(table,) for table in tables] if apart else [tables]:
        asked = {"format": "xlsx", **({"table": part[0].name} if apart else {})}
        key, title = (f"xlsx-{part[0].name}", f"XLSX: {part[0].name}") if apart else ("xlsx", "XLSX")
        rows = f"a row for each {' and '.join(table.each for table in part)}{', in sheets' if len(part) > 1 else ''}"
        size = table_bytes(held, part, format="xlsx")
        one = Download("xlsx", key, title, f"{PURPOSES['xlsx']}: {rows}.", _address(job, **asked), size)
        reason = reasons[part[0].name]
        yield replace(one, refused=f"Not here: {reason}. CSV has the same table without a limit.") if reason else one


def _refusal(job: Job, held: Held, table: Table) -> str:
    """Return why a sheet cannot hold a table, now or once the job is over; "" if it can."""
    rows = table_rows(held, table)
    return too_large(table, rows) or outgrown(job, table, rows, held.counts)


def _address(job: Job, **asked: str) -> str:
    return f"{reverse('job-results', args=[job.pk])}?{urlencode(asked)}"


def _built(job: Job, download: Download) -> Download:
    artefact = artefacts.artefact_of(job, download.format)
    if artefact is None:
        return replace(download, build="none")
    if artefact.state != WorkState.DONE:
        return replace(download, build=ArtefactState.of(artefact.state), reason=artefact.reason)
    behind = artefact.fingerprint != progress.results_fingerprint(job)
    url = reverse("job-artefact", args=[job.pk, artefact.pk])
    return replace(download, url=url, bytes=artefact.size, exact=True, build="behind" if behind else "ready")
