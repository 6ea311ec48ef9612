"""Defaults that both the settings and `e1 up` use."""

import hashlib
import re
import shutil
from urllib.parse import unquote, urlsplit

MODELS = ("e1-demo",)
PREFIX = re.compile(r"(/[A-Za-z0-9_-]+)*")
OWN_PLACES = frozenset(
    [
        "account",
        "admin",
        "api",
        "campaigns",
        "contexts",
        "favicon.ico",
        "help",
        "jobs",
        "livez",
        "login",
        "logout",
        "metrics",
        "oidc",
        "operations",
        "projects",
        "proteins",
        "public",
        "readyz",
        "service",
        "static",
    ]
)
"""First parts of the service's own addresses: as a prefix, one could not be told from them."""
OWN_HOSTS = ("127.0.0.1", "localhost", "[::1]")
"""Names by which a machine reaches itself, as the Host header has them."""

STORED_BYTES = 100_000_000_000
"""Bytes of one user if the database's disk is unknown: eight times a million mean embeddings of e1-600m with files."""
SHARE_OF_DISK = 0.5


def cookie_name(base: str, *, service: str, https: bool, prefix: str = "") -> str:
    """Return the name of a cookie of one service.

    Browsers share cookies between the ports of a host, so two services with equal names log each other out. By https
    `__Host-` keeps other hosts of the domain from setting the cookie. Browsers refuse it by http, and for a cookie of
    a service under a `prefix`: then `__Secure-` keeps pages without TLS from setting it.
    """
    named = service + prefix
    mark = f"-{hashlib.sha256(named.encode()).hexdigest()[:8]}" if named else ""
    kind = ("__Secure-" if prefix else "__Host-") if https else ""
    return f"{kind}{base}{mark}"


def prefix(text: str) -> str:
    """Return a prefix of addresses as the program uses it: empty, or with a slash before it and none behind it."""
    inner = text.strip().strip("/")
    return f"/{inner}" if inner else ""


def prefix_problem(prefix: str) -> str:
    """Return why a prefix cannot be used, as the end of a sentence; empty if it can."""
    if prefix and not PREFIX.fullmatch(prefix):
        return (
            f"is {prefix!r}; it is the path of the service's address, such as /e1: a slash, then letters, digits, - "
            "and _, and no slash at the end"
        )
    if (first := prefix[1:].partition("/")[0]) in OWN_PLACES:
        return f"begins with /{first}, which the service itself uses; choose another name, such as /e1"
    return ""


def database_problem(url: str) -> str:
    """Return why a value of DATABASE_URL cannot be used, as the end of a sentence; empty if it can."""
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018 - raises ValueError for one that is no number
    except ValueError as error:
        return f"cannot be read ({error}); write postgresql://USER:PASSWORD@HOST:5432/NAME"
    if parts.scheme not in ("postgres", "postgresql"):
        begins = f"begins with {parts.scheme!r}" if parts.scheme else "has no scheme such as postgresql://"
        return f"{begins}, so it belongs to another project or is cut off; name a PostgreSQL database, or unset it"
    if not unquote(parts.path).strip("/"):
        return "names no database; write postgresql://USER:PASSWORD@HOST:5432/NAME"
    return ""


def stored_bytes(setting: str, disk: str) -> int:
    """Return the bytes that one user may store: the setting, or half of the disk that has the folder `disk`.

    Raises ValueError for a setting that is no number, and OSError if there is no such folder.
    """
    if setting:
        return int(setting)
    return int(SHARE_OF_DISK * shutil.disk_usage(disk).total) if disk else STORED_BYTES
