"""From an upload to blocks of text: unpacking, size limits, the kind of the file, and its encoding.

Errors: those of `Kind.refusal`, `utf_16`, `truncated_gzip`, `bad_gzip`; TooLarge with `upload_too_large` and
`gzip_ratio`.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any, Protocol, cast

from jobs.errors import InvalidInput, Problem, TooLarge
from jobs.limits import GZIP_RATIO_FROM, MAX_CONTEXT_FILE, MAX_GZIP_RATIO, MAX_UPLOAD_BYTES, MIB
from jobs.parsing.encodings import Utf8Blocks, encoding_of
from jobs.parsing.kinds import KINDS, Entrance, Kind
from jobs.parsing.recognition import HEAD, LONGEST_HEAD, kind_of, tells_too_little
from jobs.parsing.signatures import binary_kind

GZIP_MAGIC = b"\x1f\x8b"
# Packed bytes at a time. After each member of a gzip file the rest is copied, so a larger block would cost more.
_READ = 32 * 1024
_MAX_PADDING = 64 * 1024  # zero bytes between and after the members of a gzip file
_UNPACK = 256 * 1024  # unpacked bytes at a time
_GZIP_WINDOW = 31  # zlib's number for "gzip header, largest window"
_GZIP_REMEDY = "Pack the file again with gzip, or send it unpacked."

_SEPARATED_BY_NUL = ("fasta", "aligned_fasta", "a3m")
"""Kinds whose records the programs of MMseqs2 separate by NUL."""

EMPTY_FILE = Problem("empty_file", "The file holds no records", "Send a file with at least one sequence.")


class Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...


class LookedAt:
    """A stream whose beginning was read to tell the `kind` of the file; reading it begins with the beginning.

    A file that is damaged at its beginning is of the kind `unknown`.
    """

    def __init__(self, stream: Readable, *, filename: str = "", media_type: str = "") -> None:
        self._stream = stream
        begun = _Kept(stream)
        try:
            self.kind = Upload(begun, filename=filename, media_type=media_type).kind
        except InvalidInput:
            self.kind = KINDS["unknown"]
        self._head = b"".join(begun.blocks)

    def read(self, size: int = -1) -> bytes:
        if not self._head:
            return self._stream.read(size)
        if size < 0:
            block, self._head = self._head + self._stream.read(size), b""
            return block
        block, self._head = self._head[:size], self._head[size:]
        return block


class _Kept:
    """A stream that keeps the blocks that were read."""

    def __init__(self, stream: Readable) -> None:
        self._stream = stream
        self.blocks: list[bytes] = []

    def read(self, size: int, /) -> bytes:
        block = self._stream.read(size)
        self.blocks.append(block)
        return block


class Upload:
    """The unpacked bytes of an upload in blocks, as UTF-8 if it is text; iterate once.

    Memory is bounded. Making it reads the bytes that tell `kind`. With `keep_nul`, NUL bytes that separate
    blocks of alignments stay. Raises InvalidInput for a broken gzip file, and TooLarge beyond `max_bytes` unpacked or
    for a gzip bomb.
    """

    def __init__(
        self,
        stream: Readable,
        *,
        filename: str = "",
        media_type: str = "",
        max_bytes: int = MAX_UPLOAD_BYTES,
        keep_nul: bool = False,
    ) -> None:
        packed = iter(lambda: stream.read(_READ), b"")
        head = _gathered(packed, len(GZIP_MAGIC))
        raw = chain([head], packed)
        blocks = _limited(_gunzipped(raw, max_bytes) if head.startswith(GZIP_MAGIC) else raw, max_bytes)
        head = _head_of(blocks)
        self.kind: Kind = kind_of(head, filename, media_type)
        self.is_text = binary_kind(head, filename) is None
        separated = self.kind.key in _SEPARATED_BY_NUL and not keep_nul
        self._text = Utf8Blocks(chain([head], blocks), encoding_of(head), nul_separates=separated)
        self._blocks = iter(self._text) if self.is_text else chain([head], blocks)

    def __iter__(self) -> Iterator[bytes]:
        return self._blocks

    def reader(self, entrance: Entrance, *, path: str | None = None) -> str:
        """Return the name of the reader. Raises InvalidInput if the entrance refuses files of this kind."""
        return self.kind.require(entrance, path=path)

    def warnings(self) -> list[Problem]:
        """Return what is worth knowing about the encoding; complete after the last block."""
        return self._text.warnings()


def blocks_of(stream: Readable, *, max_bytes: int = MAX_UPLOAD_BYTES) -> Iterator[bytes]:
    """Return the text of an upload in blocks of UTF-8. Raises what Upload raises, and `not_text` for binary data."""
    upload = Upload(stream, max_bytes=max_bytes)
    if not upload.is_text:
        raise InvalidInput.of(upload.kind.refusal("library"))
    return iter(upload)


def text_blocks(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield unpacked blocks as UTF-8. Raises InvalidInput `not_text` if they begin like binary data."""
    remaining = iter(blocks)
    head = _gathered(remaining, HEAD)
    if (kind := binary_kind(head, "")) is not None:
        raise InvalidInput.of(KINDS[kind].refusal("library"))
    yield from Utf8Blocks(chain([head], remaining), encoding_of(head))


