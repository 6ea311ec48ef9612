"""A real pgbouncer in transaction mode: every transaction may run in another session of Postgres."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import psycopg

from e1site.stack.binaries import run_as
from e1site.stack.processes import spawn, wait_gone
from tests.needed import needed_program

SECONDS = 30.0
SESSIONS = 3
"""Sessions of Postgres that all clients share in tests of the pool itself: fewer than clients."""


def program() -> str:
    """Return the path of pgbouncer; skip the test, or fail in CI, if it is not installed."""
    return needed_program("pgbouncer", package="pgbouncer", path="/usr/sbin")


def command(folder: Path, server: Path, *, sessions: int = SESSIONS) -> list[str]:
    """Write the configuration into `folder`, which also gets the socket, and return the command line.

    `server` is the folder of Postgres's socket. Sessions are used in turn, so that hardly any transaction of a client
    runs in the session of its last one.
    """
    folder.mkdir(mode=0o711, exist_ok=True)
    users = folder / "users.txt"
    users.write_text('"postgres" ""\n"e1_service" ""\n')
    settings = {
        "listen_addr": "",
        "unix_socket_dir": folder,
        "unix_socket_mode": "0700",
        "listen_port": 5432,
        "auth_type": "trust",
        "auth_file": users,
        "pool_mode": "transaction",
        "server_round_robin": 1,
        "default_pool_size": sessions,
        "max_client_conn": 400,
        "query_wait_timeout": 60,
        "server_reset_query": "",
        "log_connections": 0,
        "log_disconnections": 0,
    }
    lines = "\n".join(f"{name} = {value}" for name, value in settings.items())
    configuration = folder / "pgbouncer.ini"
    configuration.write_text(f"[databases]\n* = host={server} port=5432\n\n[pgbouncer]\n{lines}\n")
    as_user = run_as()
    others = ["--user", "nobody"] if as_user.user else []
    return [*as_user.prefix, program(), "-q", *others, str(configuration)]


def answers(folder: Path, *, user: str = "postgres", name: str = "postgres") -> bool:
    try:
        with psycopg.connect(host=str(folder), user=user, dbname=name, connect_timeout=3) as connection:
            connection.execute("SELECT 1")
            return True
    except psycopg.OperationalError:
        return False


@contextmanager
def pooled(server: Path, env: Mapping[str, str], *, sessions: int = SESSIONS) -> Iterator[Path]:
    """Run a pool in front of the server and yield the folder of its socket."""
    folder = Path(tempfile.mkdtemp(prefix="e1-pool-"))
    folder.chmod(0o711)
    process = spawn(command(folder, server, sessions=sessions), env=env, log=folder / "log", cwd=folder)
    try:
        ready = wait_gone(lambda: process.poll() is None and not answers(folder), SECONDS) and process.poll() is None
        assert ready, (folder / "log").read_text()
        yield folder
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        shutil.rmtree(folder, ignore_errors=True)
