"""Connections that the event loop holds, and which of them goes when there are too many."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Any

from e1site.webserver.arriving import Arrival
from e1site.webserver.leaving import SILENCE_SECONDS, SLOWEST_RATE


@dataclass(eq=False, slots=True)
class Waiting:
    """A connection that arrives, leaves, or lingers until `deadline` (monotonic)."""

    conn: Any
    deadline: float
    arrival: Arrival | None = None
    keeps: bool = False
    """Whether another request may follow once the answer is sent."""
    bytes_left: int = 0
    """Bytes of the answer when the loop took it over; bytes that a lingering connection may still read."""
    began: float = field(default_factory=time.monotonic)

    @property
    def unread(self) -> int:
        """Bytes of the answer that the client has not taken yet."""
        return int(self.conn.sock.waiting_bytes)

    def extend(self) -> None:
        """Move the deadline of a client that has taken some of its answer: it must not be slow on the whole."""
        slowest = self.began + (self.bytes_left - self.unread) / SLOWEST_RATE
        self.deadline = min(time.monotonic(), slowest) + SILENCE_SECONDS


def heaviest(held: Collection[Waiting], weight: Callable[[Waiting], int], beside: Iterable[object] = ()) -> Waiting:
    """Return the connection with the next deadline, of the network whose connections weigh most together.

    `beside` are clients of connections that are not held. Each adds one to the weight of its network, if that has a
    connection that is held.
    """
    weights: Counter[bytes] = Counter()
    for one in held:
        weights[network_of(one.conn.client)] += weight(one)
    weights.update(network for client in beside if (network := network_of(client)) in weights)
    ((network, _),) = weights.most_common(1)
    return min((one for one in held if network_of(one.conn.client) == network), key=lambda one: one.deadline)


def network_of(client: object) -> bytes:
    """Return what one client is likely to hold as a whole: an IPv4 address, or 64 bits of IPv6 addresses."""
    host = client[0] if isinstance(client, tuple) else client
    try:
        address = ip_address(str(host).partition("%")[0])
    except ValueError:
        # A Unix socket has no address.
        return b""
    mapped = getattr(address, "ipv4_mapped", None)
    return address.packed[:8] if mapped is None else bytes(mapped.packed)
