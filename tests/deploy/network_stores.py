"""Postgres and Valkey as docs/slurm.md sets them up for other machines: by TCP, with TLS and passwords."""

from __future__ import annotations

import os
import re
import secrets
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg

from e1site.stack.binaries import run_as
from e1site.stack.processes import signal_group, spawn, wait_gone
from tests.deploy.composed import ROOT
from tests.deploy.proxy import free_port

PAGE = ROOT / "docs" / "slurm.md"
START_SECONDS = 60
OWNER, SERVICE = "e1_owner", "e1_service"


@dataclass(frozen=True)
class NetworkStores:
    """Addresses as the page writes them, filled in. `folder` has ca.pem, and the servers' files."""

    folder: Path
    database_url: str
    owner_url: str
    redis_url: str


def page_block(first: str) -> str:
    """Return the block of settings on the page that starts with this text."""
    blocks = re.findall(r"^```text\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    (found,) = (block for block in blocks if block.startswith(first))
    return found


def find_postgres_with_tls() -> Path | None:
    """Return the folder of a PostgreSQL that was built with OpenSSL; the wheel's is not."""
    for folder in sorted(Path("/").glob("usr/lib/postgresql/*/bin"), reverse=True):
        linked = subprocess.run(["ldd", folder / "postgres"], capture_output=True, text=True, check=False).stdout
        if "libssl" in linked:
            return folder
    return None


@contextmanager
def network_stores(folder: Path, postgres: Path, valkey: str) -> Iterator[NetworkStores]:
    """Run both servers with the page's settings, only on other ports and addresses."""
    folder.mkdir()
    folder.chmod(0o755)
    _certificates(folder)
    filled = _words(folder)
    with ExitStack() as stack:
        stack.enter_context(_postgres(folder, postgres, filled))
        stack.enter_context(_valkey(folder, valkey, filled))
        lines = fill(page_block("DATABASE_URL="), filled)
        urls = dict(re.findall(r"^(\w+)='(.*)'$", lines, re.MULTILINE))
        (folder / "worker.env").write_text(lines)
        (folder / "worker.env").chmod(0o600)
        owner = urls["DATABASE_URL"].replace(f"{SERVICE}:{filled['SERVICE_PASSWORD']}", f"{OWNER}:owner-password")
        yield NetworkStores(folder, urls["DATABASE_URL"], owner, urls["REDIS_URL"])


def _words(folder: Path) -> dict[str, str]:
    """Return what replaces the page's examples here."""
    return {
        "/etc/e1-tls": str(folder),
        "/shared/e1": str(folder),
        "login.example.org": "localhost",
        "10.0.0.0/8": "127.0.0.0/8",
        "10.0.0.1": "127.0.0.1",
        "5432": str(free_port()),
        "6379": str(free_port()),
        "SERVICE_PASSWORD": secrets.token_hex(12),
        "BROKER_PASSWORD": secrets.token_hex(12),
    }


def fill(text: str, words: Mapping[str, str]) -> str:
    for example, here in words.items():
        text = text.replace(example, here)
    return text


def _certificates(folder: Path) -> None:
    """Run the page's commands for certificates, for the name `localhost`."""
    commands = re.search(r"^```sh\n(openssl req .*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    assert commands
    script = commands[1].replace("login.example.org", "localhost")
    subprocess.run(["sh", "-ec", script], cwd=folder, capture_output=True, check=True)
    (folder / "key.pem").chmod(0o600)


@contextmanager
def _server(name: str, command: list[str], folder: Path, stop: int, user: int | None = None) -> Iterator[None]:
    process = spawn(command, env={**os.environ, "LC_ALL": "C"}, log=folder / f"{name}.log", cwd=folder, user=user)
    try:
        yield
    finally:
        process.send_signal(stop)
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            signal_group(process.pid, signal.SIGKILL)
            process.wait()


@contextmanager
def _postgres(folder: Path, binaries: Path, words: Mapping[str, str]) -> Iterator[None]:
    data = folder / "postgres"
    data.mkdir(mode=0o700)
    who = run_as()
    if who.user is not None:
        for path in (folder, data, folder / "key.pem"):
            os.chown(path, who.user, who.user)
    initdb = [*who.prefix, str(binaries / "initdb"), "-D", str(data), "-U", "postgres", "-A", "trust", "-E", "UTF8"]
    made = subprocess.run([*initdb, "--locale=C.UTF-8", "--no-sync"], capture_output=True, text=True, user=who.user,
                          env={**os.environ, "LC_ALL": "C"}, check=False)  # fmt: skip
    assert made.returncode == 0, made.stderr
    with (data / "postgresql.conf").open("a") as settings:
        settings.write(fill(page_block("listen_addresses"), words))
        settings.write(f"unix_socket_directories = '{folder}'\nfsync = off\n")
    hba = data / "pg_hba.conf"
    hba.write_text("local all postgres trust\n" + fill(page_block("hostssl"), words))
    command = [*who.prefix, str(binaries / "postgres"), "-D", str(data)]
    with _server("postgres", command, folder, signal.SIGINT, who.user):
        address = {"host": str(folder), "port": words["5432"], "user": "postgres", "autocommit": True}

        def answers() -> bool:
            try:
                with psycopg.connect(**address):
                    return True
            except psycopg.OperationalError:
                return False

        assert wait_gone(lambda: not answers(), START_SECONDS), (folder / "postgres.log").read_text()
        with psycopg.connect(**address) as connection:
            connection.execute(f"CREATE ROLE {OWNER} LOGIN PASSWORD 'owner-password'")
            connection.execute(f"CREATE ROLE {SERVICE} LOGIN PASSWORD '{words['SERVICE_PASSWORD']}'")
            connection.execute(f"CREATE DATABASE e1 OWNER {OWNER} ENCODING 'UTF8' TEMPLATE template0 LOCALE 'C.UTF-8'")
        yield


@contextmanager
def _valkey(folder: Path, program: str, words: Mapping[str, str]) -> Iterator[None]:
    settings = folder / "valkey.conf"
    settings.write_text(fill(page_block("bind "), words) + f"dir {folder}\n")
    settings.chmod(0o600)
    with _server("valkey", [program, str(settings)], folder, signal.SIGTERM):
        yield
