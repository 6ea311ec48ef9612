"""The environment of the children: addresses of the stores, host names, the stack's marker; the web's secret key."""

from __future__ import annotations

import os
import pwd
import re
import socket
import tempfile
from collections.abc import Sequence
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import psutil

from e1client.settings import is_loopback
from e1site.defaults import OWN_HOSTS, prefix, prefix_problem
from e1site.stack.binaries import find_postgres, run_as
from e1site.stack.errors import StackError
from e1site.stack.folder import DataFolder
from e1site.stack.parts import bracketed
from e1site.stack.processes import MARKER
from e1site.stack.servers import Postgres, Valkey

FOREIGN = re.compile(r"PG[A-Z]+|CELERY_\w+|GUNICORN_CMD_ARGS|SCRIPT_NAME")
"""Variables of another project in the same shell, which programs of ours would read. `worker.app` handles some too."""
STORES = ("DATABASE_URL", "REDIS_URL")
SECRET_KEY = "E1_SECRET_KEY"  # noqa: S105 - the name of a variable
COOKIES = "E1_COOKIES"
OWNER_URL = "E1_OWNER_DATABASE_URL"
LOOPBACK_NAME = re.compile(r"localhost\b|ip6-(localhost|loopback)\b|.*\.localhost$", re.IGNORECASE)
BRIDGE = re.compile(r"docker|br-|veth|virbr|cni|podman")
"""Interfaces to containers and virtual machines of this machine, by name."""
EVERY_ADDRESS = ("0.0.0.0", "::", "")  # noqa: S104 - compared with what the user asked for


def forget_foreign() -> list[str]:
    """Remove variables of other projects, and empty addresses, from this process. Return the names of the former.

    libpq reads PG* in this process too, and everything that starts later inherits the environment.
    """
    for name in STORES:
        if not os.environ.get(name):
            os.environ.pop(name, None)
    found = sorted(name for name in os.environ if FOREIGN.fullmatch(name))
    for name in found:
        del os.environ[name]
    return found


def place_of(url: str) -> str:
    """Return the database and the machine that an address names, without user and password."""
    try:
        parts = urlsplit(url)
        socket_folder = parse_qs(parts.query).get("host", [""])[0]
        port = f":{parts.port}" if parts.port else ""
        host = f"{bracketed(parts.hostname)}{port}" if parts.hostname else ""
        name = parts.path.strip("/")
    except ValueError as error:
        raise StackError(f"an address cannot be read: {error}", code="bad_argument") from error
    if not name or not (host or socket_folder):  # redis+socket:///folder/of/the.sock
        return host or socket_folder or parts.path
    return f"{name} at {host or socket_folder}"


def embedded_postgres(folder: DataFolder) -> Postgres:
    """Return the Postgres of this folder. Raises StackError if no binary is found."""
    return Postgres(folder.path, folder.sockets, folder.stack_id, find_postgres(), run_as())


def children_environment(
    folder: DataFolder, host: str, models: list[str], *, also: Sequence[str] = ()
) -> dict[str, str]:
    """Return the environment of all children. An address of the caller's environment is kept.

    `also` are host names that the service answers to, besides those of this machine and of `E1_ALLOWED_HOSTS`.

    It has neither the secret key (`web_environment`) nor the address of the tables' owner (`owner_environment`).
    """
    withheld = (SECRET_KEY, OWNER_URL)
    env = {name: value for name, value in os.environ.items() if name not in withheld and not FOREIGN.fullmatch(name)}
    named = [name.strip() for name in env.get("E1_ALLOWED_HOSTS", "").split(",") if name.strip()]
    env["E1_ALLOWED_HOSTS"] = ",".join(dict.fromkeys([*allowed_hosts(host), *named, *also]))
    if "DATABASE_URL" not in env:
        env["DATABASE_URL"] = embedded_postgres(folder).url
        env.setdefault("E1_DISK", str(folder.path))
    env.setdefault("REDIS_URL", Valkey(folder.path / "valkey", folder.sockets, Path()).url())
    env.setdefault("E1_DATABASES", str(folder.path / "databases"))
    env = cache_environment(folder) | env
    env |= {
        "DJANGO_SETTINGS_MODULE": "e1site.settings",
        "E1_DATA": str(folder.path),
        "PYTHONUNBUFFERED": "1",
        MARKER: folder.stack_id,
    }
    if models:
        env["E1_MODELS"] = ",".join(models)
    return env


def cache_environment(folder: DataFolder) -> dict[str, str]:
    """Return places in the data folder for caches of libraries, if the user's own place cannot be written.

    In containers and under systemd HOME is often missing or read-only, and a user id may have no name.
    """
    found = {}
    place = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")  # noqa: PTH111, PTH118 - Path.home raises without a home
    if not _can_be_made(Path(place)):
        caches = folder.path / "cache"
        found = {
            "XDG_CACHE_HOME": str(caches),
            "HF_HOME": str(caches / "huggingface"),
            "MPLCONFIGDIR": str(caches / "matplotlib"),
            "NUMBA_CACHE_DIR": str(caches / "numba"),
            "TORCHINDUCTOR_CACHE_DIR": str(caches / "torch"),
        }
    if not os.environ.get("USER") and not os.environ.get("LOGNAME"):
        try:
            pwd.getpwuid(os.geteuid())
        except KeyError:
            found |= {"USER": "e1", "LOGNAME": "e1"}  # libraries ask for a name
    return found


