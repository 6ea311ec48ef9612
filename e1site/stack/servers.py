"""Postgres and Valkey: command lines, settings, and whether they answer. They listen on Unix sockets only."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import psycopg

from e1site.stack.binaries import RunAs
from e1site.stack.errors import StackError
from e1site.stack.processes import is_running, postgres_children, signal_process, title, wait_gone, work_folder

DATABASE = "e1"
OWNER_ROLE = "postgres"
SERVICE_ROLE = "e1_service"
"""The role of web and workers. `e1_bootstrap --migrate` creates it, also in a folder of an earlier version."""

POSTGRES_SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "shared_buffers": "256MB",
    "max_wal_size": "4GB",
    "checkpoint_timeout": "15min",
    "synchronous_commit": "on",
    "jit": "off",  # short queries only: compiling them costs more than it saves
    "timezone": "UTC",
    "log_timezone": "UTC",
    "logging_collector": "off",  # to standard error, which is the log of this child
}
READY_WORDS = "Ready to accept connections"
REFUSAL = re.compile(
    r"Bad file format|Unexpected end of file|Unrecoverable error reading|FATAL AOF MANIFEST|RDB ERROR DETECTED"
)
"""How Valkey and Redis say that they cannot read their files."""
WAL_STEP = 128 << 20


def wal_size(disk_bytes: int) -> str:
    """Return `max_wal_size` for a disk of this size: a twentieth of it, from 128 MB to that of POSTGRES_SETTINGS."""
    return f"{min(4096, max(128, disk_bytes // 20 // WAL_STEP * (WAL_STEP >> 20)))}MB"


@dataclass(frozen=True)
class Postgres:
    """An embedded PostgreSQL. `root` holds its data folder, `sockets` its socket; `name` marks its processes.

    It accepts `connections`, three of them for superusers only.

    Tests, which throw the data away, turn fsync off by `durable=False`.
    """

    root: Path
    sockets: Path
    name: str
    binaries: Path
    as_user: RunAs
    durable: bool = True
    connections: int = 180

    @cached_property
    def major(self) -> int:
        command = [str(self.binaries / "postgres"), "--version"]
        asked = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603 - found above
        found = re.search(r"\) (\d+)", asked.stdout)
        if found is None or int(found[1]) < 15:
            raise StackError(
                f"{command[0]} says {asked.stdout.strip()!r}; PostgreSQL 15 or newer is needed",
                code="no_postgres",
            )
        return int(found[1])

    @property
    def data(self) -> Path:
        """Folder of this major version: a newer server cannot read an older one's files."""
        return self.root / f"postgres-{self.major}"

    def others(self) -> list[Path]:
        """Return the data folders of other major versions beside ours."""
        found = (path for path in self.root.glob("postgres-*") if re.fullmatch(r"postgres-\d+", path.name))
        return sorted(path for path in found if path != self.data)

    @property
    def new_data(self) -> Path:
        """Folder in which initdb works. It is renamed to `data` when complete, so that no half database stays."""
        return self.root / f"postgres-{self.major}.new"

    @property
    def socket_folder(self) -> Path:
        return self.sockets / "pg"

    @property
    def url(self) -> str:
        """Address for web and workers, which may read and write rows. The socket folder needs no quoting."""
        return self._url(SERVICE_ROLE)

    @property
    def owner_url(self) -> str:
        """Address for migrations."""
        return self._url(OWNER_ROLE)

    def _url(self, role: str) -> str:
        """Return a libpq URL that django-environ and psycopg both read."""
        return f"postgresql://{role}@/{DATABASE}?host={self.socket_folder}"

    def initdb_command(self) -> list[str]:
        """Return the command, to be run with LC_ALL=C. It sets byte order and UTF-8 for every machine."""
        builtin = ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"]
        locale = builtin if self.major >= 17 else ["--locale=C.UTF-8"]
        sync = [] if self.durable else ["--no-sync"]
        basic = ["-D", str(self.new_data), "-U", OWNER_ROLE, "-A", "trust", "-E", "UTF8", "--no-instructions"]
        return [*self.as_user.prefix, str(self.binaries / "initdb"), *basic, *locale, *sync]

    def command(self) -> list[str]:
        settings = {
            **POSTGRES_SETTINGS,
            "unix_socket_directories": str(self.socket_folder),
            "cluster_name": self.name,
            "max_connections": str(self.connections),
            "max_wal_size": wal_size(shutil.disk_usage(self.root).total),
            "fsync": "on" if self.durable else "off",
            "full_page_writes": "on" if self.durable else "off",
        }
        flags = [part for key, value in settings.items() for part in ("-c", f"{key}={value}")]
        return [*self.as_user.prefix, str(self.binaries / "postgres"), "-D", str(self.data), *flags]

    def prepare_initdb(self) -> None:
        """Make an empty folder for initdb, and delete the rest of an interrupted one."""
        shutil.rmtree(self.new_data, ignore_errors=True)
        self.new_data.mkdir(mode=0o700)
        self._own(self.new_data)

    def adopt(self) -> None:
        """Rename the folder that initdb made: from now on it is the database."""
        self.new_data.rename(self.data)

    def prepare(self) -> None:
        """Set the owner of the folders and end a server that was left over, before every start."""
        # The caller holds the lock of the data folder, so any server on it is a leftover.
        self.socket_folder.mkdir(mode=0o700, exist_ok=True)
        for folder in (self.socket_folder, self.data):
            self._own(folder)
        self._end_leftovers()

    def is_ready(self) -> bool:
        """Return whether it answers a query; raises nothing."""
        try:
            with self._connect():
                return True
        except psycopg.OperationalError:
            return False

    def ensure_database(self) -> None:
        """Create the database of the service at the first start."""
        with self._connect() as connection:
            if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone():
                connection.execute(f"CREATE DATABASE {DATABASE}")

    def workers_gone(self, names: Sequence[str]) -> None:
        """Record that these workers have stopped, which a killed one or one without its role could not do itself.

        Their last heartbeat would count as a living worker until it is too old.
        """
        with self._connect(DATABASE) as connection:
            if connection.execute("SELECT to_regclass('jobs_worker') IS NOT NULL").fetchone() == (True,):
                connection.execute("UPDATE jobs_worker SET state = 'stopped' WHERE name = ANY(%s)", [list(names)])

    def _connect(self, database: str = "postgres") -> psycopg.Connection:
        return psycopg.connect(
            host=str(self.socket_folder),
            user=OWNER_ROLE,
            dbname=database,
            connect_timeout=3,
            autocommit=True,
        )

    def _own(self, folder: Path) -> None:
        """Make the user of the server the owner of a folder. In a user namespace that is root itself."""
        wanted = self.as_user.user or 0
        if os.geteuid() != 0 or not folder.exists() or folder.stat().st_uid == wanted:
            return
        for path in (folder, *folder.rglob("*")):
            os.chown(path, wanted, wanted, follow_symlinks=False)

    def _is_mine(self, pid: int) -> bool:
        """Return whether this process is a server on this data folder."""
        place = work_folder(pid)
        if place is None:
            return f" -D {self.data} " in f"{title(pid)} "
        with contextlib.suppress(OSError):
            return place.samefile(self.data)
        return False

    def _end_leftovers(self) -> None:
        """End an earlier server, and delete its pid file, whose number may belong to another program by now."""
        pid_file = self.data / "postmaster.pid"
        try:
            pid = int(pid_file.read_text(encoding="utf-8", errors="replace").split()[0])
        except (OSError, ValueError, IndexError):
            pid = 0
        # A copied folder has the pid file of the original, whose server must not be ended.
        if pid and is_running(pid) and self._is_mine(pid):
            signal_process(pid, signal.SIGQUIT)  # immediate; the next start recovers from its log
            wait_gone(lambda: is_running(pid), 5.0)
        for child in postgres_children(self.name):  # busy ones notice late that their parent died
            signal_process(child, signal.SIGKILL)
        wait_gone(lambda: bool(postgres_children(self.name)), 5.0)
        pid_file.unlink(missing_ok=True)
        (self.socket_folder / ".s.PGSQL.5432.lock").unlink(missing_ok=True)


