"""`e1 up`: the whole service as children of one foreground command (docs/install.md).

The order: lock the folder, start Postgres and Valkey together, start the workers, create tables and the first user.
Then start web, service worker and beat, and print `ready URL`. One thread starts, watches, asks /readyz, and stops.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from e1client.settings import DATA_FOLDER
from e1protocol import MODELS
from e1protocol.cores import usable_cores
from e1site.defaults import database_problem
from e1site.stack import background, parts, readiness
from e1site.stack.binaries import find_valkey
from e1site.stack.environment import (
    children_environment,
    embedded_postgres,
    forget_foreign,
    local_address,
    owner_environment,
    place_of,
    urls_for_others,
    usable_port,
    usable_prefix,
    web_environment,
)
from e1site.stack.errors import StackError, StopRequested
from e1site.stack.folder import DataFolder, hold, is_held
from e1site.stack.guardian import Guardian
from e1site.stack.parts import Part
from e1site.stack.processes import kill_marked
from e1site.stack.servers import Postgres, Valkey, ValkeyFiles
from e1site.stack.supervisor import StopSignals, Supervisor, last_lines
from e1site.stack.terminal import complain, say
from jobs.web import browser_assets

STATUS = {"no_service": 5, "bad_setting": 2, "bad_argument": 2, "unknown_model": 2}
"""Exit statuses of refusals by their code; 1 for all others."""
UNFINISHED = "restore-unfinished"
"""A file in the data folder while a restore makes its first database: the service must not start on an empty one."""
SERVER_SECONDS = 60.0
SERVER_DEATHS = 3
ASK_SECONDS = 0.3
REMINDER_SECONDS = 20.0
"""Time between two lines about the check that is still red; the first comes after a third of it."""


def up(
    *,
    host: str,
    port: int,
    allow: Sequence[str],
    models: list[str],
    data: Path,
    workers: int,
    prefix: str = "",
    command: str = "",
) -> int:
    """Run the service in the foreground until Ctrl-C, SIGTERM or SIGHUP, and return the exit status.

    That is 0 after a clean stop, 2 for wrong arguments and settings, and 1 if the service could not start. Standard
    error has the reason. Port 0 picks a free one. `prefix` is the path of the address that people use, such as `/e1`.
    `command` starts it again like this: the folder remembers it, and a start that differs from the last one says so.
    """
    folder = DataFolder.at(data)
    try:
        prefix = usable_prefix(prefix)
        _check_arguments(models, workers)
        if foreign := forget_foreign():
            say(f"not used, because they belong to other programs: {', '.join(foreign)}")
        _check_database()
        folder.create()
        if unbuilt := browser_assets.missing():
            complain(f"e1 up: {unbuilt}")
        with ExitStack() as stack:
            lock = stack.enter_context(hold(folder))
            signals = stack.enter_context(StopSignals().installed())
            port = usable_port(host, port)
            # Left over if a launcher and its guardian were both killed; the lock shows that no other stack runs here.
            kill_marked(folder.stack_id, folder.path)
            # Of a service that was killed, or of the original of a copied folder.
            _forget_address(folder)
            if (last := _last_command(folder)) and last != command:
                own = folder.path == DataFolder.at(DATA_FOLDER).path
                where = "" if own else f" --data {shlex.quote(str(folder.path))}"
                say(f"last time it was started by: {last}{where}")
            guardian = Guardian(folder.stack_id, lock, folder.turn_log("guardian"))
            stack.callback(guardian.close)
            env = children_environment(folder, host, models, also=allow) | {"E1_PREFIX": prefix}
            # Workers on a CPU share its cores: if each took all of them, every one would be slower.
            env.setdefault("OMP_NUM_THREADS", str(max(1, usable_cores() // max(1, workers * len(models)))))
            supervisor = Supervisor(folder, env, guardian, signals, say)
            stack.callback(_forget_address, folder)
            try:
                _start(folder, supervisor, host=host, port=port, models=models, workers=workers)
                without = () if workers else models
                _serve(
                    folder, supervisor, host=host, port=port, prefix=prefix, without=without, allow=allow,
                    command=command,
                )  # fmt: skip
            except StopRequested:
                say("stopping; once more Ctrl-C hurries")
            finally:
                supervisor.stop()
            say("stopped")
    except StackError as error:
        return complained("e1 up", error)
    return 0


def up_in_background(data: Path, options: Sequence[str]) -> int:
    """Start the service apart from this terminal, wait until it is ready, and return the exit status."""
    try:
        return background.start(DataFolder.at(data), options, say)
    except StackError as error:
        return complained("e1 up", error)


def down(data: Path) -> int:
    """Stop the service of this folder, and return the exit status: 0 also if none runs."""
    folder = DataFolder.at(data)
    try:
        stopped = background.stop(folder)
    except StackError as error:
        return complained("e1 down", error)
    say(f"stopped the service of {folder.path}" if stopped else f"no service runs on {folder.path}")
    return 0


def manage(command: str, arguments: Sequence[str], *, data: Path) -> int:
    """Run a management command beside the stack that runs on this folder, and return its exit status."""
    folder = DataFolder.at(data)
    forget_foreign()
    try:
        if "DATABASE_URL" not in os.environ and not is_held(folder):
            absent = f"no service runs on {folder.path}; start it with `e1 up`, or name its --data"
            return complained("e1", StackError(absent, code="no_service"))
        _check_database()
        folder.create()
        env = children_environment(folder, "127.0.0.1", [])
    except StackError as error:
        return complained("e1", error)
    return subprocess.run([*django(), command, *arguments], env=env, check=False).returncode  # noqa: S603 - our own


def _check_arguments(models: list[str], workers: int) -> None:
    for slug in models:
        if slug not in MODELS:
            raise StackError(
                f"there is no model {slug!r}; the registered ones are {', '.join(MODELS)}",
                code="unknown_model",
            )
    if not models or workers < 0:
        raise StackError("at least one model is needed, and no negative number of workers", code="bad_argument")


def _check_database() -> None:
    """Raise StackError for an address of the caller's environment that names no PostgreSQL database."""
    if (url := os.environ.get("DATABASE_URL")) and (problem := database_problem(url)):
        raise StackError(
            f"DATABASE_URL {problem}. Without it, `e1 up` uses a PostgreSQL of its own", code="bad_setting"
        )


