"""pytest plugin (`-p tests.servers`): one real Postgres and one real Valkey for the whole session.

They start before Django reads its settings, on sockets in a temporary folder, without fsync. A guardian ends them even
if pytest is killed. Under pytest-xdist the controller starts them. Its workers inherit the addresses, share Postgres
(pytest-django makes a database per worker) and get a Valkey number each. If they cannot start, the session fails.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Generator
from pathlib import Path

import pytest

from e1site.stack.binaries import find_postgres, find_valkey, run_as
from e1site.stack.errors import StackError
from e1site.stack.guardian import Guardian, Ward
from e1site.stack.processes import MARKER, signal_group, spawn, wait_gone
from e1site.stack.servers import Postgres, Valkey

RUNNING = "E1_TEST_SERVERS"
"""The folder of the sockets, set if the servers of a session already run."""
SECONDS = 60.0
VALKEY_DATABASES = 64


@pytest.hookimpl(wrapper=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> Generator[None, object, object]:
    """Start the servers. A wrapper runs before every plain hook, such as pytest-django's reading of the settings."""
    # The processes of pytest-xdist share the cores. torch reads this when it is imported, children inherit it.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    if RUNNING not in os.environ:
        try:
            servers = TestServers()
        except StackError as error:
            raise pytest.UsageError(f"the servers that the tests need do not start: {error}") from error
        early_config.add_cleanup(servers.stop)
    os.environ["REDIS_URL"] = valkey_url(os.environ.get("PYTEST_XDIST_WORKER", ""))
    return (yield)


def valkey_url(worker: str) -> str:
    """Return the broker's address. `worker` ("gw3", or empty outside xdist) determines the database number."""
    number = (int(worker.removeprefix("gw")) + 1) % VALKEY_DATABASES if worker else 0
    return Valkey(Path(), Path(os.environ[RUNNING]), Path()).url(number)


class TestServers:
    """Both servers, ready, with their addresses in the environment. Raises StackError if that fails."""

    __test__ = False

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="e1-tests-"))
        self.folder.chmod(0o711)
        name = self.folder.name
        self._env = {**os.environ, "LC_ALL": "C", MARKER: name}
        self._guardian = Guardian(name, None, self.folder / "guardian.log")
        self._processes: list[tuple[subprocess.Popen[bytes], int]] = []
        try:
            self._start(name)
        except BaseException:
            self.stop()
            raise

    def _start(self, name: str) -> None:
        valkey = Valkey(self.folder / "valkey", self.folder, find_valkey(), databases=VALKEY_DATABASES)
        valkey.prepare()
        self._launch("valkey", valkey.command(), signal.SIGTERM)
        postgres = Postgres(self.folder, self.folder, name, find_postgres(), run_as(), durable=False)
        postgres.prepare_initdb()
        initdb = self._launch("initdb", postgres.initdb_command(), signal.SIGTERM, postgres.as_user.user)
        if initdb.wait() != 0:
            raise self._failed("initdb")
        postgres.adopt()
        postgres.prepare()
        self._launch("postgres", postgres.command(), signal.SIGQUIT, postgres.as_user.user)
        self._await("postgres", postgres.is_ready)
        postgres.ensure_database()
        self._await("valkey", valkey.is_ready)
        os.environ |= {
            RUNNING: str(self.folder),
            "DATABASE_URL": postgres.owner_url,
            "E1_SECRET_KEY": "only-for-tests-" + "x" * 40,
            "E1_DATA": str(self.folder),
        }

    def stop(self) -> None:
        """End both at once, and remove the folder with their data."""
        for process, number in reversed(self._processes):
            if process.poll() is None:
                process.send_signal(number)
        for process, _ in self._processes:
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                signal_group(process.pid, signal.SIGKILL)
                process.wait()
        self._guardian.close()
        shutil.rmtree(self.folder, ignore_errors=True)
        os.environ.pop(RUNNING, None)

    def _launch(self, name: str, command: list[str], number: int, user: int | None = None) -> subprocess.Popen[bytes]:
        process = spawn(command, env=self._env, log=self._log(name), cwd=self.folder, user=user)
        self._processes.append((process, number))
        self._guardian.watch(Ward(process.pid, number, store=name == "postgres"))
        return process

    def _await(self, name: str, is_ready: Callable[[], bool]) -> None:
        process, _ = self._processes[-1 if name == "postgres" else 0]
        if not wait_gone(lambda: process.poll() is None and not is_ready(), SECONDS) or process.poll() is not None:
            raise self._failed(name)

    def _failed(self, name: str) -> StackError:
        return StackError(f"{name}:\n{self._log(name).read_text(errors='replace')[-2000:]}", code=f"{name}_failed")

    def _log(self, name: str) -> Path:
        return self.folder / f"{name}.log"
