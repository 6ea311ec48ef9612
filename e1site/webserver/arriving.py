"""One request on its way in: pure bookkeeping over bytes, without a socket."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import Enum

SMALL_BODY = 256 * 1024
"""Bodies up to this size arrive whole before a thread sees the request; larger ones stream into the view."""
LONGEST_HEAD = 64 * 1024
LONGEST_CHUNK_LINE = 1024

_FIELD = re.compile(rb"\r\n(content-length|transfer-encoding|expect)[ \t]*:[ \t]*([^\r\n]*)", re.IGNORECASE)
_EXPECT = re.compile(rb"\r\nexpect[ \t]*:[^\r\n]*", re.IGNORECASE)


class State(Enum):
    """What to do with a request now."""

    WAITING = "more bytes must come"
    COMPLETE = "head and body are in"
    STREAMING = "the head is in, and the body is too large to wait for"
    HEAD_TOO_LONG = "refuse with 431"


@dataclass(slots=True)
class Arrival:
    """The bytes of one request so far. `feed` returns what to do; `data` are the bytes to hand over."""

    data: bytearray = field(default_factory=bytearray)
    wants_continue: bool = False
    """Whether the client waits for `100 Continue` before it sends its body."""
    body_at: int = 0
    """Where the body begins; 0 until the head is complete."""
    _needed: int | None = None
    _chunks: Chunks | None = None

    @property
    def has_begun(self) -> bool:
        return bool(self.data)

    def feed(self, data: bytes) -> State:
        """Add bytes and return the state of the request."""
        searched = max(0, len(self.data) - 3)
        self.data += data
        if not self.body_at:
            end = self.data.find(b"\r\n\r\n", searched)
            if end < 0 or end > LONGEST_HEAD:
                return State.HEAD_TOO_LONG if len(self.data) > LONGEST_HEAD else State.WAITING
            self._read_head(end + 4)
        if self._chunks is not None:
            return self._chunked()
        needed = self._needed or 0
        if needed > SMALL_BODY:
            return State.STREAMING
        return State.COMPLETE if len(self.data) >= self.body_at + needed else State.WAITING

    def _read_head(self, body_at: int) -> None:
        """Find the length of the body. A head that makes no sense needs no body: gunicorn's parser will refuse it."""
        head = bytes(self.data[:body_at])
        fields = [(name.lower(), value.strip()) for name, value in _FIELD.findall(head)]
        lengths = [value for name, value in fields if name == b"content-length"]
        if any(name == b"transfer-encoding" for name, _ in fields):
            self._chunks = Chunks()
        elif len(lengths) == 1 and lengths[0].isdigit():
            self._needed = int(lengths[0][:20])
        # The loop answers Expect for small bodies. The header goes, so that gunicorn doesn't answer it again.
        expects = any(name == b"expect" and value.lower() == b"100-continue" for name, value in fields)
        if expects and (self._needed or 0) <= SMALL_BODY:
            self.wants_continue = len(self.data) == body_at
            head = _EXPECT.sub(b"", head, count=1)
            self.data[:body_at] = head
        self.body_at = len(head)

    def _chunked(self) -> State:
        if self._chunks is None or self._chunks.finished(self.data, self.body_at):
            return State.COMPLETE
        return State.STREAMING if len(self.data) - self.body_at > SMALL_BODY else State.WAITING


@dataclass(slots=True)
class Chunks:
    """Where a chunked body is, so that every byte is looked at once."""

    _at: int = 0
    _trailing: bool = False

    def finished(self, data: bytearray, body_at: int) -> bool:
        """Return whether the last chunk and its trailers are in, or the body is malformed (gunicorn refuses it)."""
        at = self._at or body_at
        while True:
            end = data.find(b"\r\n", at, at + LONGEST_CHUNK_LINE)
            if end < 0:
                self._at = at
                return len(data) - at >= LONGEST_CHUNK_LINE
            line = bytes(data[at:end])
            at = end + 2
            if self._trailing:
                if not line:
                    return True
                continue
            size = line.split(b";", 1)[0].strip()
            if not size or len(size) > 16 or not all(byte in b"0123456789abcdefABCDEF" for byte in size):
                return True
            length = int(size, 16)
            if length == 0:
                self._trailing = True
                continue
            if len(data) < at + length + 2:
                # The chunk is not whole: come back to its size line.
                self._at = end - len(line)
                return False
            at += length + 2
