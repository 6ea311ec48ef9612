"""A whole service that tests break on purpose: `tests.stack.Stack` with access to its parts."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import redis
from celery import Celery

from e1protocol import TASK_RUN_BUNDLE, model_queue
from e1site.stack import parts
from e1site.stack.environment import embedded_postgres
from e1site.stack.processes import MARKER, marked, spawn, wait_gone
from e1site.stack.servers import Valkey
from tests.faults.pooled import pooled_url
from tests.stack import STOP_SECONDS, Stack

LEASE_SECONDS = 6
"""Short, so that a test soon notices a dead worker, and long enough to be renewed on a busy machine."""
MODEL = "e1-demo"
ROOT = Path(__file__).parents[2]
RECOVER_SECONDS = 600


class Service(Stack):
    """One `e1 up` whose parts can be killed. Process ids are looked up each time, because they change at a restart.

    If `pooled`, pgbouncer in transaction mode is between the service and Postgres.
    """

    def __init__(self, path: Path, *, pooled: bool = False) -> None:
        super().__init__(path)
        self.env |= {"E1_LEASE_SECONDS": str(LEASE_SECONDS), "PYTHONPATH": str(ROOT)}
        self.pooled = pooled
        if pooled:
            self.program = (sys.executable, "-m", "tests.faults.pooled")

    # --- processes ---------------------------------------------------------------------------------------------------

    def part(self, text: str) -> int:
        """Wait for the launcher's child with this text in its command line, and return its id."""
        return _awaited(lambda: self.child(text), f"no child {text!r}")

    def computing(self) -> int:
        """Wait for the process that runs the network, and return its id."""

        def found() -> int:
            parent = self.child(f"-n {MODEL}-1@")
            try:
                children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
                computing = (one for one in children if b"spawn_main" in Path(f"/proc/{one}/cmdline").read_bytes())
                return int(next(computing, 0))
            except OSError:
                return 0

        return _awaited(found, "nobody computes")

    def kill(self, pid: int, number: int = signal.SIGKILL) -> int:
        """Send the signal. Return 1 if the process existed, else 0."""
        assert pid > 0, "0 is everybody in the group of the tests"
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            return 0
        return 1

    def kill_launcher(self) -> None:
        """Kill the launcher, and by its guardian everything else. Then start again on the same folder."""
        assert self.launcher is not None
        self.launcher.kill()
        self.launcher.wait()
        assert wait_gone(lambda: bool(marked(self.folder.stack_id)), 60), "children outlived their launcher"
        self.start()

    def deploy(self) -> None:
        """Stop in order, as before a new version, and start again."""
        assert self.launcher is not None
        self.launcher.send_signal(signal.SIGTERM)
        assert self.wait(STOP_SECONDS + 30) == 0, self.output.read_text()
        self.start()

    @contextmanager
    def another(self, name: str, command: tuple[str, ...], **more: str) -> Iterator[subprocess.Popen[bytes]]:
        """Run a further process on this service's stores, never on those of the caller's environment."""
        url = pooled_url(self.folder) if self.pooled else embedded_postgres(self.folder).url
        env = {**self.env, "DATABASE_URL": url}
        env |= {"REDIS_URL": self.valkey.url(), "E1_MODELS": MODEL, "DJANGO_SETTINGS_MODULE": "e1site.settings"}
        env |= {"E1_DATA": str(self.folder.path), MARKER: self.folder.stack_id, **more}
        process = spawn(command, env=env, log=self.folder.log(name), cwd=self.folder.logs)
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()

    def second_beat_has_begun(self) -> bool:
        """Return whether the beat with the log `second-beat` has printed its banner, after which it sends tasks."""
        log = self.folder.log("second-beat")
        return log.exists() and "maxinterval ->" in log.read_text()

    def worker_command(self, name: str) -> tuple[str, ...]:
        (part,) = parts.model_workers([MODEL], 1)
        return tuple(f"{name}@%h" if word.startswith(f"{MODEL}-1@") else word for word in part.command)

    # --- stores ------------------------------------------------------------------------------------------------------

    @contextmanager
    def patient_sql(self) -> Iterator[psycopg.Cursor]:
        """Yield a cursor as `sql` does, after waiting for a database that is starting."""
        give_up = time.monotonic() + RECOVER_SECONDS
        while True:
            try:
                with self.sql() as cursor:
                    yield cursor
                    return
            except psycopg.OperationalError:
                if time.monotonic() > give_up:
                    raise
                time.sleep(0.1)

    def one(self, query: str, *values: object) -> int:
        with self.patient_sql() as cursor:
            row = cursor.execute(query, values).fetchone()
        return int(row[0]) if row and row[0] is not None else 0

    @property
    def valkey(self) -> Valkey:
        return Valkey(self.folder.path / "valkey", self.folder.sockets, Path())

    def flush(self) -> None:
        with redis.Redis(unix_socket_path=str(self.valkey.socket)) as connection:
            connection.flushall()

    def send_bundle(self, chunk_ids: list[int], times: int) -> None:
        """Send the same message several times."""
        app = Celery(broker=self.valkey.url(), set_as_current=False)
        app.conf.broker_transport_options = {"global_keyprefix": "e1:"}
        with app.connection_for_write() as connection:
            for _ in range(times):
                app.send_task(
                    TASK_RUN_BUNDLE,
                    args=[[chunk_ids]],
                    queue=model_queue(MODEL),
                    ignore_result=True,
                    connection=connection,
                )
        app.close()

    # --- clients that behave badly -----------------------------------------------------------------------------------

    def socket(self, *, receive: int = 0) -> socket.socket:
        made = socket.socket()
        made.settimeout(20)
        if receive:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive)
        made.connect(("127.0.0.1", self.port or urlsplit(self.url).port))
        return made

    def head(self, method: str, path: str, **headers: str) -> bytes:
        lines = {"Host": urlsplit(self.url).netloc, "Authorization": f"Token {self.token}", **headers}
        text = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in lines.items())
        return f"{method} {path} HTTP/1.1\r\n{text}\r\n".encode()


def _awaited(find: Callable[[], int], missing: str) -> int:
    """Wait for a process and return its id. A second lookup might not find it."""
    found = 0

    def still_missing() -> bool:
        nonlocal found
        found = find()
        return not found

    assert wait_gone(still_missing, RECOVER_SECONDS), missing
    return found
