"""The server's address and the token: the only module of this package that reads the environment."""

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
LOCAL_TOKEN = DATA_FOLDER / "token"
"""The administrator's token."""


@dataclass(frozen=True, slots=True)
class Connection:
    """A server and how to log in. `token` may be empty; `note` names its source if the user did not choose it."""

    url: httpx.URL
    token: str
    note: str = ""

    @property
    def is_local(self) -> bool:
        """Whether the server runs on this machine."""
        return is_loopback(self.url.host)


def find_connection(url: str | None = None, token: str | None = None) -> Connection:
    """Find the server: arguments first, then `E1_URL` and `E1_TOKEN`, then `.local/token` of the working folder.

    Raises UsageError for an invalid URL, and for a token that no header can carry.
    """
    address = parse_url(url or os.environ.get("E1_URL") or DEFAULT_URL)
    token = token if token is not None else os.environ.get("E1_TOKEN", "").strip()
    note = ""
    # Only a server on this machine gets the local token: another one must not learn it.
    if not token and is_loopback(address.host) and LOCAL_TOKEN.is_file():
        try:
            token = LOCAL_TOKEN.read_text(encoding="utf-8").strip()
        except OSError as error:
            raise UsageError(f"{LOCAL_TOKEN} cannot be read ({error.strerror}); set E1_TOKEN") from error
        note = f"E1_TOKEN is not set: using the token in {LOCAL_TOKEN}"
    if not token.isascii() or any(not letter.isprintable() or letter.isspace() for letter in token):
        raise UsageError("the token holds a space or non-ASCII letter; check E1_TOKEN", code="bad_token")
    return Connection(address, token, note)


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