class ValkeyFiles:
    """Watches over the files of one Valkey: it sets aside those that the server refuses, such as after a power cut.

    Nothing is lost: Postgres is the queue, and what was on its way is sent again. The files are kept, for a look.
    `say` tells the person at the terminal.
    """

    def __init__(self, valkey: Valkey, log: Path, say: Callable[[str], None]) -> None:
        self._valkey, self._log, self._say = valkey, log, say
        self._read = 0
        self._unready = 0

    def prepare(self) -> None:
        """Make the data folder; before that, set it aside if the last start failed because of it.

        Call it before every start. The server's words tell, or two starts that both ended unready.
        """
        words = self._new_words()
        self._unready = self._unready + 1 if words and READY_WORDS not in words else 0
        if (REFUSAL.search(words) and self._unready) or self._unready > 1:
            self._unready = 0
            if any(self._valkey.data.glob("*/*")) or any(self._valkey.data.glob("*.*")):
                aside = self._valkey.set_aside()
                self._say(
                    f"Valkey refuses its files; they are set aside in {aside}. Nothing is lost: waiting work is in "
                    "Postgres and is sent again. Delete that folder when you need it no more"
                )
        self._valkey.prepare()

    def _new_words(self) -> str:
        """Return what the log has got since the last call."""
        try:
            with self._log.open("rb") as file:
                size = file.seek(0, os.SEEK_END)
                file.seek(self._read if self._read <= size else 0)
                words = file.read()
                self._read = file.tell()
        except OSError:
            return ""
        return words.decode(errors="replace")