def _start(
    folder: DataFolder, supervisor: Supervisor, *, host: str, port: int, models: list[str], workers: int
) -> None:
    """Start all children; `_serve` waits until they are ready."""
    say(f"data in {folder.path}")
    _start_stores(folder, supervisor, connections=parts.connections(workers * len(models)))
    if workers:
        say(f"starting {workers} worker(s) each of {', '.join(models)}")
    else:
        say(f"starting no worker: those of {', '.join(models)} join from elsewhere (docs/slurm.md)")
    # Count device files instead of asking CUDA, which would load PyTorch into this process.
    devices = parts.gpus(supervisor.env, len(list(Path("/dev").glob("nvidia[0-9]*"))))
    starting = list(parts.model_workers(models, workers, devices))
    if "DATABASE_URL" not in os.environ:
        # All of the last start's workers have ended, as this process holds the folder.
        names = [f"{part.name}@{socket.gethostname()}" for part in starting]
        embedded_postgres(folder).workers_gone(names)
    # First, because loading a network takes longest, and needs no tables.
    for part in starting:
        supervisor.start(part)
    say("creating tables and the first user")
    folder.turn_log("migrate")
    command = [*django(), "e1_bootstrap", "--migrate", "--data", str(folder.path)]
    if supervisor.run_once("migrate", command, env=supervisor.env | owner_environment(folder)) != 0:
        raise _failed("the tables could not be brought up to date", folder, "migrate", code="migration_failed")
    for old in folder.path.glob("beat-schedule*"):  # of earlier versions, in which beat kept a file of pickles
        old.unlink()
    say("starting web, service worker and schedule")
    web = replace(parts.web(host, port), env=web_environment(folder))
    for part in (web, parts.service_worker(), parts.beat()):
        supervisor.start(part)
    for what, name in (("administrator `admin`, password", "admin-password"), ("token", "token")):
        if (folder.path / name).exists():
            say(f"{what} in {folder.path / name}")


