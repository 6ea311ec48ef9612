"""Analyses of a library as a service worker runs them: embeddings from Postgres, a child process, and result files.

Two times are reported. The total time suffers from other programs on the machine, to which the child yields. The
processor time of the child hardly does. Memory is the peak of the child, and the growth of the worker itself.
"""

from __future__ import annotations

import os
import resource
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
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


@contextmanager
def _watched_children() -> Iterator[list[float]]:
    """Collect the memory of children that start within the block, in 10^6 bytes."""
    before, ended = set(_all_children()), threading.Event()
    seen = [0.0]

    def look() -> None:
        while not ended.wait(LOOK_SECONDS):
            for pid in set(_all_children()) - before:
                with suppress(OSError, RuntimeError):  # it has just ended
                    seen.append(peak_megabytes(pid))

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield seen
    finally:
        ended.set()
        thread.join()


def _all_children() -> list[int]:
    """Return the children of all threads: a child belongs to the thread that started it."""
    found: list[int] = []
    for task in Path(f"/proc/{os.getpid()}/task").iterdir():
        with suppress(OSError):  # the thread has ended
            found += [int(pid) for pid in (task / "children").read_text(encoding="ascii").split()]
    return found


def analyses(service: Service, *, items: Sequence[int], widths: Sequence[int], umap: bool = True) -> Iterator[Row]:
    """Run each kind of analysis over libraries of these sizes. Refused ones are reported as refused.

    Without `umap` that method is left out: it compiles for half a minute at any size.
    """
    works = [work for work in WORKS if umap or work[1].get("method") != "umap"]
    for width in widths:
        for count in items:
            clear()
            job_id = encoded_job(model=MODEL, layer=FACTS.layers, items=count, width=width)
            for kind, params in works:
                yield from _measured(job_id, kind, params, f"{count} x {width}")


def _processor_seconds() -> float:
    """Return the processor time of all children that have ended."""
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
    with _watched_children() as megabytes:
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
    yield Row(name, seconds, "s", "", 0.0, detail)
    yield Row(f"{name}, processor time of the child", spent, "s", "", 0.0, detail)
    yield Row(f"{name}, memory of the child", max(megabytes), "MB", "", 0.0, detail)
    yield Row(f"{name}, memory added to the worker", added, "MB", "", 0.0, detail)
