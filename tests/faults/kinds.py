"""The faults: each function strikes a running service once and returns how often it struck.

One fault is imitated: for a full disk, a trigger raises Postgres's own error 53100 when outputs are stored.
"""

from __future__ import annotations

import itertools
import re
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from types import MappingProxyType

import psycopg

from e1client import Client
from e1site.stack import parts
from e1site.stack.processes import wait_gone
from tests.faults.service import LEASE_SECONDS, MODEL, Service

FAKETIME = next(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"), Path("no libfaketime"))
"""From Debian's package `faketime`. Nothing else makes the clock jump for one process only."""
DOUBLES = 100
STALLED = parts.WEB_PROCESSES * parts.WEB_THREADS + 40
"""Clients that read nothing: more than there are threads."""
FULL_SECONDS = 3.0


@dataclass(frozen=True, slots=True)
class Strike:
    """The service, the running job, and the source of randomness."""

    service: Service
    job_id: str
    random: Random


Fault = Callable[[Strike], int]


def worker_child(at: Strike) -> int:
    return at.service.kill(at.service.computing())


def worker_parent(at: Strike) -> int:
    return at.service.kill(at.service.part(f"-n {MODEL}-1@"))


def worker_sleeps_past_its_lease(at: Strike) -> int:
    """Make a zombie: it wakes when another worker holds its chunks, and tries to store them."""
    pid = at.service.computing()
    stopped = at.service.kill(pid, signal.SIGSTOP)
    time.sleep(2.5 * LEASE_SECONDS)
    at.service.kill(pid, signal.SIGCONT)
    return stopped


def beat(at: Strike) -> int:
    return at.service.kill(at.service.part("worker.app beat"))


def service_worker(at: Strike) -> int:
    return at.service.kill(at.service.part("-n service-1@"))


def web(at: Strike) -> int:
    return at.service.kill(at.service.part("gunicorn"))


def launcher(at: Strike) -> int:
    at.service.kill_launcher()
    return 1


def deploy(at: Strike) -> int:
    at.service.deploy()
    return 1


def flushall(at: Strike) -> int:
    for _ in range(5):
        at.service.flush()
        time.sleep(0.2)
    return 5


def valkey(at: Strike) -> int:
    return at.service.kill(at.service.part("valkey"))


def postgres(at: Strike) -> int:
    """Shut Postgres down as pg_ctl -m immediate does: without a checkpoint, with recovery at the start."""
    return at.service.kill(at.service.part("postgres -D"), signal.SIGQUIT)


def connections(at: Strike) -> int:
    """End every connection, again and again, in any state."""
    struck = 0
    with at.service.patient_sql() as cursor:
        for _ in range(10):
            struck += _terminate(cursor)
            time.sleep(0.15)
    return struck


def commits(at: Strike) -> int:
    """End connections in the middle of COMMIT: the transaction is durable, but its answer never comes.

    Commits wait for a replica that does not exist, and are terminated in that wait.
    """
    waiting: list[int] = []
    with at.service.patient_sql() as cursor:
        cursor.execute("ALTER SYSTEM SET synchronous_standby_names TO 'nobody'")
        cursor.execute("SELECT pg_reload_conf()")
        try:
            for _ in _rounds(at, 3.2, lambda: any(waiting)):
                caught = cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'")
                waiting.append(caught.fetchone()[0])
                _terminate(cursor)
        finally:
            cursor.execute("ALTER SYSTEM RESET synchronous_standby_names")
            cursor.execute("SELECT pg_reload_conf()")
            _terminate(cursor)
    return sum(waiting)


def _terminate(cursor) -> int:
    return cursor.execute(
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
        "WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
    ).fetchone()[0]


def doubles(at: Strike) -> int:
    """Send messages of bundles in every state, a hundred times each."""
    with at.service.patient_sql() as cursor:
        cursor.execute("SELECT id FROM jobs_chunk WHERE job_id = %s ORDER BY md5(id::text) LIMIT 4", [at.job_id])
        ids = [row[0] for row in cursor.fetchall()]
    for chunk_id in ids:
        at.service.send_bundle([chunk_id], DOUBLES)
    return DOUBLES * len(ids)


def full_disk(at: Strike) -> int:
    """Refuse outputs for some seconds: a trigger raises SQLSTATE 53100 at the INSERT.

    The function runs as its owner, because the service's role may not use other sequences than its own.
    """
    with at.service.patient_sql() as cursor:
        cursor.execute("CREATE SEQUENCE full_disk_struck")
        cursor.execute(
            "CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$ "
            "BEGIN PERFORM nextval('full_disk_struck');"
            " RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = '53100'; END $$"
        )
        cursor.execute(
            "CREATE TRIGGER full_disk BEFORE INSERT ON jobs_output FOR EACH STATEMENT EXECUTE FUNCTION full_disk()"
        )
        try:
            for _ in _rounds(at, FULL_SECONDS, lambda: _is_called(cursor)):
                pass
        finally:
            cursor.execute("DROP TRIGGER full_disk ON jobs_output")
            cursor.execute("DROP FUNCTION full_disk")
            struck = cursor.execute("SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM full_disk_struck")
            times = struck.fetchone()[0]
            cursor.execute("DROP SEQUENCE full_disk_struck")
    return int(times)


def _is_called(cursor: psycopg.Cursor) -> bool:
    row = cursor.execute("SELECT is_called FROM full_disk_struck").fetchone()
    return row is not None and bool(row[0])


def _rounds(at: Strike, seconds: float, has_struck: Callable[[], bool]) -> Iterator[None]:
    """Yield every 0.4 seconds for this long, and then until the fault has struck or the job is over."""
    begun = time.monotonic()
    over = "SELECT count(*) FROM jobs_job WHERE id = %s AND finished_at IS NOT NULL"
    while time.monotonic() < begun + seconds or not (has_struck() or at.service.one(over, at.job_id)):
        time.sleep(0.4)
        yield


def broken_upload(at: Strike) -> int:
    """Send half of a library, then nothing more."""
    body = b"".join(b">p%d\nMKTAYIAKQRQISFVKSHFSRQ\n" % n for n in range(4000))
    path = f"/api/jobs/?model={MODEL}&action=log_prob&name=broken"
    head = at.service.head("POST", path, Content_Type="text/x-fasta", Content_Length=str(len(body)))
    with at.service.socket() as made:
        made.sendall(head + body[: len(body) // 2])
    return 1


FAULTS: Mapping[str, Fault] = MappingProxyType(
    {
        "kill -9 of the computing process": worker_child,
        "kill -9 of the worker's parent": worker_parent,
        "worker stopped past its lease, then woken": worker_sleeps_past_its_lease,
        "kill -9 of beat": beat,
        "kill -9 of the service worker": service_worker,
        "kill -9 of web": web,
        "kill -9 of the launcher": launcher,
        "deploy: SIGTERM and a new start": deploy,
        "FLUSHALL": flushall,
        "kill -9 of Valkey": valkey,
        "immediate restart of Postgres": postgres,
        "pg_terminate_backend on every connection": connections,
        "pg_terminate_backend during COMMIT": commits,
        "every message a hundred times": doubles,
        "full disk at output": full_disk,
        "upload cut off half way": broken_upload,
    }
)
"""Faults that strike at one moment."""


@contextmanager
def two_beats(service: Service) -> Iterator[None]:
    # Its banner, which says that it has begun, is printed at once and not when a buffer is full.
    with service.another("second-beat", parts.beat().command, PYTHONUNBUFFERED="1"):
        yield


@contextmanager
def stalled_downloads(service: Service, sequences: Sequence[str]) -> Iterator[None]:
    """Connect clients of another user that request the results of a job of these sequences and do not read them."""
    found = re.search(r"\b[0-9a-f]{64}\b", service.run("user", "add", "reader").stdout)
    assert found, "e1 user add prints a token"
    with Client(service.url, found[0]) as client:
        job = client.wait(client.submit_items(sequences, model=MODEL, action="encode"))
    head = service.head("GET", f"/api/jobs/{job.id}/results/?format=jsonl", Authorization=f"Token {found[0]}")
    held: list[socket.socket] = []
    try:
        for _ in range(STALLED):
            made = service.socket(receive=4096)
            held.append(made)
            made.sendall(head)
            # Beyond the user's places for downloads the answer is 429.
            assert made.recv(12) in (b"HTTP/1.1 200", b"HTTP/1.1 429")
        yield
    finally:
        for made in held:
            made.close()


@contextmanager
def jumping_clock(service: Service, name: str) -> Iterator[Callable[[], int]]:
    """Start a further worker whose time of day moves by days five times a second. Its monotonic clock never jumps.

    Yield a function that returns how often it has moved.
    """
    moved = itertools.count()
    file = service.folder.path / "faketime"
    done = threading.Event()

    def move() -> None:
        for number in moved:
            part = file.with_suffix(".part")
            part.write_text(("+2d", "-2d", "+90d", "-1h")[number % 4] + "\n")
            part.replace(file)
            if done.wait(0.2):
                return

    env = {
        "LD_PRELOAD": str(FAKETIME),
        "FAKETIME_TIMESTAMP_FILE": str(file),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "DONT_FAKE_MONOTONIC": "1",
    }
    mover = threading.Thread(target=move, name="clock")
    mover.start()
    try:
        assert wait_gone(lambda: not file.exists(), 10)
        with service.another("jumping-clock", service.worker_command(name), **env):
            yield lambda: next(moved)
    finally:
        done.set()
        mover.join()