def _start_stores(folder: DataFolder, supervisor: Supervisor, *, connections: int) -> None:
    """Start embedded stores, both at the same time, unless a URL names running ones."""
    for name, what in (("DATABASE_URL", "database"), ("REDIS_URL", "broker")):
        if name in os.environ:
            say(f"{what} of {name}: {place_of(os.environ[name])}")
    valkey = None if "REDIS_URL" in os.environ else Valkey(folder.path / "valkey", folder.sockets, find_valkey())
    postgres = None if "DATABASE_URL" in os.environ else replace(embedded_postgres(folder), connections=connections)
    if valkey:
        say("starting Valkey")
        files = ValkeyFiles(valkey, folder.log("valkey"), say)
        supervisor.start(Part("valkey", tuple(valkey.command()), stage=0, stop_seconds=10, prepare=files.prepare))
    if postgres:
        initialise(folder, supervisor, postgres)
        start_postgres(folder, supervisor, postgres)
    if valkey:
        _await(folder, supervisor, "valkey", valkey.is_ready)


def start_postgres(folder: DataFolder, supervisor: Supervisor, postgres: Postgres) -> None:
    """Start the server on its data folder, and wait until it answers."""
    say(f"starting PostgreSQL {postgres.major}")
    supervisor.start(
        Part(
            "postgres",
            tuple(postgres.command()),
            stage=0,
            stop_seconds=30,
            stop_signal=signal.SIGINT,  # Postgres's fast stop: sessions are ended, everything is written
            user=postgres.as_user.user,
            prepare=postgres.prepare,
        )
    )
    _await(folder, supervisor, "postgres", postgres.is_ready)
    postgres.ensure_database()


def initialise(folder: DataFolder, supervisor: Supervisor, postgres: Postgres, *, beside_others: bool = False) -> None:
    """Make an empty database if there is none.

    Raises StackError if one of another major version is there, or if a restore has begun and has not been completed.
    Only a restore passes `beside_others`.
    """
    if (folder.path / UNFINISHED).exists() and not beside_others:
        raise StackError(
            f"a restore into {folder.path} has not been completed; repeat `e1 restore FILE --data {folder.path}`, or "
            f"delete {folder.path / UNFINISHED} to start without what it was to bring",
            code="restore_unfinished",
        )
    if postgres.data.exists():
        return
    if (others := postgres.others()) and not beside_others:
        raise _of_another_version(folder, postgres, others[-1])
    say(f"making a new PostgreSQL {postgres.major} database")
    folder.turn_log("initdb")
    postgres.prepare_initdb()
    env = {**supervisor.env, "LC_ALL": "C"}
    if supervisor.run_once("initdb", postgres.initdb_command(), env=env, user=postgres.as_user.user) != 0:
        raise _failed("the database could not be made", folder, "initdb", code="postgres_failed")
    postgres.adopt()


def _of_another_version(folder: DataFolder, postgres: Postgres, other: Path) -> StackError:
    major = other.name.removeprefix("postgres-")
    return StackError(
        f"{other} has the jobs of PostgreSQL {major}. PostgreSQL {postgres.major}, which is here, cannot read them. "
        f"To move them over: `e1 backup FILE --data {folder.path} --postgres FOLDER`, where FOLDER has the programs of "
        f"PostgreSQL {major} (Debian: /usr/lib/postgresql/{major}/bin), then `e1 restore FILE --data {folder.path}`. "
        f"To start without them, rename {other.name}",
        code="postgres_of_another_version",
    )


