"""The service as users run it, for measuring: embedded Postgres and Valkey with fsync, gunicorn, Celery workers.

All files are below one folder, and all processes end with the block. Django is set up on the same stores in the
measuring process, so that a bench can insert rows by SQL and call `jobs` directly.
"""

from __future__ import annotations

import http.client
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from e1site.stack import parts
from e1site.stack.binaries import find_valkey
from e1site.stack.environment import (
    children_environment,
    embedded_postgres,
    owner_environment,
    usable_port,
    web_environment,
)
from e1site.stack.folder import DataFolder, hold
from e1site.stack.guardian import Guardian, Ward
from e1site.stack.processes import kill_marked, signal_group, spawn, wait_gone
from e1site.stack.servers import Valkey

MODEL = "e1-600m"
"""The model of the measured jobs: embeddings of 1,280 numbers. Its weights are not needed."""
START_SECONDS = 120.0
HOST = "127.0.0.1"
ROOT = Path(__file__).parents[1]
_CALLERS = ("DATABASE_URL", "REDIS_URL", "E1_SECRET_KEY", "E1_DATA", "E1_MODELS", "E1_ALLOWED_HOSTS")
"""Variables that the caller may have set for another service."""


class Usage(NamedTuple):
    """Processor seconds of the parts of the service since they started."""

    worker: float
    postgres: float
    valkey: float
    web: float

    def __sub__(self, other: Usage) -> Usage:
        return Usage(*(mine - theirs for mine, theirs in zip(self, other, strict=True)))

    @property
    def total(self) -> float:
        return sum(self)


class Service:
    """Running stores with the tables of the service, and web and workers on request. Made by `running`."""

    def __init__(self, folder: DataFolder, guardian: Guardian, env: dict[str, str]) -> None:
        self.folder, self._guardian, self.env = folder, guardian, env
        self._processes: dict[str, tuple[subprocess.Popen[bytes], int]] = {}
        self.port = 0

    @property
    def token(self) -> str:
        return (self.folder.path / "token").read_text(encoding="ascii").strip()

    @contextmanager
    def web(self) -> Iterator[int]:
        """Run gunicorn with one process (the service has two); yield the number of that process."""
        self.port = usable_port(HOST, 0)
        command = list(parts.web(HOST, self.port).command)
        command[command.index("--workers") + 1] = "1"
        with self.process("web", command, signal.SIGTERM, seconds=12) as master:
            self._await("web", lambda: self._status("/livez") == 200)
            yield children_of(master)[0]

    @contextmanager
    def workers(self, count: int = 1, **settings: str) -> Iterator[None]:
        """Run model workers with the engine of `benchmarks.service_engines`; `settings` are environment variables."""
        from jobs.fleet.pace import workers_alive
        from jobs.models import Worker

        def _sick() -> bool:
            return Worker.objects.exclude(reason="").exists()

        Worker.objects.all().delete()
        with ExitStack() as stack:
            for number in range(count):
                (part,) = parts.model_workers([MODEL], 1)
                command = [part.replace("worker.app", "benchmarks.service_engines:app") for part in part.command]
                command[command.index("-n") + 1] = f"bench-{number}@%h"
                name = f"worker-{number}"
                stack.enter_context(self.process(name, command, signal.SIGTERM, seconds=20, **settings))
            self._await("worker-0", lambda: workers_alive(MODEL).count() == count or _sick())
            if _sick():
                raise RuntimeError(f"a worker failed its self-test: {Worker.objects.exclude(reason='').first().reason}")
            yield

    @contextmanager
    def process(
        self, name: str, command: list[str], stop: int, *, seconds: float, user: int | None = None, **env: str
    ) -> Iterator[int]:
        """Run a child of the stack during the block; yield its number."""
        log = self.folder.turn_log(name)
        child = spawn(command, env={**self.env, **env}, log=log, cwd=self.folder.logs, user=user)
        self._processes[name] = (child, stop)
        self._guardian.watch(Ward(child.pid, stop, store=name in ("postgres", "valkey")))
        try:
            yield child.pid
        finally:
            child.send_signal(stop)
            try:
                child.wait(timeout=seconds)
            except subprocess.TimeoutExpired:
                signal_group(child.pid, signal.SIGKILL)
                child.wait()
            self._guardian.forget(child.pid)
            del self._processes[name]

    def usage(self) -> Usage:
        """Return the processor seconds so far, including children that have ended."""
        spent = {name: cpu_seconds(process.pid) for name, (process, _) in self._processes.items()}
        workers = sum(seconds for name, seconds in spent.items() if name.startswith("worker"))
        return Usage(workers, spent["postgres"], spent["valkey"], spent.get("web", 0.0))

    def request(
        self, method: str, path: str, *, body: object = None, headers: Mapping[str, str] | None = None
    ) -> tuple[int, bytes]:
        """Send a request to the web process with the first user's token; `body` is bytes or an open file."""
        with self._answer(method, path, body=body, headers=headers or {}) as answer:
            return answer.status, answer.read()

    def download(self, path: str) -> tuple[int, float]:
        """Read and discard an answer; return (bytes, seconds). Raises RuntimeError unless the status is 200."""
        buffer = bytearray(1 << 18)
        started = time.perf_counter()
        with self._answer("GET", path) as answer:
            if answer.status != 200:
                raise RuntimeError(f"{path}: {answer.status} {answer.read(2000)!r}")
            size = 0
            while count := answer.readinto(buffer):
                size += count
        return size, time.perf_counter() - started

    @contextmanager
    def _answer(
        self, method: str, path: str, *, body: Any = None, headers: Mapping[str, str] = MappingProxyType({})
    ) -> Iterator[http.client.HTTPResponse]:
        login = {"Authorization": f"Token {self.token}", "Host": f"{HOST}:{self.port}"}
        with closing(http.client.HTTPConnection(HOST, self.port, timeout=3600, blocksize=1 << 18)) as connection:
            connection.request(method, path, body=body, headers={**login, **headers})
            yield connection.getresponse()

    def await_web(self) -> None:
        """Wait until a web process that `process` has started answers at `port`. Raises RuntimeError if none does."""
        if not wait_gone(lambda: self._status("/livez") != 200, START_SECONDS):
            raise RuntimeError(f"no web process answers at port {self.port}")

    def _status(self, path: str) -> int:
        try:
            return self.request("GET", path)[0]
        except OSError:
            return 0

    def _await(self, name: str, ready: Callable[[], bool]) -> None:
        process, _ = self._processes[name]
        if not wait_gone(lambda: process.poll() is None and not ready(), START_SECONDS) or process.poll() is not None:
            log = self.folder.log(name)
            raise RuntimeError(f"{name} does not start; the end of {log}:\n{log.read_text(errors='replace')[-3000:]}")