def _head_of(blocks: Iterator[bytes]) -> bytes:
    """Return the beginning of a file: HEAD bytes, and more if those tell too little of its kind."""
    head = _gathered(blocks, HEAD)
    told = True
    while HEAD <= len(head) < LONGEST_HEAD and tells_too_little(head):
        told = False
        if not (more := _gathered(blocks, len(head))):
            break
        head += more
    return head if told else head + _gathered(blocks, HEAD)


def _gathered(blocks: Iterator[bytes], size: int) -> bytes:
    """Return at least `size` bytes from the beginning, or all bytes."""
    parts: list[bytes] = []
    held = 0
    while held < size and (block := next(blocks, None)) is not None:
        parts.append(block)
        held += len(block)
    return b"".join(parts)


def _limited(blocks: Iterator[bytes], max_bytes: int) -> Iterator[bytes]:
    total = 0
    for block in blocks:
        total += len(block)
        if total > max_bytes:
            what = f"The file has more than {max_bytes // MIB:,} MiB unpacked"
            raise TooLarge.one("upload_too_large", what, "Split it into several files.")
        yield block


def _gunzipped(packed: Iterator[bytes], max_bytes: int) -> Iterator[bytes]:
    """Unpack every member of a gzip file in turn. Up to `_MAX_PADDING` zero bytes after members are padding."""
    member = zlib.decompressobj(_GZIP_WINDOW)
    taken = given = padding = 0
    for data in packed:
        taken += len(data)
        if taken > max_bytes:
            # Members without content unpack to nothing, however many there are.
            what = f"The gzip file has more than {max_bytes // MIB:,} MiB"
            raise TooLarge.one("upload_too_large", what, "Split it into several files.")
        while data:
            if member.eof:
                size = len(data)
                data = data.lstrip(b"\0")  # noqa: PLW2901  what is left of this block
                padding += size - len(data)
                if padding > _MAX_PADDING:
                    what = f"The gzip file goes on with more than {_MAX_PADDING:,} zero bytes behind its end"
                    raise InvalidInput.one("bad_gzip", what, _GZIP_REMEDY)
                if not data:
                    break
                member = zlib.decompressobj(_GZIP_WINDOW)
            try:
                block = member.decompress(data, _UNPACK)
            except zlib.error as error:
                what = f"The gzip file is damaged ({_reason(error)}) after {given:,} bytes of text"
                raise InvalidInput.one("bad_gzip", what, _GZIP_REMEDY) from None
            given += len(block)
            _check_ratio(taken, given)
            if block:
                yield block
            data = member.unused_data if member.eof else member.unconsumed_tail  # noqa: PLW2901
    if not member.eof:
        what = f"The gzip file ends too early, after {given:,} bytes of text"
        remedy = "Send it again: the transfer or the packing broke off."
        raise InvalidInput.one("truncated_gzip", what, remedy)


def _reason(error: zlib.error) -> str:
    return str(error).rsplit(": ", 1)[-1]


def _check_ratio(taken: int, given: int) -> None:
    if given > GZIP_RATIO_FROM and given > taken * MAX_GZIP_RATIO:
        what = f"The gzip file unpacks to more than {MAX_GZIP_RATIO} times its size"
        raise TooLarge.one("gzip_ratio", what, "Send it unpacked if it is genuine.")


def context_bytes(file: Any) -> bytes:
    """Return the content of an uploaded context file. Raises InvalidInput `context_file_too_large`."""
    if file.size > MAX_CONTEXT_FILE:
        what = f"the context file is larger than {MAX_CONTEXT_FILE} bytes"
        raise InvalidInput.one("context_file_too_large", what, "Send fewer context sequences.", path="context")
    return cast(bytes, file.read())
