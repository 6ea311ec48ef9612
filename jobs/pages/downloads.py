"""The formats that a job's page offers, each with its purpose and size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from django.urls import reverse

from jobs.actions.columns import Column
from jobs.background import artefacts
from jobs.models import Job
from jobs.models.states import ArtefactState, WorkState
from jobs.queue import progress
from jobs.results.export import FORMATS, Format
from jobs.results.export.columns import columns_of
from jobs.results.export.sizes import estimated_bytes

PURPOSES = {
    "jsonl": "Text, one line for each item, failed ones with their reason.",
    "csv": "A table for spreadsheets and R.",
    "npz": "Arrays for numpy: exact and compact.",
    "parquet": "A table of arrays for pandas, polars and R's arrow.",
    "h5": "HDF5: arrays for h5py and MATLAB.",
}


@dataclass(frozen=True, slots=True)
class Download:
    """One line of the list. `refused` is the reason why the job cannot have the format.

    `bytes` is an estimate unless `exact`. A format that must be built has a `build`: none, waiting, building, ready,
    behind or failed.
    """

    format: str
    purpose: str
    url: str
    bytes: int
    exact: bool = False
    refused: str = ""
    build: str = ""
    reason: str = ""


def downloads_of(job: Job, counts: Mapping[str, int]) -> list[Download]:
    """Return every format of the service, in the order of the list."""
    columns = columns_of(job)
    return [_download(job, counts, columns, name, format) for name, format in FORMATS.items()]


def _download(job: Job, counts: Mapping[str, int], columns: Sequence[Column], name: str, format: Format) -> Download:
    url = f"{reverse('job-results', args=[job.pk])}?format={name}"
    download = Download(name, PURPOSES.get(name, ""), url, estimated_bytes(job, counts, columns, format=name))
    ragged = [column.name for column in columns if column.ragged]
    if ragged and not format.holds_ragged:
        return replace(download, refused=f"not for {', '.join(ragged)}: rows differ in number from item to item")
    return download if format.blocks else _built(job, download)


def _built(job: Job, download: Download) -> Download:
    artefact = artefacts.artefact_of(job, download.format)
    if artefact is None:
        return replace(download, build="none")
    if artefact.state != WorkState.DONE:
        return replace(download, build=ArtefactState.of(artefact.state), reason=artefact.reason)
    behind = artefact.fingerprint != progress.results_fingerprint(job)
    url = reverse("job-artefact", args=[job.pk, artefact.pk])
    return replace(download, url=url, bytes=artefact.size, exact=True, build="behind" if behind else "ready")
