"""A client's socket as a thread sees it: what the client is slow to take waits in memory, not in the thread."""

from __future__ import annotations

import select
import socket
import time
from collections import deque
from typing import Any

STREAM_BUFFER = 256 * 1024
"""Bytes of a streamed answer that wait for a slow client before the thread waits too."""
SILENCE_SECONDS = 60.0
"""A client that takes no byte of its answer for so long is gone."""
SLOWEST_RATE = 16 * 1024
"""Bytes a second: a whole answer may take this long, and `SILENCE_SECONDS` more."""
PIECE = 256 * 1024


class SlowReader(OSError):
    """The client took nothing of its answer for `SILENCE_SECONDS`."""


class ClientSocket:
    """A non-blocking socket with a blocking `recv`, and a `sendall` that keeps what the kernel does not take.

    A thread owns it while it handles a request, the event loop owns it before and after. Answers that exist as a whole
    are kept whole; of a streamed answer at most `STREAM_BUFFER` bytes are kept, then `sendall` waits.
    """

    def __init__(self, sock: socket.socket) -> None:
        sock.setblocking(False)
        self._sock = sock
        self._timeout: float | None = None
        self._waiting: deque[memoryview] = deque()
        self.waiting_bytes = 0
        self.streams = True

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sock, name)

    # --- the thread's side ---

    def setblocking(self, flag: bool) -> None:
        self._timeout = None if flag else 0.0

    def settimeout(self, seconds: float | None) -> None:
        self._timeout = seconds

    def gettimeout(self) -> float | None:
        return self._timeout

    def recv(self, size: int, flags: int = 0) -> bytes:
        """Return up to `size` bytes, and wait for them as `settimeout` says. Raises TimeoutError."""
        deadline = None if self._timeout is None else time.monotonic() + self._timeout
        while True:
            try:
                return self._sock.recv(size, flags)
            except BlockingIOError:
                rest = None if deadline is None else deadline - time.monotonic()
                if (rest is not None and rest <= 0) or not self._ready(select.POLLIN, rest):
                    raise TimeoutError("timed out") from None

    def send(self, data: bytes) -> int:
        self.sendall(data)
        return len(data)

    def sendall(self, data: bytes) -> None:
        """Send what the kernel takes now, and keep the rest. Raises SlowReader for a stream that is not read."""
        self._waiting.append(memoryview(data))
        self.waiting_bytes += len(data)
        self.flush()
        while self.streams and self.waiting_bytes > STREAM_BUFFER:
            if not self._ready(select.POLLOUT, SILENCE_SECONDS):
                raise SlowReader(f"nothing was read for {SILENCE_SECONDS:g} seconds")
            self.flush()

    def _ready(self, event: int, seconds: float | None) -> bool:
        poll = select.poll()
        poll.register(self._sock, event)
        return bool(poll.poll(None if seconds is None else max(0, round(seconds * 1000))))

    # --- both sides ---

    def flush(self) -> int:
        """Send what the kernel takes without waiting. Returns the number of bytes. Raises OSError of a lost client."""
        sent = 0
        while self._waiting:
            piece = self._waiting[0]
            try:
                taken = self._sock.send(piece[:PIECE])
            except BlockingIOError:
                break
            sent += taken
            if taken == len(piece):
                self._waiting.popleft()
            else:
                self._waiting[0] = piece[taken:]
        self.waiting_bytes -= sent
        return sent

    def shut(self) -> None:
        """Close at once, and forget what waits."""
        self._waiting.clear()
        self.waiting_bytes = 0
        self._sock.close()