@contextmanager
def running(path: Path, *, connections: int = 60) -> Iterator[Service]:
    """Run stores with current tables in `path`, and set up Django on them, until the block ends."""
    folder = DataFolder.at(path)
    folder.path.parent.mkdir(parents=True, exist_ok=True)
    folder.create()
    for name in _CALLERS:
        os.environ.pop(name, None)
    with ExitStack() as stack:
        lock = stack.enter_context(hold(folder))
        kill_marked(folder.stack_id)
        guardian = Guardian(folder.stack_id, lock, folder.turn_log("guardian"))
        stack.callback(guardian.close)
        env = children_environment(folder, HOST, [MODEL]) | web_environment(folder)
        env.pop("E1_COOKIES")  # this process logs in without it
        # The children run in the folder of logs, and the benchmarks are not an installed package.
        env["PYTHONPATH"] = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")]))
        service = Service(folder, guardian, env)
        _start_stores(service, stack, connections)
        os.environ.update({key: env[key] for key in (*_CALLERS, "DJANGO_SETTINGS_MODULE") if key in env})
        os.environ["DATABASE_URL"] = embedded_postgres(folder).owner_url  # to vacuum and to empty tables
        os.environ["E1_LOG_LEVEL"] = "ERROR"
        _set_up_django(stack)
        yield service


def _start_stores(service: Service, stack: ExitStack, connections: int) -> None:
    folder = service.folder
    valkey = Valkey(folder.path / "valkey", folder.sockets, find_valkey())
    valkey.prepare()
    stack.enter_context(service.process("valkey", valkey.command(), signal.SIGTERM, seconds=10))
    postgres = embedded_postgres(folder)
    user = postgres.as_user.user
    if not postgres.data.exists():
        postgres.prepare_initdb()
        command = postgres.initdb_command()
        initdb = spawn(
            command, env={**service.env, "LC_ALL": "C"}, log=folder.log("initdb"), cwd=folder.logs, user=user
        )
        if initdb.wait() != 0:
            raise RuntimeError(folder.log("initdb").read_text(errors="replace")[-3000:])
        postgres.adopt()
    postgres.prepare()
    command = [*postgres.command(), "-c", f"max_connections={connections}"]
    stack.enter_context(service.process("postgres", command, signal.SIGINT, seconds=60, user=user))
    service._await("postgres", postgres.is_ready)
    postgres.ensure_database()
    service._await("valkey", valkey.is_ready)
    bootstrap = [sys.executable, "-m", "django", "e1_bootstrap", "--migrate", "--data", str(folder.path)]
    env = service.env | owner_environment(folder)
    subprocess.run(bootstrap, env=env, cwd=folder.logs, check=True, stdout=subprocess.DEVNULL)


def _set_up_django(stack: ExitStack) -> None:
    import django

    django.setup()
    from django.db import connections

    import worker.app  # noqa: F401 - the Celery app through which jobs.queue publishes

    stack.callback(connections.close_all)


def children_of(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()]


def cpu_seconds(pid: int) -> float:
    """Return the user and system time of a process and of all its descendants, ended or running."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        children = children_of(pid)
    except (OSError, ProcessLookupError):
        return 0.0
    own = sum(int(field) for field in fields[11:15]) / os.sysconf("SC_CLK_TCK")
    return own + sum(map(cpu_seconds, children))


def forget_peak(pid: int) -> None:
    """Reset the peak of resident memory of a process."""
    Path(f"/proc/{pid}/clear_refs").write_text("5", encoding="ascii")


def peak_megabytes(pid: int) -> float:
    """Return the peak of resident memory (VmHWM) since `forget_peak`, in 10^6 bytes."""
    for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024 / 1e6
    raise RuntimeError(f"process {pid} has no VmHWM")