def _await(folder: DataFolder, supervisor: Supervisor, name: str, is_ready: Callable[[], bool]) -> None:
    """Wait until a store answers. Raises StackError if it keeps dying or does not answer for too long."""
    deadline = time.monotonic() + SERVER_SECONDS
    while not is_ready():
        if supervisor.deaths(name) >= SERVER_DEATHS or time.monotonic() > deadline:
            raise _failed(f"{name} does not start", folder, name, code=f"{name}_failed")
        supervisor.tick()


def _serve(
    folder: DataFolder,
    supervisor: Supervisor,
    *,
    host: str,
    port: int,
    prefix: str = "",
    without: Sequence[str] = (),
    allow: Sequence[str] = (),
    command: str = "",
) -> None:
    """Print `ready URL` once /readyz is green, then watch the children. Ends by StopRequested only.

    The models `without` a worker here may be red.
    """
    address = local_address(host)
    remind_at = time.monotonic() + REMINDER_SECONDS / 3
    ask_at = 0.0
    while True:
        supervisor.tick()
        if time.monotonic() < ask_at:
            continue
        red = readiness.red(address, port, without)
        ask_at = time.monotonic() + ASK_SECONDS
        if not red:
            break
        if time.monotonic() >= remind_at:
            say(f"waiting: {red} (logs in {folder.logs})")
            remind_at = time.monotonic() + REMINDER_SECONDS
    url = f"http://{parts.bracketed(address)}:{port}{prefix}"
    others = urls_for_others(host, port, prefix, allow)
    folder.other_addresses_file.write_text("".join(f"{one}\n" for one in others), encoding="utf-8")
    folder.address_file.write_text(url + "\n", encoding="ascii")
    if command:
        folder.command_file.write_text(command + "\n", encoding="utf-8")
    for line in ways_in(folder, others, url):
        say(line)
    say(f"ready {url}")
    supervisor.start(parts.artefact_worker())  # last, because no file has been asked for yet
    while True:
        supervisor.tick()


def ways_in(folder: DataFolder, others: Sequence[str], url: str) -> Iterator[str]:
    """Yield how other machines, other folders and other programs reach the service. Machines do at `others`."""
    if others:
        yield f"others reach it at {', '.join(others)}"
    yield "in other terminals, folders and programs:"
    yield f"  export E1_URL={url}"
    if (folder.path / "token").exists():
        yield f'  export E1_TOKEN="$(cat {shlex.quote(str(folder.path / "token"))})"'
    else:
        yield "  export E1_TOKEN=...    # this folder has no file token; the tokens of a restored backup are valid"


def log_in_lines(data: Path) -> Iterator[str]:
    """Yield where a new person logs in, if the service of this folder is ready, and that nothing is shown twice."""
    folder = DataFolder.at(data)
    found: list[str] = []
    for file in (folder.other_addresses_file, folder.address_file):
        with contextlib.suppress(OSError):
            found = found or file.read_text(encoding="utf-8").split()
    if public := os.environ.get("E1_PUBLIC_URL"):
        found = [public]
    if found:
        yield f"log in at {' or '.join(found)}"
    yield "this is shown once: pass it on now"


def _forget_address(folder: DataFolder) -> None:
    for file in (folder.address_file, folder.other_addresses_file):
        file.unlink(missing_ok=True)


def _last_command(folder: DataFolder) -> str:
    """Return the command of the last start that became ready, or an empty text."""
    try:
        return folder.command_file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeError):
        return ""


def complained(command: str, error: StackError) -> int:
    """Print why a command cannot go on; return its exit status."""
    complain(f"{command}: {error} [{error.code}]")
    return STATUS.get(error.code, 1)


def django() -> list[str]:
    return [sys.executable, "-m", "e1site"]


def _failed(what: str, folder: DataFolder, name: str, *, code: str) -> StackError:
    words = "\n  ".join(last_lines(folder.log(name), 12))
    return StackError(f"{what}; the end of {folder.log(name)}:\n  {words}", code=code)
