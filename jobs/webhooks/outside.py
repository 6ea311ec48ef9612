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
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import SplitResult, urlsplit

SECONDS = 10.0
"""Time for a request, from the DNS lookup to the status line."""
LOOK_UP_SECONDS = 5.0
MAX_URL = 500
PORTS = (443, 80)
NOT_PUBLIC = "the address is not on the public internet, or its name cannot be resolved"
"""The one refusal of names and addresses. A more exact one would tell users which names and addresses exist inside."""
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_REFUSED = [
    ipaddress.ip_network(text)
    for text in (
        "192.0.0.0/24",  # protocol assignments; some are global to the registry, and 192.0.0.192 is Oracle's metadata
        "168.63.129.16/32",  # Azure's metadata and DNS, on a public address
        "192.88.99.0/24",  # relays of 6to4
        "3fff::/20",  # documentation
    )
]
"""What `ipaddress` takes for public. It refuses the metadata addresses of the other clouds."""
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
    if not is_allowed(target, allowed):
        if not tls:
            raise Refused("the address must begin with https://")
        if port is not None and port not in PORTS:
            raise Refused("the address must use port 443 or 80")
    return target


def is_allowed(target: Target, allowed: Collection[str]) -> bool:
    return target.host in allowed or f"{target.host}:{target.port}" in allowed


def _nothing() -> None: ...


def checked_address(target: Target, allowed: Collection[str], ended: Callable[[], None] = _nothing) -> str:
    """Return the address to connect to. Raises Refused if the name has none in time, or has one that is not public.

    `ended` is called when the lookup ends, which may be long after its deadline.
    """
    try:
        found = _looked_up(target, ended)
    except (OSError, UnicodeError) as error:
        raise Refused(NOT_PUBLIC) from error
    addresses = [str(entry[4][0]).partition("%")[0] for entry in found]
    if not is_allowed(target, allowed) and any(is_internal(address) for address in addresses):
        raise Refused(NOT_PUBLIC)
    return addresses[0]


def _looked_up(target: Target, ended: Callable[[], None]) -> list[Any]:
    """Call `getaddrinfo`, which has no time limit. Raises its errors, and TimeoutError after LOOK_UP_SECONDS.

    The thread ends when the resolver gives up.
    """
    answers: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def look_up() -> None:
        try:
            answers.put(socket.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM))
        except (OSError, UnicodeError) as error:
            answers.put(error)
        finally:
            ended()

    try:
        threading.Thread(target=look_up, daemon=True).start()
    except RuntimeError:  # no more threads
        ended()
        raise
    try:
        answer = answers.get(timeout=LOOK_UP_SECONDS)
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
    if any(address in network for network in _REFUSED):
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
