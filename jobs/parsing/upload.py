"""From an upload to blocks of text: unpacking, size limits, and the kind of file.

Errors: `not_text`, `utf_16`, `truncated_gzip`, `bad_gzip`, `unknown_format`, `empty_file`; TooLarge with
`upload_too_large` and `gzip_ratio`.
"""

from __future__ import annotations

import string
import zlib
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any, Literal, Protocol, cast

from jobs.errors import InvalidInput, Problem, TooLarge
from jobs.limits import GZIP_RATIO_FROM, MAX_CONTEXT_FILE, MAX_GZIP_RATIO, MAX_UPLOAD_BYTES, MIB

Format = Literal["fasta", "jsonl", "csv", "plain"]

GZIP_MAGIC = b"\x1f\x8b"
# Packed bytes at a time. After each member of a gzip file the rest is copied, so a larger block would cost more.
_READ = 32 * 1024
_MAX_PADDING = 64 * 1024  # zero bytes between and after the members of a gzip file
_UNPACK = 256 * 1024  # unpacked bytes at a time
_HEAD = 512  # bytes that tell the kind of a file
_UTF8_BOM = b"\xef\xbb\xbf"
_GZIP_WINDOW = 31  # zlib's number for "gzip header, largest window"
_LETTERS = string.ascii_letters.encode()
# Characters of a first line that may be a sequence. The reader reports its faults, with their places.
_BARE = _LETTERS + b"0123456789?*. \t-"
_HEADER_WORDS = (b"sequence", b"variant", b"mutant", b"mutation")
_GZIP_REMEDY = "Pack the file again with gzip, or send it unpacked."

EMPTY_FILE = Problem("empty_file", "The file holds no records", "Send a file with at least one sequence.")

_SIGNATURES = {
    b"\x89PNG": "a PNG image",
    b"\xff\xd8\xff": "a JPEG image",
    b"GIF8": "a GIF image",
    b"%PDF": "a PDF document",
    b"PK\x03\x04": "a ZIP archive (or an Excel or Word file, which are ZIP archives)",
    b"\xd0\xcf\x11\xe0": "an old Excel or Word file",
    b"{\\rtf": "a rich text document",
    b"\x1f\x8b": "a gzip file inside another",
    b"BZh": "a bzip2 file",
    b"\xfd7zXZ": "an xz file",
    b"\x28\xb5\x2f\xfd": "a Zstandard file",
    b"7z\xbc\xaf": "a 7-Zip archive",
    b"\x89HDF": "an HDF5 file",
    b"\x93NUMPY": "a NumPy array",
    b"PAR1": "a Parquet file",
    b"SQLite format": "an SQLite database",
    b"\x7fELF": "a program",
}
_SUFFIXES: dict[str, Format] = {
    **dict.fromkeys((".fasta", ".fa", ".faa", ".fas", ".fsa", ".fst", ".mpfa", ".pep", ".aa"), "fasta"),
    **dict.fromkeys((".jsonl", ".ndjson", ".jsonlines"), "jsonl"),
    **dict.fromkeys((".csv", ".tsv", ".tab"), "csv"),
}
_MEDIA_TYPES: dict[str, Format] = {
    **dict.fromkeys(("csv", "x-csv", "comma-separated-values", "tab-separated-values"), "csv"),
    **dict.fromkeys(("jsonl", "x-jsonl", "jsonlines", "x-jsonlines", "json-lines"), "jsonl"),
    **dict.fromkeys(("ndjson", "x-ndjson"), "jsonl"),
    **dict.fromkeys(("fasta", "x-fasta", "seq-aa-fasta"), "fasta"),
}


class Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...


def blocks_of(stream: Readable, *, max_bytes: int = MAX_UPLOAD_BYTES) -> Iterator[bytes]:
    """Return the text of an upload in blocks, unpacked if it is gzip, without a byte order mark.

    The first block holds the first 512 bytes or the whole file. Memory is bounded. Raises InvalidInput for a broken
    gzip file or one that is not text, and TooLarge beyond `max_bytes` unpacked or for a gzip bomb.
    """
    packed = iter(lambda: stream.read(_READ), b"")
    head = _gathered(packed, len(GZIP_MAGIC))
    raw = chain([head], packed)
    blocks = _gunzipped(raw, max_bytes) if head.startswith(GZIP_MAGIC) else raw
    return _limited(text_blocks(blocks), max_bytes)