def _can_be_made(folder: Path) -> bool:
    """Return whether this folder can be written, or made if it does not exist."""
    if not folder.is_absolute():
        return False
    place = next(one for one in (folder, *folder.parents) if one.exists())
    try:
        with tempfile.TemporaryFile(dir=place):
            return place.is_dir()
    except OSError:
        return False


def web_environment(folder: DataFolder) -> dict[str, str]:
    """Return what the web process gets besides: the key of sessions, and a mark for the names of its cookies.

    The caller's environment may name both; by default they are the folder's.
    """
    return {
        SECRET_KEY: os.environ.get(SECRET_KEY) or folder.secret_key,
        COOKIES: os.environ.get(COOKIES) or folder.stack_id,
    }


def owner_environment(folder: DataFolder) -> dict[str, str]:
    """Return what the migration gets besides: the owner's address, if the stores are ours or the caller names it."""
    if "DATABASE_URL" not in os.environ:
        return {OWNER_URL: embedded_postgres(folder).owner_url}
    return {OWNER_URL: os.environ[OWNER_URL]} if os.environ.get(OWNER_URL) else {}


def allowed_hosts(host: str) -> list[str]:
    """Return the names and addresses of a service that listens on `host`, as the Host header has them.

    If others can reach it, these are the machine's names, and the address, or all addresses of the machine.
    """
    return list(dict.fromkeys([*OWN_HOSTS, *reachable_names(host), *map(bracketed, _addresses(host))]))


def reachable_names(host: str) -> list[str]:
    """Return the machine's names, if others can reach a service that listens on `host`.

    A name such as `localhost` means another machine there, and is left out.
    """
    if is_loopback(host):
        return []
    name = socket.gethostname()
    local = [] if "." in name else [f"{name}.local"]  # by multicast DNS
    found = dict.fromkeys([name, *local, socket.getfqdn(name)])
    return [one for one in found if not is_loopback(one) and not LOOPBACK_NAME.match(one)]


def reachable_hosts(host: str) -> list[str]:
    """Return the names and addresses by which other machines reach a service that listens on `host`.

    Bridges of containers and virtual machines, and addresses that hold on one cable only, are left out.
    """
    if is_loopback(host):
        return []
    # On 0.0.0.0 the service listens with IPv4 only.
    found = [one for one in _addresses(host, without=BRIDGE) if ":" not in one or ":" in host]
    return [*reachable_names(host), *(bracketed(one) for one in found if not _only_near(one))]


def urls_for_others(host: str, port: int, prefix: str, allow: Sequence[str]) -> list[str]:
    """Return the URLs by which other machines reach a service that listens here; `allow` are names of a proxy.

    With `E1_HTTPS` only the proxy leads to it: browsers keep its cookies for https.
    """
    from environ import Env  # imports Django, which most starts do not need here

    named = [name for name in allow if name[:1] not in (".", "*")]
    if Env().bool("E1_HTTPS", default=False):
        return [f"https://{name}{prefix}" for name in named]
    direct = [f"http://{name}:{port}{prefix}" for name in reachable_hosts(host)]
    own_port = "" if is_loopback(host) else f":{port}"
    return list(dict.fromkeys([*direct, *(f"http://{name}{own_port}{prefix}" for name in named)]))


def _addresses(host: str, *, without: re.Pattern[str] | None = None) -> list[str]:
    if host not in EVERY_ADDRESS:
        return [host]
    cards = psutil.net_if_addrs().items()
    found = [one for card, entries in cards for one in entries if without is None or not without.match(card)]
    return [one.address.partition("%")[0] for one in found if one.family in (socket.AF_INET, socket.AF_INET6)]


def _only_near(text: str) -> bool:
    """Return whether an address is of this machine only, or of one cable."""
    try:
        address = ip_address(text)
    except ValueError:
        return False  # a name that the user chose
    return address.is_loopback or address.is_link_local


def local_address(host: str) -> str:
    """Return the address by which this machine reaches a service that listens on `host`."""
    if host in EVERY_ADDRESS:
        return "::1" if host == "::" else "127.0.0.1"
    return host


def usable_prefix(text: str) -> str:
    """Return the prefix of addresses as the program uses it. Raises StackError if it cannot be one."""
    found = prefix(text)
    if problem := prefix_problem(found):
        raise StackError(f"the prefix {problem}", code="bad_setting")
    return found


def usable_port(host: str, port: int) -> int:
    """Return `port`, or a free one for 0. Raises StackError if it cannot be bound."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
            return int(probe.getsockname()[1])
    except OSError as error:
        raise StackError(
            f"port {port} of {host} cannot be used ({error.strerror or error}); "
            "stop what listens there, or choose another with --port",
            code="port_in_use",
        ) from error
