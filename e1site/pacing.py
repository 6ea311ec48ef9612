"""A time limit for request bodies: each holds a thread of the web process, and threads are few.

gunicorn's threads wait for a client without limit. A proxy in front limits silences only.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

SILENCE_SECONDS = 60.0
"""Limit between two packets of a body."""
GRACE_SECONDS = 60.0
"""Limit for any body, however short."""
SLOWEST_RATE = 16 * 1024
"""Bytes per second below which a body takes too long on the whole."""


class SlowUpload(OSError):
    """The body did not arrive in time."""


class PacedInput:
    """`wsgi.input` of one request: reads raise SlowUpload after `seconds` in all, or after a silence.

    A timer shuts the reading half of the socket at the deadline, because one read may wait for many packets.
    """

    def __init__(self, stream: Any, sock: socket.socket | None, *, seconds: float, silence: float) -> None:
        self._stream = stream
        self._sock = sock
        self._silence = silence
        self._deadline = time.monotonic() + seconds
        self._timer = threading.Timer(seconds, self._shut) if sock is not None else None
        self._over = False

    def _shut(self) -> None:
        self._over = True
        if self._sock is not None:
            with contextlib.suppress(OSError):
                self._sock.shutdown(socket.SHUT_RD)

    def _paced(self, read: Callable[[int], bytes], size: int) -> bytes:
        if self._timer is not None and not self._timer.is_alive() and not self._over:
            self._timer.daemon = True
            self._timer.start()
            if self._sock is not None:
                self._sock.settimeout(self._silence)
        try:
            data = read(size)
        except TimeoutError as error:
            self._over = True
            raise SlowUpload(f"nothing came for {self._silence:g} seconds") from error
        if self._over or time.monotonic() > self._deadline:
            self._over = True
            raise SlowUpload("the body took too long")
        return data

    def read(self, size: int = -1) -> bytes:
        return self._paced(self._stream.read, size)

    def readline(self, size: int = -1) -> bytes:
        return self._paced(self._stream.readline, size)

    def readlines(self, hint: int = -1) -> list[bytes]:
        return list(self)

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.readline, b"")

    def done(self) -> None:
        """End the limits: the body is read or dropped, and the answer may take as long as its reader does."""
        if self._timer is not None:
            self._timer.cancel()
        if self._sock is not None:
            with contextlib.suppress(OSError):
                self._sock.settimeout(None)


class Paced:
    """A WSGI application whose request bodies must arrive in `longest` seconds at most, short ones in less."""

    def __init__(
        self,
        application: Callable[..., Iterable[bytes]],
        *,
        longest: float,
        grace: float = GRACE_SECONDS,
        silence: float = SILENCE_SECONDS,
    ) -> None:
        self._application = application
        self._longest = longest
        self._grace = grace
        self._silence = silence

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        length = str(environ.get("CONTENT_LENGTH") or "0")
        seconds = self._grace + (int(length) / SLOWEST_RATE if length.isascii() and length.isdigit() else self._longest)
        paced = PacedInput(
            environ["wsgi.input"],
            environ.get("gunicorn.socket"),
            seconds=min(seconds, self._longest),
            silence=self._silence,
        )
        environ["wsgi.input"] = paced
        try:
            return self._application(environ, start_response)
        finally:
            paced.done()
