"""Load on one service by many clients, undisturbed and under faults: `python -m tests.faults load`.

It prints the tables of docs/performance.md. Afterwards every accepted library must exist once, with a number for each
item.
"""

from __future__ import annotations

import os
import socket
import threading
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from random import Random

import httpx

from e1client.errors import ClientError
from e1site.stack.processes import wait_gone
from tests.faults.answers import HEAD, Answer, Documents, Figures, Recorder, under_way
from tests.faults.clients import ITEMS, READERS, UPLOAD, Libraries, Scene, read_on, upload_on
from tests.faults.kinds import FAULTS, Fault, Strike
from tests.faults.service import RECOVER_SECONDS, Service

BEFORE, DURING = "none", "one after the other"
REST_SECONDS = 1.0
"""Pause between two faults."""
END_SECONDS = 600.0
"""Time for the clients to end: the last library is repeated until it is accepted."""
COMPLETE_SECONDS = 900.0
"""Time to compute everything that was accepted."""


@dataclass(frozen=True, slots=True)
class Load:
    """Amount and duration of the load.

    It has seconds before the faults, minimum seconds under them, threads for each kind of reading request, and threads
    that upload libraries.
    """

    quiet_seconds: float = 30.0
    fault_seconds: float = 60.0
    readers: int = 2
    uploaders: int = 8


@dataclass(frozen=True, slots=True)
class Report:
    """The outcome.

    `lost` are accepted libraries that are missing or incomplete, `doubled` those with two jobs. `complaints` are
    answers that no document names.
    """

    figures: Sequence[Figures]
    concurrent: Mapping[str, tuple[float, int]]
    seconds: Mapping[str, float]
    struck: Mapping[str, int]
    accepted: int
    given_up: int
    lost: Sequence[str]
    doubled: int
    complaints: Sequence[str]

    @property
    def whole(self) -> bool:
        done = self.accepted > 0 and not self.given_up and all(self.struck.values())
        return done and not self.lost and not self.doubled and not self.complaints

    def markdown(self) -> str:
        lines = [HEAD, *(figures.row() for figures in self.figures), ""]
        lines += ["| faults | seconds | answers a second, all kinds | uploads under way, average | at most |"]
        lines += ["|---|---|---|---|---|"]
        for phase, seconds in self.seconds.items():
            rate = sum(figures.answered for figures in self.figures if figures.phase == phase)
            average, most = self.concurrent[phase]
            lines.append(f"| {phase} | {seconds:.0f} | {rate:.1f} | {average:.1f} | {most} |")
        lines += [
            "",
            "| libraries accepted | items | lost | made twice | never accepted | undocumented answers |",
        ]
        lines += ["|---|---|---|---|---|---|"]
        numbers = (self.accepted, self.accepted * ITEMS, len(self.lost), self.doubled, self.given_up)
        lines += ["| " + " | ".join(map(str, (*numbers, len(self.complaints)))) + " |", ""]
        lines += ["Struck: " + "; ".join(f"{name} ({times})" for name, times in self.struck.items()) + "."]
        return "\n".join(lines)


