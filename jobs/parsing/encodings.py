"""Encodings of text: blocks of bytes in the encodings that people have, as blocks of UTF-8.

UTF-16 and UTF-32 are told by the first bytes. In other files each line is UTF-8, or Windows-1252 if it is no UTF-8:
files that were joined may have both. Byte order marks at the beginning of a line are removed.

Errors: `utf_16`. Bytes that are in neither encoding stay, for `jobs.parsing.text` to refuse with their place.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable, Iterator

from jobs.errors import InvalidInput, Problem
from jobs.limits import MAX_LINE

_UTF_8 = codecs.BOM_UTF8
_UTF_32 = (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)
_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_LOOKED_AT = 64  # bytes that tell UTF-16 without a byte order mark
_MOST = 0.7  # share of them that is text, and of zeros between
_NO_TEXT = bytes(byte for byte in range(256) if not (byte in b"\t\r\n" or 32 <= byte < 127))
_MARKS = re.compile(rb"(?:\A|(?<=[\r\n]))(?:\xef\xbb\xbf|\0)+")
_MARKS_INSIDE = re.compile(rb"(?<=[\r\n])(?:\xef\xbb\xbf|\0)+")
_LINES = re.compile(rb"[^\r\n]*(?:\r\n|\r|\n)?")
_NAMES = {"utf-16": "UTF-16", "utf-16-le": "UTF-16", "utf-16-be": "UTF-16", "utf-32": "UTF-32"}


def encoding_of(head: bytes) -> str | None:
    """Return "utf-32", "utf-16", "utf-16-le" or "utf-16-be" if text begins so, or None for any other file."""
    if head.startswith(_UTF_32):
        return "utf-32"
    if head.startswith(_UTF_16):
        return "utf-16"
    # Without a byte order mark most of every other byte is zero, and none of those between.
    start = head[: min(len(head), _LOOKED_AT) // 2 * 2]
    for encoding, zeros, letters in (("utf-16-le", start[1::2], start[::2]), ("utf-16-be", start[::2], start[1::2])):
        if len(start) >= 4 and zeros.count(0) >= _MOST * len(zeros) and _is_mostly_text(letters):
            return encoding
    return None


def _is_mostly_text(letters: bytes) -> bool:
    return not letters.count(0) and len(letters.translate(None, _NO_TEXT)) >= _MOST * len(letters)


def head_text(head: bytes) -> str:
    """Return the beginning of a file as text in its encoding, without a byte order mark."""
    return head.decode(encoding_of(head) or "utf-8", "replace").lstrip("\ufeff")


class Utf8Blocks:
    """The same text as UTF-8, block by block; iterate once. `warnings` is complete after the last block.

    `encoding` is that of `encoding_of`, None for UTF-8 and Windows-1252. If `nul_separates`, as MMseqs2 writes
    alignments, NUL at the beginning of a line is removed as well.
    """

    def __init__(self, blocks: Iterable[bytes], encoding: str | None, *, nul_separates: bool = False) -> None:
        self._nul_separates = nul_separates
        self._encoding = encoding
        self._blocks = blocks if encoding is None else _decoded(blocks, encoding)
        self._line = 0  # lines that have ended
        self._last = b"\n"  # the last byte given
        self._windows = 0  # lines in Windows-1252
        self._first_windows = 0

    def __iter__(self) -> Iterator[bytes]:
        held = b""  # the last line, which may go on
        for block in self._blocks:
            data = held + block
            end = max(data.rfind(b"\n"), data.rfind(b"\r")) + 1
            # Lines longer than the limit are refused, so what becomes of their letters does not matter.
            if data.isascii() or (not end and len(data) > MAX_LINE):
                end = len(data)
            yield from self._unified(data[:end])
            held = data[end:]
        yield from self._unified(held)

    def _unified(self, data: bytes) -> Iterator[bytes]:
        """Yield the data in UTF-8. Text outside ASCII comes in whole lines, up to the limit of a line."""
        if not data:
            return
        if self._last == b"\r" and data[:1] == b"\n":
            self._line -= 1  # The line has ended already.
        ascii_only = data.isascii()
        if not ascii_only or (self._nul_separates and b"\0" in data):
            data = self._without_marks(data)
        if not ascii_only and not _is_utf8(data):
            data = b"".join(self._line_of(line.group(), at) for at, line in enumerate(_LINES.finditer(data)))
        self._line += data.count(b"\n") + data.count(b"\r") - data.count(b"\r\n")
        self._last = data[-1:] or self._last
        yield data

    def _without_marks(self, data: bytes) -> bytes:
        marks = _MARKS if self._last in b"\r\n" else _MARKS_INSIDE
        return marks.sub(lambda found: b"" if self._nul_separates else found[0].replace(_UTF_8, b""), data)

    def _line_of(self, raw: bytes, at: int) -> bytes:
        if raw.isascii() or _is_utf8(raw):
            return raw
        try:
            text = raw.decode("cp1252")
        except UnicodeDecodeError:
            return raw
        self._windows += 1
        self._first_windows = self._first_windows or self._line + at + 1
        return text.encode()

    def warnings(self) -> list[Problem]:
        """Return the warning `text_encoding` if the text was in another encoding than UTF-8."""
        remedy = "Check its letters outside ASCII, or save it as UTF-8."
        if self._encoding is not None:
            return [Problem("text_encoding", f"The file was read as {_NAMES[self._encoding]} text", remedy, line=1)]
        if not self._windows:
            return []
        lines = "line was" if self._windows == 1 else "lines were"
        what = f"{self._windows:,} {lines} read as Windows-1252 text (first: line {self._first_windows:,})"
        return [Problem("text_encoding", what, remedy, line=self._first_windows)]


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def _decoded(blocks: Iterable[bytes], encoding: str) -> Iterator[bytes]:
    """Yield text in `encoding` as UTF-8. Raises InvalidInput `utf_16` if it is damaged."""
    decoder = codecs.getincrementaldecoder(encoding)()
    taken = 0
    try:
        for block in blocks:
            yield decoder.decode(block).encode()
            taken += len(block)
        yield decoder.decode(b"", True).encode()
    except UnicodeDecodeError:
        what = f"The file is {_NAMES[encoding]} text, and damaged after {taken:,} bytes"
        raise InvalidInput.one("utf_16", what, "Save it as UTF-8.") from None