@dataclass(frozen=True, slots=True)
class Valkey:
    """An embedded Valkey with its log of writes (AOF) in `data`, its socket in `sockets`."""

    data: Path
    sockets: Path
    binary: Path
    databases: int = 16

    @property
    def socket(self) -> Path:
        return self.sockets / "valkey.sock"

    def url(self, number: int = 0) -> str:
        """Return the URL in the form that Celery reads; redis-py expects `unix://PATH?db=0`."""
        return f"redis+socket://{self.socket}?virtual_host={number}"

    def command(self) -> list[str]:
        return [
            str(self.binary),
            *("--port", "0", "--unixsocket", str(self.socket), "--unixsocketperm", "700"),
            *("--dir", str(self.data), "--appendonly", "yes", "--appendfsync", "everysec", "--save", ""),
            *("--maxmemory-policy", "noeviction", "--databases", str(self.databases), "--daemonize", "no"),
            *("--set-proc-title", "no"),  # its environment, and in it the stack's marker, stays readable
        ]

    def prepare(self) -> None:
        self.data.mkdir(mode=0o700, parents=True, exist_ok=True)

    def set_aside(self) -> Path:
        """Rename the data folder, so that the next start makes a new one, and return its new name."""
        moment = time.strftime("%Y%m%d-%H%M%S", time.gmtime())
        aside = self.data.with_name(f"{self.data.name}.refused-{moment}-{secrets.token_hex(2)}")
        self.data.rename(aside)
        return aside

    def is_ready(self) -> bool:
        """Return whether it answers PING with PONG, not LOADING, as while it reads its log; raises nothing."""
        try:
            with socket.socket(socket.AF_UNIX) as connection:
                connection.settimeout(2.0)
                connection.connect(str(self.socket))
                connection.sendall(b"PING\r\n")
                return connection.recv(64).startswith(b"+PONG")
        except OSError:
            return False
