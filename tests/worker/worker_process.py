"""A real Celery worker process on the database and broker of the test."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from django.db import connection

from e1client import Client
from jobs.fleet.pace import workers_alive
from jobs.models import Worker
from jobs.tasks import dispatch_all, reap
from tests.helpers import ROOT

RESIDUES = "ACDEFGHIKLMNPQRSTVWY"
README_COMMAND = "celery -A worker.app worker -Q model.e1-600m"
"""The README's command for a further machine."""


def eventually(what: Callable[[], object], seconds: float = 600.0) -> object:
    """Poll until `what` returns a true value, and return it. Only broken code reaches the limit."""
    deadline = time.monotonic() + seconds
    while not (found := what()):
        if time.monotonic() > deadline:
            raise AssertionError(f"{what} did not come true in {seconds} s")
        time.sleep(0.05)
    return found


@contextmanager
def worker_process(
    tmp_path: Path,
    name: str = "w1",
    *,
    plain: bool = False,
    app: str = "worker.app",
    sick: bool = False,
    options: tuple[str, ...] = (),
    **more: str,
) -> Iterator[subprocess.Popen[bytes]]:
    """Start a worker on this test's database as on another machine, and wait until it is ready.

    `plain` runs exactly the README's command, from another folder and under Celery's own name. A `sick` worker is
    awaited until it reports that. `options` are of `celery worker`, `more` are variables of its environment.
    """
    url = urlsplit(os.environ["DATABASE_URL"])
    env = {
        **os.environ,
        "DATABASE_URL": urlunsplit(url._replace(path="/" + connection.settings_dict["NAME"])),
        "OMP_NUM_THREADS": "1",
        **more,
    }
    command = [
        sys.executable,
        "-m",
        "celery",
        "-A",
        app,
        "worker",
        "-Q",
        "model.e1-demo",
        *("-n", f"{name}@test"),
        *options,
    ]
    if plain:
        name = f"celery@{socket.gethostname()}"
        command = [str(Path(sys.executable).with_name("celery")), *README_COMMAND.replace("600m", "demo").split()[1:]]
        env["PYTHONPATH"] = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    else:
        name = f"{name}@test"
    log = tmp_path / f"{name}.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            command, env=env, stdout=out, stderr=out, start_new_session=True, cwd=tmp_path if plain else None
        )
    try:

        def ready() -> bool:
            assert process.poll() is None, log.read_text()[-3000:]
            if sick:
                return Worker.objects.filter(name=name, state="sick").exists()
            return workers_alive("e1-demo").filter(name=name).exists()

        eventually(ready)
        yield process
    finally:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(timeout=60)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def finished(client: Client, job_id: str) -> bool:
    """Return whether the job is final, after calling the safety nets that beat calls."""
    dispatch_all()
    reap()
    return client.job(job_id).is_final


def children_of(pid: int) -> list[int]:
    """Return the processes that run tasks, without the pool's tracker of semaphores. One may end meanwhile."""
    children: list[str] = []
    with suppress(OSError):
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    computing = []
    for child in children:
        with suppress(OSError):
            if b"semaphore_tracker" not in Path(f"/proc/{child}/cmdline").read_bytes():
                computing.append(int(child))
    return computing