def started(service: Service) -> Service:
    """Start the service at an address that it keeps over its restarts."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        service.port = probe.getsockname()[1]
    service.start()
    return service


def run(service: Service, load: Load, faults: Mapping[str, Fault] = FAULTS) -> Report:
    """Put load on the running service, strike, and check everything afterwards."""
    scene = _scene(service)
    with _clients(scene, load):
        marks = [time.monotonic()]
        time.sleep(load.quiet_seconds)
        marks.append(time.monotonic())
        struck = _strike(scene, faults, marks[1] + load.fault_seconds)
        marks.append(time.monotonic())
    seconds = {BEFORE: marks[1] - marks[0], DURING: marks[2] - marks[1]}
    phases = {BEFORE: (marks[0], marks[1]), DURING: (marks[1], marks[2])}
    figures, concurrent = [], {}
    for kind in (*READERS, UPLOAD):
        for phase, (first, last) in phases.items():
            answers = _between(scene.recorder.answers, kind, first, last)
            figures.append(Figures.of(kind, phase, answers, last - first))
            if kind == UPLOAD:
                uploads = [one for one in scene.recorder.answers if one.kind == UPLOAD]
                concurrent[phase] = under_way(uploads, first, last)
    libraries = scene.libraries
    lost = missing(service, libraries)
    complaints = [*libraries.complaints, *(one.complaint for one in scene.recorder.answers if one.complaint)]
    return Report(
        figures,
        concurrent,
        seconds,
        struck,
        len(libraries.accepted),
        len(libraries.given_up),
        lost,
        doubled(service, libraries),
        complaints,
    )


def _scene(service: Service) -> Scene:
    address, headers = f"http://127.0.0.1:{service.port}", {"Authorization": f"Token {service.token}"}
    document = httpx.get(f"{address}/api/schema/", headers=headers, timeout=60, trust_env=False).json()
    return Scene(service, Documents(document), Recorder(), Libraries(), threading.Event())


@contextmanager
def _clients(scene: Scene, load: Load) -> Iterator[None]:
    """Run all clients. They stop, and have ended, at the end of the block."""
    works = [partial(upload_on, scene, seed) for seed in range(load.uploaders)]
    works += [partial(read_on, scene, kind, seed) for kind in READERS for seed in range(load.readers)]
    threads = [threading.Thread(target=_noting, args=(scene, work), name=str(work.args[1:])) for work in works]
    try:
        for thread in threads[: load.uploaders]:
            thread.start()
        # Make a job for the clients that read.
        assert wait_gone(lambda: not scene.libraries.accepted, RECOVER_SECONDS), "nothing is accepted"
        for thread in threads[load.uploaders :]:
            thread.start()
        yield
    finally:
        scene.stop.set()
        end = time.monotonic() + END_SECONDS
        for thread in threads:
            if thread.ident is not None:
                thread.join(max(0.0, end - time.monotonic()))
        stuck = [thread.name for thread in threads if thread.is_alive()]
        assert not stuck, f"clients that do not end: {stuck}"


def _noting(scene: Scene, work: Callable[[], None]) -> None:
    """Run a client, and add what it raises to the complaints."""
    try:
        work()
    except Exception:
        scene.libraries.complaints.append(traceback.format_exc())


def _strike(scene: Scene, faults: Mapping[str, Fault], until: float) -> dict[str, int]:
    """Strike each fault once, and again until the time is over."""
    struck: Counter[str] = Counter()
    while not struck or time.monotonic() < until:
        for name, fault in faults.items():
            random = Random(struck.total())
            struck[name] += fault(Strike(scene.service, scene.some_job(random), random))
            time.sleep(REST_SECONDS)
    return dict(struck)


def _between(answers: Sequence[Answer], kind: str, first: float, last: float) -> list[Answer]:
    return [one for one in answers if one.kind == kind and first <= one.ended < last]


def missing(service: Service, libraries: Libraries) -> list[str]:
    """Wait for all accepted libraries. Return those without a complete job, each with its actual state."""
    open_jobs = "SELECT count(*) FROM jobs_job WHERE finished_at IS NULL AND state <> 'validating' AND NOT interactive"
    wait_gone(lambda: service.one(open_jobs) > 0, COMPLETE_SECONDS, step=0.5)
    lost = []
    for key, job_id in libraries.accepted.items():
        job = _job(service, job_id)
        if job is None:
            lost.append(f"{key}: job {job_id} is not there")
        elif (job.state, job.counts["succeeded"], job.counts["total"]) != ("succeeded", ITEMS, ITEMS):
            lost.append(f"{key}: job {job_id} is {job.state}, {job.counts}")
    return lost


def _job(service: Service, job_id: str):
    """Return the job as its owner sees it, or None if there is none. Waits for the end of an outage."""
    give_up = time.monotonic() + RECOVER_SECONDS
    while True:
        try:
            with service.client() as client:
                return client.job(job_id)
        except ClientError as error:
            if error.code == "not_found":
                return None
            if time.monotonic() > give_up:
                raise
            time.sleep(0.3)


def doubled(service: Service, libraries: Libraries) -> int:
    """Count jobs beyond one for each library, by their names."""
    names = list(libraries.accepted)
    jobs = service.one("SELECT count(*) FROM jobs_job WHERE name = ANY(%s)", names)
    return jobs - service.one("SELECT count(DISTINCT name) FROM jobs_job WHERE name = ANY(%s)", names)


def machine() -> str:
    """Describe the load of the machine: the figures are only comparable on a quiet one."""
    one, five, _ = os.getloadavg()
    return f"{os.cpu_count()} cores, load average {one:.1f} over one minute and {five:.1f} over five"
