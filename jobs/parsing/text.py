"""Bytes to lines, in bounded memory, with the place of every byte that is not text.

Line ends are LF, CRLF and CR, mixed as they come. Lines and columns count from 1; columns are characters, as
an editor shows them. Errors: `invalid_utf8`, `control_character`, `line_too_long`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from jobs.limits import MAX_LINE
from jobs.parsing.records import Place

BLOCK = 256 * 1024
"""Bytes that are read and split at a time: large enough to be fast, small for a process."""

SHORT = 1024
"""Bytes from which a blank line is treated as any other, so that the limits of lines and fields hold for it."""

_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_CONTROL_BYTES = bytes([*range(9), *range(11, 32), 127])
_CR, _LF = ord("\r"), ord("\n")


def even_blocks(blocks: Iterable[bytes], size: int) -> Iterator[bytes]:
    """Yield the same bytes in blocks of `size` (at least 2), or one byte less so that no block splits a CR LF."""
    parts: list[bytes] = []
    held = 0
    for block in blocks:
        parts.append(block)
        held += len(block)
        if held <= size:
            continue
        data = b"".join(parts)
        start = 0
        while len(data) - start > size:
            end = start + size - (data[start + size - 1] == _CR)
            yield data[start:end]
            start = end
        parts = [data[start:]]
        held = len(data) - start
    if held:
        yield b"".join(parts)


def unify_line_ends(data: bytes) -> bytes:
    """Return `data` with LF as its only line end."""
    return data.replace(b"\r\n", b"\n").replace(b"\r", b"\n") if b"\r" in data else data


def decoded(raw: bytes, line: int, *, offset: int = 0, controls: bool = False) -> str:
    """Return one line as text. `offset` columns come before `raw`. Raises InvalidInput if it is not text.

    With `controls`, control characters stay in it, for the caller to refuse a single record.
    """
    check_line_length(raw, line)
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        column = len(raw[: error.start].decode("utf-8")) + 1 + offset
        what = f"the byte 0x{raw[error.start]:02X} is not UTF-8 text"
        remedy = "Save the file as UTF-8 (or plain ASCII) and send it again."
        raise Place(line=line).refused("invalid_utf8", what, remedy, column=column) from None
    if not controls and (found := control_character(text)):
        at, code_point = found
        what = f"there is a control character ({code_point})"
        remedy = "Remove it, or send the file as plain text if it is of another kind."
        column = at + 1 + offset
        raise Place(line=line).refused("control_character", what, remedy, column=column, character=code_point)
    return text


def decoded_lines(raw: bytes, line: int, *, controls: bool = False) -> str:
    """Return whole lines, separated by LF, as text; `line` is the first. Raises InvalidInput if one is not text."""
    # A record may consist of millions of lines, so they are looked at one by one only if one of them is at fault.
    if (controls or len(raw.translate(None, _CONTROL_BYTES)) == len(raw)) and _are_short(raw):
        try:
            return raw.decode("utf-8")
        except UnicodeDecodeError:
            pass
    lines = enumerate(raw.split(b"\n"), start=line)
    return "\n".join(decoded(one, number, controls=controls) for number, one in lines)


def control_character(text: str) -> tuple[int, str] | None:
    """Return the place of the first control character in a line, and its code point, or None."""
    found = None if text.isprintable() else _CONTROL.search(text)
    return (found.start(), f"U+{ord(found[0]):04X}") if found else None


def _are_short(raw: bytes) -> bool:
    return len(raw) <= MAX_LINE or max(map(len, raw.split(b"\n"))) <= MAX_LINE


def check_line_length(raw: bytes, line: int) -> None:
    """Raise InvalidInput `line_too_long` beyond `MAX_LINE` bytes, even if the line has not ended yet."""
    if len(raw) > MAX_LINE:
        what = f"the line is longer than {MAX_LINE:,} bytes"
        remedy = "Wrap the sequence into lines, or check that the file is what it should be."
        raise Place(line=line).refused("line_too_long", what, remedy)


class Lines:
    """Every line of a file with its number and without its end; memory is bounded by `MAX_LINE`.

    Lines that consist of `blanks` are skipped, unless `blanks` is None. It may change while the lines are read. With
    `controls`, control characters stay in the lines, for the caller to refuse a single record.
    """

    def __init__(
        self, blocks: Iterable[bytes], size: int = BLOCK, *, blanks: bytes | None = None, controls: bool = False
    ) -> None:
        self.blanks = blanks
        self._controls = controls
        self._blocks = even_blocks(blocks, size)

    def __iter__(self) -> Iterator[tuple[int, str]]:
        number, rest = 0, b""
        for block in self._blocks:
            *lines, rest = unify_line_ends(rest + block).split(b"\n")
            for raw in lines:
                number += 1
                # A file of blank lines has tens of millions of them, so they are dropped before anything else is done.
                if self.blanks is not None and len(raw) < SHORT and not raw.strip(self.blanks):
                    continue
                yield number, decoded(raw, number, controls=self._controls)
            check_line_length(rest, number + 1)
        if rest:
            yield number + 1, decoded(rest, number + 1, controls=self._controls)


def line_blocks(blocks: Iterable[bytes], size: int = BLOCK, *, controls: bool = False) -> Iterator[tuple[int, str]]:
    """Yield whole lines, many at a time and separated by LF, each time with the number of the first.

    It is for files of millions of short lines, which `Lines` yields one by one.
    """
    number, rest = 1, b""
    for block in even_blocks(blocks, size):
        whole, end, rest = unify_line_ends(rest + block).rpartition(b"\n")
        if end:
            yield number, decoded_lines(whole, number, controls=controls)
            number += whole.count(b"\n") + 1
        check_line_length(rest, number)
    if rest:
        yield number, decoded_lines(rest, number, controls=controls)


def file_name(name: str, default: str = "") -> str:
    """Return the printable characters of a file's name, or `default` if there are none."""
    return "".join(letter for letter in name if letter.isprintable())[:200] or default
