"""Analyses of a library, as a service worker makes them: embeddings from Postgres, a child process, files back.

Time is that of the whole, which another program on the machine makes longer (the child lets others go first), and the
processor time of the child, which it hardly does. Memory is the highest of the child, and what the worker itself adds.
"""

from __future__ import annotations

import os
import resource
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

from benchmarks.finished_jobs import encoded_job
from benchmarks.measuring import Row
from benchmarks.service_data import FACTS, clear
from benchmarks.service_stack import MODEL, Service, forget_peak, peak_megabytes

WORKS: Sequence[tuple[str, dict[str, Any]]] = (
    ("neighbours", {"k": 10}),
    ("clusters", {"method": "auto"}),
    ("clusters", {"method": "kmeans"}),
    ("map", {"method": "pca"}),
    ("map", {"method": "umap"}),
)
LOOK_SECONDS = 0.05


@dataclass(slots=True)
class Peak:
    """The most resident memory of any child, in 10^6 bytes."""

    megabytes: float = 0.0


@contextmanager
def _watched_children() -> Iterator[Peak]:
    """The peak of this process's children while the block runs; those of before do not count."""
    before, ended, peak = set(_all_children()), threading.Event(), Peak()

    def look() -> None:
        while not ended.wait(LOOK_SECONDS):
            for pid in set(_all_children()) - before:
                try:
                    peak.megabytes = max(peak.megabytes, peak_megabytes(pid))
                except (OSError, RuntimeError):
                    continue  # it has just ended

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield peak
    finally:
        ended.set()
        thread.join()


def _all_children() -> list[int]:
    """Children of all threads: a child belongs to the thread that started it."""
    found: list[int] = []
    for task in Path(f"/proc/{os.getpid()}/task").iterdir():
        try:
            found += [int(pid) for pid in (task / "children").read_text(encoding="ascii").split()]
        except OSError:
            continue  # the thread has ended
    return found


def analyses(service: Service, *, items: Sequence[int], widths: Sequence[int]) -> Iterator[Row]:
    """Each kind of analysis over libraries of these sizes; what a setting refuses is reported as refused."""
    for width in widths:
        for count in items:
            clear()
            job_id = encoded_job(model=MODEL, layer=FACTS.layers, items=count, width=width)
            for kind, params in WORKS:
                yield from _measured(job_id, kind, params, f"{count} x {width}")


def _processor_seconds() -> float:
    """Of all children that have ended."""
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    return ended.ru_utime + ended.ru_stime


def _measured(job_id: UUID, kind: str, params: dict[str, Any], size: str) -> Iterator[Row]:
    from jobs.errors import InvalidInput
    from jobs.maps.services import analysis_request
    from jobs.models import Artefact, Job
    from jobs.tasks.building import artefact_build

    name = f"analyses: {kind} {params.get('method', '')}".rstrip() + f", {size}"
    try:
        artefact = analysis_request(job=Job.objects.get(pk=job_id), kind=kind, params=params)
    except InvalidInput as refused:
        yield Row(f"{name}: refused", 0.0, "s", "", 0.0, {"reason": refused.detail})
        return
    forget_peak(os.getpid())
    began, resident = time.perf_counter(), peak_megabytes(os.getpid())
    spent = _processor_seconds()
    with _watched_children() as peak:
        made = artefact_build(artefact_id=artefact.pk)
    spent = _processor_seconds() - spent
    seconds = time.perf_counter() - began
    added = peak_megabytes(os.getpid()) - resident
    artefact = Artefact.objects.get(pk=artefact.pk)
    if not made:
        raise RuntimeError(f"{name}: {artefact.reason}")
    detail = {
        "bytes": artefact.size,
        "facts": {key: artefact.facts[key] for key in artefact.facts if "sizes" not in key},
    }
    yield Row(f"{name}", seconds, "s", "", 0.0, detail)
    yield Row(f"{name}, processor time of the child", spent, "s", "", 0.0, detail)
    yield Row(f"{name}, memory of the child", peak.megabytes, "MB", "", 0.0, detail)
    yield Row(f"{name}, memory added to the worker", added, "MB", "", 0.0, detail)
