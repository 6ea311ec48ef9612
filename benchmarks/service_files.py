"""Large uploads and downloads: seconds, megabytes a second, and the peak memory of the web process."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

import orjson

from benchmarks.measuring import Row, Timed
from benchmarks.service_data import FACTS, RESIDUES, clear, fasta, lay_out_job
from benchmarks.service_stack import MODEL, Service, forget_peak, peak_megabytes

STREAMED = ("npz", "parquet", "jsonl", "csv")
TARGETS = {"npz": (">= 100", "<= 300"), "parquet": ("", "<= 300"), "jsonl": ("", "<= 300"), "csv": ("", "<= 300")}


def ingest(service: Service, *, sequences: int, repeats: int) -> Iterator[Row]:
    """Time the upload of a FASTA file until the job is queued. Client, web process and Postgres share the machine."""
    library = fasta(service.folder.path, sequences)
    small = fasta(service.folder.path, 1000)
    with service.web() as pid:
        submit(service, small)
        timed, memory, spent = _repeated(service, pid, repeats, lambda: submit(service, library)[1], before=clear)
    detail = {"sequences": sequences, "residues": RESIDUES, "bytes": library.stat().st_size, **spent}
    million = sequences == 1_000_000
    name = f"ingest: {sequences} sequences of {RESIDUES}"
    yield Row(f"{name}, until queued", timed.median, "s", "<= 60" if million else "", timed.noise, detail)
    yield Row(f"{name}, web process", memory.median, "MB resident", "<= 400", memory.noise, detail)


def _repeated(
    service: Service, pid: int, repeats: int, work: Callable[[], float], *, before: Callable[[], None] = lambda: None
) -> tuple[Timed, Timed, dict[str, Any]]:
    """Repeat the work; return its results, the peak memory of process `pid`, and the processor time it took."""
    results, peaks, spent = [], [], []
    for _ in range(repeats):
        before()
        forget_peak(pid)
        start = service.usage()
        results.append(work())
        spent.append(service.usage() - start)
        peaks.append(peak_megabytes(pid))
    processor = {
        f"{name}_cpu_s": statistics.median(getattr(one, name) for one in spent) for name in ("web", "postgres")
    }
    return Timed(results), Timed(peaks), {**processor, "repeats": repeats}


def submit(service: Service, library: Path) -> tuple[UUID, float]:
    """Upload a FASTA file to the web process; return the job and the seconds until it was queued."""
    query = f"/api/jobs/?model={MODEL}&action=encode&params=%7B%22include%22%3A%5B%22mean%22%5D%7D"
    headers = {"Content-Type": "text/x-fasta", "Content-Length": str(library.stat().st_size)}
    started = time.perf_counter()
    with library.open("rb") as file:
        status, body = service.request("POST", query, body=file, headers=headers)
    seconds = time.perf_counter() - started
    if status != 202:
        raise RuntimeError(f"the upload was answered {status}: {body[:2000]!r}")
    return UUID(orjson.loads(body)["id"]), seconds


def download(
    service: Service, *, sequences: int, repeats: int, formats: Sequence[str] = STREAMED, hdf5: bool = True
) -> Iterator[Row]:
    """Download every format of a finished job of mean embeddings to a client that discards it."""
    from jobs.background.artefacts import artefact_request
    from jobs.models import Job
    from jobs.tasks.building import artefact_build

    clear()
    job_id = lay_out_job(sequences, done=1.0, outputs=True)
    what = f"{sequences} x {FACTS.hidden_size} float32"
    with service.web() as pid:
        for format in formats:
            path = f"/api/jobs/{job_id}/results/?format={format}"
            yield from _download(service, pid, path, f"download: {format}, {what}", repeats, TARGETS[format])
        if hdf5:
            artefact = artefact_request(job=Job.objects.get(pk=job_id), kind="h5")
            started = time.perf_counter()
            if not artefact_build(artefact_id=artefact.pk):
                raise RuntimeError("the HDF5 file could not be built")
            seconds = time.perf_counter() - started
            artefact.refresh_from_db()
            rate = artefact.size / seconds / 1e6
            yield Row(f"download: h5, {what}, built", rate, "MB/s", "", 0.0, {"seconds": seconds})
            path = f"/api/jobs/{job_id}/artefacts/{artefact.pk}/"
            yield from _download(service, pid, path, f"download: h5, {what}, sent", repeats, ("", "<= 300"))


def _download(
    service: Service, pid: int, path: str, name: str, repeats: int, targets: tuple[str, str]
) -> Iterator[Row]:
    sizes = []

    def rate_of_one() -> float:
        size, seconds = service.download(path)
        sizes.append(size)
        return size / seconds / 1e6

    rate, peak, spent = _repeated(service, pid, repeats, rate_of_one)
    detail = {"bytes": sizes[-1], **spent}
    yield Row(f"{name}, rate", rate.median, "MB/s", targets[0], rate.noise, detail)
    yield Row(f"{name}, web process", peak.median, "MB resident", targets[1], peak.noise, detail)
