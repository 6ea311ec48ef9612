"""The server's address and the token. Only this module and `e1client.network` read the environment."""

from __future__ import annotations

import ipaddress
import os
from dataclasses import dataclass
from pathlib import Path

import httpx

from e1client.errors import UsageError

DEFAULT_HOST, DEFAULT_PORT = "127.0.0.1", 8000
DEFAULT_URL = f"http://{DEFAULT_HOST}:{DEFAULT_PORT}"
DATA_FOLDER = Path(".local")
"""Where `e1 up` keeps everything by default."""
DATA_VARIABLE = "E1_DATA"
"""Names another data folder, for every command."""
NOTHING = "nothing"
"""The source of an address that nothing named: the default one."""


@dataclass(frozen=True, slots=True)
class Connection:
    """A server and how to log in. `token` may be empty; `note` names its source if the user did not choose it.

    `source` is what named the address, such as `E1_URL`, or empty if an argument did or nothing.
    """

    url: httpx.URL
    token: str
    note: str = ""
    source: str = ""

    @property
    def is_local(self) -> bool:
        """Whether the server runs on this machine."""
        return is_loopback(self.url.host)


def find_connection(url: str | None = None, token: str | None = None) -> Connection:
    """Find the server: arguments first, then `E1_URL` and `E1_TOKEN`, then the data folder of a service that runs here.

    Address and token of the data folder are used together or not at all: a token reaches no other server. Raises
    UsageError for an invalid URL, and for a token that no header can carry.
    """
    asked = url or os.environ.get("E1_URL") or ""
    source = "" if url else "E1_URL" if asked else NOTHING
    token = token if token is not None else os.environ.get("E1_TOKEN", "").strip()
    address = parse_url(asked or DEFAULT_URL)
    note = ""
    if not token:
        folder = Path(os.environ.get(DATA_VARIABLE) or DATA_FOLDER)
        found = service_of(folder)
        if found is None and not asked:
            note = f"E1_URL is not set, and no service of {folder} is ready (`e1 up` starts one): trying {DEFAULT_URL}"
        elif found is not None and (not asked or _same(address, found[0])):
            if not asked:
                address, source = found[0], str(folder / "url")
            token = found[1]
            note = f"using the service and the token of {folder}"
            if not token:
                note = f"the service of {folder} runs, but {folder} has no token: set E1_URL={address} and E1_TOKEN"
    if not token.isascii() or any(not letter.isprintable() or letter.isspace() for letter in token):
        raise UsageError("the token holds a space or non-ASCII letter; check E1_TOKEN", code="bad_token")
    return Connection(address, token, note, source)


def service_of(folder: Path) -> tuple[httpx.URL, str] | None:
    """Return the address and the administrator's token of the service that runs on a data folder, if one is ready.

    The token is empty if the folder has none, as after a restore. Raises UsageError if the files cannot be read.
    """
    if not (folder / "url").is_file() or not _is_held(folder / "lock"):
        return None
    try:
        address = (folder / "url").read_text(encoding="utf-8").strip()
        token = (folder / "token").read_text(encoding="utf-8").strip() if (folder / "token").is_file() else ""
    except OSError as error:
        raise UsageError(
            f"{error.filename} cannot be read ({error.strerror}); set E1_URL and E1_TOKEN", code="file_unreadable"
        ) from error
    return parse_url(address), token


def _is_held(lock: Path) -> bool:
    """Return whether a service holds the lock of its folder: one that was killed may have left its address behind."""
    try:
        import fcntl

        with lock.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except (ImportError, OSError):  # no such locks on Windows; held, or not ours to open
        return True
    return False


def _same(one: httpx.URL, other: httpx.URL) -> bool:
    """Return whether two URLs name the same server."""
    names = [
        (url.scheme, DEFAULT_HOST if url.host == "localhost" else url.host, url.port, url.path.rstrip("/"))
        for url in (one, other)
    ]
    return names[0] == names[1]


def parse_url(text: str) -> httpx.URL:
    """Parse an http or https URL. Raises UsageError for other text."""
    try:
        url = httpx.URL(text)
    except httpx.InvalidURL:
        url = httpx.URL()
    if url.scheme not in ("http", "https") or not url.host:
        raise UsageError(f"{text!r} is no http or https URL; set E1_URL, for example {DEFAULT_URL}", code="bad_url")
    return url


def is_loopback(host: str) -> bool:
    """Return whether the host name means this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
