"""A connection whose answer is sent: what its client still sends is thrown away, so that the client reads the answer.

Closing at once would reset the connection, and the client would lose the answer. Many clients read only after they have
sent the whole upload. So an early refusal waits for all of it, on the event loop and without a thread.
"""

from __future__ import annotations

import time

from e1site.webserver.held import Waiting
from e1site.webserver.leaving import SLOWEST_RATE
from jobs.limits import MAX_UPLOAD_BODY

LINGER_SECONDS = 5.0
"""A client that sends nothing for so long is taken to have read its answer."""
MOST_BYTES = MAX_UPLOAD_BODY
FREE_BYTES = 4 * 1024 * 1024
"""What each lingering connection may send. Beyond it, a connection takes one of the places of DRAINS."""
LINGERING, DRAINS = 200, 16
"""Connections of a process that linger, and those among them that sent more than FREE_BYTES. When there are more, the
network that holds most of them loses one."""


def lingering(conn: object) -> Waiting:
    """Return a connection that begins to linger."""
    return Waiting(conn, time.monotonic() + LINGER_SECONDS, bytes_left=MOST_BYTES)


def goes_on(waiting: Waiting, size: int) -> bool:
    """Count bytes that were thrown away, and return whether more may come.

    The deadline moves as long as the client sends SLOWEST_RATE on the whole.
    """
    waiting.bytes_left -= size
    slowest = waiting.began + thrown_away(waiting) / SLOWEST_RATE
    waiting.deadline = min(time.monotonic(), slowest) + LINGER_SECONDS
    return size > 0 and waiting.bytes_left > 0


def thrown_away(waiting: Waiting) -> int:
    return MOST_BYTES - waiting.bytes_left
