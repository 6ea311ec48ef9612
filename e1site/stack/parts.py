"""The parts of a running service with their command lines, in the order of their start."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import takewhile

from e1protocol import ARTEFACT_QUEUE, SERVICE_QUEUE, model_queue

WEB_PROCESSES, WEB_THREADS = 2, 80
SERVICE_PROCESSES = 3
WORKER_CONNECTIONS = 8
"""Of a model worker: claimer, writer, heartbeat, task, and one for each bundle whose lease it renews."""
UNCHECKED = {"CELERY_SKIP_CHECKS": "yes"}
"""Celery would import every page in each process to check it. `make check` does that once."""
SPARE_CONNECTIONS = 40
"""For parents of workers, commands, psql, a start beside processes that still end, and Postgres's own reserve."""


def connections(workers: int) -> int:
    """Return how many connections to Postgres this many model workers need, with everything else."""
    background = 2 * (SERVICE_PROCESSES + 1)  # a task, and a thread that renews its lease
    web = WEB_PROCESSES * (WEB_THREADS + 1)  # and a thread that renews holds
    return web + background + WORKER_CONNECTIONS * workers + SPARE_CONNECTIONS


def _nothing() -> None:
    return


def bracketed(host: str) -> str:
    """Return the host as a URL has it: an IPv6 address in brackets."""
    return f"[{host}]" if ":" in host else host


@dataclass(frozen=True, slots=True)
class Part:
    """A child. `stop_signal` asks it to end in order, which may take `stop_seconds`.

    `prepare` runs before every start. `env` overrides the environment of all parts. Parts of a higher `stage` stop
    first; stage 0 keeps data and stops last.
    """

    name: str
    command: tuple[str, ...]
    stage: int
    stop_seconds: float
    stop_signal: int = signal.SIGTERM
    user: int | None = None
    prepare: Callable[[], None] = field(default=_nothing)
    env: Mapping[str, str] = field(default_factory=dict)

    @property
    def keeps_data(self) -> bool:
        return self.stage == 0


def web(host: str, port: int) -> Part:
    """Return the web process. Each thread keeps a connection to Postgres."""
    command = (
        *(sys.executable, "-m", "gunicorn", "e1site.wsgi:application", "--bind", f"{bracketed(host)}:{port}"),
        # Uploads, downloads, event streams, synchronous requests, look-ups and public pages hold a thread each, at most
        # 56 together. Of the other 24, one user or address takes at most 20 (jobs.web.places).
        # Loading the application before the fork halves the work at the start; importing it opens no connection.
        *("--worker-class", "e1site.webserver.worker.EdgeWorker"),
        *("--workers", str(WEB_PROCESSES), "--threads", str(WEB_THREADS)),
        *("--worker-connections", "600", "--keep-alive", "15"),
        *("--graceful-timeout", "8", "--timeout", "60", "--preload", "--no-control-socket"),
    )
    return Part("web", command, stage=1, stop_seconds=12)


def model_workers(models: list[str], each: int, devices: Sequence[str] = ()) -> Iterator[Part]:
    """Yield `each` workers per model, each on the next of several GPUs. A stop in order finishes the current bundle."""
    names = [(slug, number) for slug in models for number in range(1, each + 1)]
    for place, (slug, number) in enumerate(names):
        part = _worker(f"{slug}-{number}", model_queue(slug), stop_seconds=20)
        chosen = {"CUDA_VISIBLE_DEVICES": devices[place % len(devices)]} if len(devices) > 1 else {}
        yield replace(part, env={**part.env, **chosen})


def gpus(env: Mapping[str, str], found: int) -> list[str]:
    """Return the GPUs that workers may take, as CUDA_VISIBLE_DEVICES names them.

    As in CUDA, the list ends before its first invalid name. If the variable is not set, the `found` device files of
    this machine are counted from 0.
    """
    listed = env.get("CUDA_VISIBLE_DEVICES")
    if listed is None:
        return [str(number) for number in range(found)]
    names = [name.strip() for name in listed.split(",")]
    return list(takewhile(lambda name: name and not name.startswith("-"), names))


def service_worker() -> Part:
    """Return the worker for finalising, the reaper, webhooks and expiry; it needs no PyTorch."""
    # Webhooks and expiry may keep one process each for a minute: of three, one is left to the safety nets.
    return _worker("service-1", SERVICE_QUEUE, stop_seconds=10, processes=SERVICE_PROCESSES)


def artefact_worker() -> Part:
    """Return the worker that builds files of results, apart because the safety nets must not wait for gigabytes."""
    return _worker("artefacts-1", ARTEFACT_QUEUE, stop_seconds=10)


def beat() -> Part:
    command = (*_celery("beat"), "--pidfile", "", "-l", "INFO")
    return Part("beat", command, stage=2, stop_seconds=5, env=UNCHECKED)


def _worker(name: str, queue: str, stop_seconds: float, processes: int = 1) -> Part:
    command = (
        *(*_celery("worker"), "-Q", queue, "-n", f"{name}@%h", "-l", "INFO"),
        *("--pool", "prefork", "--concurrency", str(processes), "--prefetch-multiplier", "1"),
        *("--without-mingle", "--without-gossip"),
    )
    return Part(name, command, stage=2, stop_seconds=stop_seconds, env=UNCHECKED)


def _celery(command: str) -> tuple[str, ...]:
    return (sys.executable, "-m", "celery", "-A", "worker.app", command)
