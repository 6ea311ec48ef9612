"""`e1 up` as a user starts it, shared by tests of the whole service."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import psycopg

from e1client.api import Client
from e1site.stack.environment import FOREIGN, embedded_postgres
from e1site.stack.folder import DataFolder
from e1site.stack.processes import kill_marked, title, wait_gone

E1 = str(Path(sys.executable).with_name("e1"))
OWN_ENVIRONMENT = (
    "DATABASE_URL",
    "REDIS_URL",
    "E1_SECRET_KEY",
    "E1_OWNER_DATABASE_URL",
    "E1_DATA",
    "E1_TEST_SERVERS",
    "E1_URL",
    "E1_TOKEN",
)
"""Variables of the test session that a user does not have."""
START_SECONDS = 600
STOP_SECONDS = 180


@contextmanager
def running_stack(name: str, *options: str, **settings: str) -> Iterator[Stack]:
    """Run a service in its own folder, and stop it as a person does.

    It answers when the block starts. `options` are those of `e1 up`, `settings` variables of its environment.
    """
    with tempfile.TemporaryDirectory(prefix=f"e1-{name}-", ignore_cleanup_errors=True) as path:
        stack = Stack(Path(path) / "data")
        stack.env |= settings
        try:
            stack.start(*options)
            yield stack
            assert stack.launcher is not None
            stack.launcher.send_signal(signal.SIGINT)
            stack.wait(STOP_SECONDS)
        finally:
            stack.end()


class Stack:
    """One `e1 up` on its own folder, without the addresses of the test session's servers."""

    def __init__(self, path: Path) -> None:
        self.folder = DataFolder.at(path)
        self.env = {key: value for key, value in os.environ.items() if key not in OWN_ENVIRONMENT}
        self.output = path.with_name(path.name + ".out")
        self.launcher: subprocess.Popen[bytes] | None = None
        self.program: tuple[str, ...] = (E1,)
        self.port = 0
        """0 selects a free port at every start."""

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run another command of `e1` to its end."""
        command = [E1, *arguments, "--data", str(self.folder.path)]
        return subprocess.run(command, env=self.env, capture_output=True, text=True, timeout=START_SECONDS, check=False)

    def start(self, *options: str) -> None:
        """Start and wait for the line `ready URL`."""
        command = [
            *self.program,
            "up",
            "--port",
            str(self.port),
            "--model",
            "e1-demo",
            "--data",
            str(self.folder.path),
            *options,
        ]
        with self.output.open("wb") as output:
            # As in a shell: a test run in the background may ignore SIGINT, and what is ignored stays ignored.
            before = signal.signal(signal.SIGINT, signal.default_int_handler)
            launcher = subprocess.Popen(command, env=self.env, stdout=output, stderr=subprocess.STDOUT)
            signal.signal(signal.SIGINT, before)
        self.launcher = launcher
        wait_gone(lambda: self.url == "" and launcher.poll() is None, START_SECONDS)
        assert self.url, self.output.read_text()

    @property
    def url(self) -> str:
        lines = self.output.read_text().splitlines()
        return next((line.split()[1] for line in lines if line.startswith("ready ")), "")

    def child(self, text: str) -> int:
        """Return the process id of the launcher's child with this text in its command line, or 0."""
        assert self.launcher is not None, "not started"
        pid = self.launcher.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return next((int(child) for child in children if text in title(int(child))), 0)

    def works(self) -> bool:
        """Return whether the whole service works: web, Postgres, Valkey and the worker compute a sequence."""
        headers = {"Authorization": f"Token {(self.folder.path / 'token').read_text().strip()}"}
        body = {"items": [{"sequence": "MKTAYIAKQR"}]}
        try:
            answer = httpx.post(f"{self.url}/api/v3/e1-demo/log_prob/", json=body, headers=headers, timeout=60)
            ready = httpx.get(f"{self.url}/readyz", timeout=60)
        except httpx.HTTPError:
            return False
        return answer.status_code == ready.status_code == 200

    def wait(self, seconds: float) -> int:
        assert self.launcher is not None, "not started"
        return self.launcher.wait(timeout=seconds)

    def end(self) -> None:
        """Kill everything that a test may have left."""
        if self.launcher is not None:
            self.launcher.kill()
            self.launcher.wait()
        if (self.folder.path / "stack-id").exists():
            kill_marked(self.folder.stack_id)

    @property
    def token(self) -> str:
        return (self.folder.path / "token").read_text().strip()

    @property
    def password(self) -> str:
        return (self.folder.path / "admin-password").read_text().strip()

    def client(self) -> Client:
        return Client(self.url, self.token)

    def services(self, code: str) -> None:
        """Run Python on the stack's own database, for services that beat calls rarely."""
        with socket.socket() as free:  # no server listens there, so that nothing is published
            free.bind(("127.0.0.1", 0))
            redis = f"redis://127.0.0.1:{free.getsockname()[1]}/0"
            mine = {name: value for name, value in self.env.items() if not FOREIGN.fullmatch(name)}
            own = {"DATABASE_URL": embedded_postgres(self.folder).url, "REDIS_URL": redis}
            setup = "import os, django\nos.environ['DJANGO_SETTINGS_MODULE'] = 'e1site.settings'\ndjango.setup()\n"
            command = [sys.executable, "-c", setup + code]
            done = subprocess.run(
                command, env={**mine, **own}, capture_output=True, text=True, timeout=START_SECONDS, check=False
            )
        assert done.returncode == 0, done.stderr

    @contextmanager
    def sql(self) -> Iterator[psycopg.Cursor]:
        """Yield a cursor of the owner on the stack's own database, for faults that no user can cause."""
        url = embedded_postgres(self.folder).owner_url
        with psycopg.connect(url, autocommit=True) as connection, connection.cursor() as cursor:
            yield cursor
