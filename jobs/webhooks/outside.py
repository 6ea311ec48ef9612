"""Requests to addresses that users name. They never reach an internal machine, even if a name resolves to one.

A name is resolved once, each of its addresses is checked, and the connection uses a checked address. A DNS answer that
changes in between (DNS rebinding) therefore has no effect. Redirects are not followed.
"""

from __future__ import annotations

import contextlib
import http.client
import ipaddress
import queue
import socket
import ssl
import threading
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import SplitResult, urlsplit

SECONDS = 10.0
"""Time for a request, from the DNS lookup to the status line."""
MAX_URL = 500
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
IP = ipaddress.IPv4Address | ipaddress.IPv6Address


class Refused(Exception):
    """The reason, for people, why an address must not be requested."""


@dataclass(frozen=True, slots=True)
class Target:
    """A checked URL. `path` includes the query; `tls` is whether the connection is encrypted."""

    host: str
    port: int
    path: str
    tls: bool

    @property
    def name(self) -> str:
        """The value of the header `Host`."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.tls else 80) else f"{host}:{self.port}"


def target_of(url: str, allowed: Collection[str]) -> Target:
    """Return the target of a URL. `allowed` are HOST or HOST:PORT that an administrator permits; they can use http.

    Raises Refused.
    """
    if len(url) > MAX_URL or not url.isascii() or not url.isprintable() or " " in url:
        raise Refused(f"the address must be at most {MAX_URL} printable ASCII characters without blanks")
    try:
        parts: SplitResult = urlsplit(url)
        host, port = (parts.hostname or "").rstrip("."), parts.port
    except ValueError as error:
        raise Refused(f"the address cannot be read: {error}") from None
    if parts.scheme not in ("http", "https") or not host or "%" in host:
        raise Refused("the address must begin with https:// and a host name")
    if parts.username is not None or parts.password is not None or parts.fragment:
        raise Refused("the address must have no user name, password or fragment")
    tls = parts.scheme == "https"
    target = Target(
        host, port or (443 if tls else 80), (parts.path or "/") + (f"?{parts.query}" * bool(parts.query)), tls
    )
    if not tls and not is_allowed(target, allowed):
        raise Refused("the address must begin with https://")
    return target


def is_allowed(target: Target, allowed: Collection[str]) -> bool:
    return target.host in allowed or f"{target.host}:{target.port}" in allowed


def checked_address(target: Target, allowed: Collection[str]) -> str:
    """Return the address to connect to. Raises Refused if the name has none in time, or has one that is not public."""
    try:
        found = _looked_up(target)
    except (OSError, UnicodeError) as error:
        raise Refused(f"the name {target.host} cannot be resolved") from error
    addresses = [str(entry[4][0]).partition("%")[0] for entry in found]
    if not is_allowed(target, allowed) and any(is_internal(address) for address in addresses):
        raise Refused(f"{target.host} is an internal address")
    return addresses[0]


def _looked_up(target: Target) -> list[Any]:
    """Call `getaddrinfo`, which has no time limit, and wait at most SECONDS. Raises its errors, and TimeoutError.

    The thread ends when the resolver gives up.
    """
    answers: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def look_up() -> None:
        try:
            answers.put(socket.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM))
        except (OSError, UnicodeError) as error:
            answers.put(error)

    threading.Thread(target=look_up, daemon=True).start()
    try:
        answer = answers.get(timeout=SECONDS)
    except queue.Empty:
        raise TimeoutError from None
    if isinstance(answer, Exception):
        raise answer
    found: list[Any] = answer
    return found


def is_internal(text: str) -> bool:
    """Return whether an address is not public: loopback, private, link-local, multicast or reserved.

    An IPv4 address inside an IPv6 address is checked as well.
    """
    address: IP = ipaddress.ip_address(text)
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:  # the same address, written another way
            return is_internal(str(address.ipv4_mapped))
        inner: list[IP | None] = [address.sixtofour, *(address.teredo or ())]
        if address in _NAT64 or int(address) >> 32 == 0:
            inner.append(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
        if any(one is not None and is_internal(str(one)) for one in inner):
            return True
        if address.is_site_local:
            return True
    return not address.is_global or address.is_multicast or address.is_reserved or address.is_unspecified


def post(target: Target, body: bytes, headers: Mapping[str, str], allowed: Collection[str]) -> int:
    """Send `body` and return the status of the answer, without reading the rest of it.

    Raises Refused, or OSError or HTTPException if the other side cannot be reached or does not speak HTTP.
    """
    begun = time.monotonic()
    address = checked_address(target, allowed)
    left = max(0.1, SECONDS - (time.monotonic() - begun))
    with contextlib.ExitStack() as cleanup:
        sock = cleanup.enter_context(socket.create_connection((address, target.port), timeout=left))
        # An answer that trickles restarts the socket's own timeout with each byte, so a timer closes the socket.
        watch = threading.Timer(left, _shut, [sock])
        watch.daemon = True
        watch.start()
        cleanup.callback(watch.cancel)
        if target.tls:
            sock = cleanup.enter_context(ssl.create_default_context().wrap_socket(sock, server_hostname=target.host))
        connection = http.client.HTTPConnection(target.host, target.port)
        connection.sock = sock
        cleanup.callback(connection.close)
        connection.request("POST", target.path, body, {**headers, "Host": target.name, "Connection": "close"})
        return connection.getresponse().status


def _shut(sock: socket.socket) -> None:
    with contextlib.suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)
