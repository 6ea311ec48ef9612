"""A real process of background work: its connection to the database outlasts a task."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import pytest
from celery import current_app
from django.db import connection

from e1protocol import TASK_REAP
from e1site.stack import parts
from jobs.fleet.duties import REAP
from jobs.models import Duty
from tests.pooler import pooled
from tests.servers import RUNNING
from tests.worker.worker_process import children_of, eventually

QUEUE = "of-this-test"


@contextmanager
def background_worker(tmp_path: Path, pool: Path | None) -> Iterator[subprocess.Popen[bytes]]:
    """Run a worker with one process, as `e1 up` starts it, on the test's database."""
    url = urlsplit(os.environ["DATABASE_URL"])._replace(path="/" + connection.settings_dict["NAME"])
    if pool is not None:
        url = url._replace(query=f"host={pool}")
    command = [QUEUE if word == "artefacts" else word for word in parts.artefact_worker().command]
    log = tmp_path / "worker.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            command, env={**os.environ, "DATABASE_URL": urlunsplit(url)}, stdout=out, stderr=out, start_new_session=True
        )
    try:
        yield process
        process.terminate()
        process.wait(timeout=60)
        assert process.returncode == 0, log.read_text()[-3000:]
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def reaped() -> None:
    """Have the worker do a task, and wait until it has."""
    Duty.objects.filter(name=REAP).delete()
    current_app.send_task(TASK_REAP, queue=QUEUE)
    eventually(lambda: Duty.objects.filter(name=REAP, done_at__isnull=False).exists(), 120)


def sockets(pid: int) -> set[str]:
    links = (str(entry.readlink()) for entry in Path(f"/proc/{pid}/fd").iterdir())
    return {link for link in links if link.startswith("socket:")}


def cut() -> None:
    """End all other sessions of the test's database, as a restart of Postgres does."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
        )


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("through", ["nothing", "pgbouncer"])
def test_a_process_keeps_its_connection_across_tasks(tmp_path, through):
    server = Path(os.environ[RUNNING]) / "pg"
    pool = pooled(server, dict(os.environ)) if through == "pgbouncer" else nullcontext()
    with pool as folder, background_worker(tmp_path, folder) as worker:
        reaped()
        (child,) = children_of(worker.pid)
        kept = sockets(child)
        assert len(kept) == 1, "it has no other"
        for _ in range(3):
            reaped()
            assert sockets(child) == kept
        cut()
        reaped()
        assert len(sockets(child)) == len(kept)
        assert children_of(worker.pid) == [child]