def text_blocks(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the same blocks without a byte order mark. Raises InvalidInput if the beginning is not text."""
    remaining = iter(blocks)
    head = _gathered(remaining, _HEAD)
    _require_text(head)
    yield head.removeprefix(_UTF8_BOM)
    yield from remaining


def _gathered(blocks: Iterator[bytes], size: int) -> bytes:
    """Return at least `size` bytes from the beginning, or all bytes."""
    head = b""
    while len(head) < size and (block := next(blocks, None)) is not None:
        head += block
    return head


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


def _require_text(head: bytes) -> None:
    """Raise InvalidInput `utf_16` or `not_text` if this is clearly not UTF-8 text."""
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        what = "The file is UTF-16 text, as some editors on Windows save it"
        raise InvalidInput.one("utf_16", what, "Save it as UTF-8 or as plain text.", line=1, column=1)
    kind = next((kind for magic, kind in _SIGNATURES.items() if head.startswith(magic)), None)
    if kind is None and head[:4].count(0):
        kind = "binary data"
    if kind is not None:
        remedy = "Send plain text in FASTA, JSONL or CSV, packed with gzip if you like."
        raise InvalidInput.one("not_text", f"The file is not text: it looks like {kind}", remedy)


def detect_format(filename: str, content_type: str, head: bytes, *, variants: bool = False) -> Format:
    """Return the format by the file's name, else by its media type, else by its beginning, packed or not.

    Text that begins like no other format is plain if it may be a sequence, or if `variants` are expected.

    Raises InvalidInput: `unknown_format` if all three fail, `empty_file` or `not_text` because of `head`.
    """
    name = filename.lower().removesuffix(".gz").removesuffix(".gzip")
    for suffix, known in _SUFFIXES.items():
        if name.endswith(suffix):
            return known
    subtype = content_type.lower().partition(";")[0].strip().rpartition("/")[2]
    if subtype in _MEDIA_TYPES:
        return _MEDIA_TYPES[subtype]
    return _format_of_text(_unpacked_head(head), filename, variants=variants)


def _unpacked_head(head: bytes) -> bytes:
    if not head.startswith(GZIP_MAGIC):
        return head
    try:
        return zlib.decompressobj(_GZIP_WINDOW).decompress(head, _UNPACK)
    except zlib.error as error:
        what = f"The gzip file is damaged ({_reason(error)})"
        raise InvalidInput.one("bad_gzip", what, _GZIP_REMEDY) from None


def _format_of_text(head: bytes, filename: str, *, variants: bool) -> Format:
    _require_text(head)
    text = head.removeprefix(_UTF8_BOM).lstrip()
    if not text:
        raise InvalidInput.of(EMPTY_FILE)
    if text.startswith((b">", b";")):
        return "fasta"
    if text.startswith(b"{"):
        return "jsonl"
    line = text.splitlines()[0]
    if any(word in line.lower() for word in _HEADER_WORDS):
        return "csv"
    if not text.startswith(b"[") and (variants or is_bare(text)):
        return "plain"
    what = f"The format of {filename or 'the file'} is unknown"
    remedy = "Put a line '>name' before each sequence, or name the file .jsonl or .csv if it is one."
    raise InvalidInput.one("unknown_format", what, remedy, line=1, column=1)


def is_bare(text: bytes) -> bool:
    """Return whether text begins with a line that may be a sequence without a header: it has at least one letter."""
    line = text.lstrip().partition(b"\n")[0].rstrip()
    return not line.translate(None, _BARE) and line.translate(None, _LETTERS) != line


def context_bytes(file: Any) -> bytes:
    """Return the content of an uploaded context file. Raises InvalidInput `context_file_too_large`."""
    if file.size > MAX_CONTEXT_FILE:
        what = f"the context file is larger than {MAX_CONTEXT_FILE} bytes"
        raise InvalidInput.one("context_file_too_large", what, path="context")
    return cast(bytes, file.read())
