"""Parts of results files that need no database: blocks, the .npz container, cells of CSV, moments.

The service's downloads (`jobs.results.export`) and `e1 run` share them.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable, Iterator
from datetime import datetime

import numpy as np

BLOCK_BYTES = 256 * 1024
NAME_LETTERS = 256
NAME_BYTES = 64 * 1024 * 1024
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""Starts of a cell that a spreadsheet reads as a formula. The last four are full-width forms."""


def iso(moment: datetime | None) -> str | None:
    """Return a moment as JSON shows it, or None."""
    return None if moment is None else moment.isoformat()


def in_blocks(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the same bytes in blocks of at least BLOCK_BYTES, except the last. No block is empty."""
    waiting: list[bytes] = []
    size = 0
    for piece in pieces:
        waiting.append(piece)
        size += len(piece)
        if size >= BLOCK_BYTES:
            yield b"".join(waiting)
            waiting, size = [], 0
    if size:
        yield b"".join(waiting)


def text_cell(text: str) -> str:
    """Return text as a cell of CSV, quoted if needed, with an apostrophe before the start of a formula.

    Apostrophes before such a start get one more, so the text comes back by removing one.
    """
    if text.lstrip("'").startswith(FORMULA_STARTS):
        text = "'" + text
    if any(mark in text for mark in ',"\r\n'):
        return '"' + text.replace('"', '""') + '"'
    return text


class Outlet(io.RawIOBase):
    """Collects what a writer of files writes, until `take`. It cannot seek, so no earlier byte changes."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self.size = 0

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        piece = bytes(data)  # type: ignore[call-overload]  # any buffer; bytes are not copied
        self._pieces.append(piece)
        self.size += len(piece)
        return len(piece)

    def take(self) -> bytes:
        whole = b"".join(self._pieces)
        self._pieces.clear()
        self.size = 0
        return whole


def npy_header(dtype: np.dtype[np.generic], shape: tuple[int, ...]) -> bytes:
    """Return the head of a row-major .npy member, which states shape and type before the first number."""
    head = io.BytesIO()
    fields = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(head, fields)
    return head.getvalue()


def name_width(count: int, longest: int) -> int:
    """Return the letters of the array `name` in an .npz of `count` items, whose longest name has `longest` letters.

    If it is less than `longest`, the file has the complete names in `name_utf8` and `name_offsets`.
    """
    # numpy's text has one width for all items, at four bytes a letter. One name of 4,000 letters would cost 16 kB for
    # each item. The limit is NAME_LETTERS, or NAME_BYTES in total if that allows more.
    return min(max(1, longest), max(NAME_LETTERS, NAME_BYTES // (4 * max(1, count))))


def zip_blocks(members: Iterable[tuple[str, Iterable[bytes]]], *, deflated: bool = False) -> Iterator[bytes]:
    """Yield a zip of these (name, pieces) members in blocks of about BLOCK_BYTES.

    Members may have any size, or at most 2 GiB if they are `deflated`: such a zip has no ZIP64. The same members result
    in the same bytes, because no clock is read.
    """
    outlet = Outlet()
    compression = zipfile.ZIP_DEFLATED if deflated else zipfile.ZIP_STORED
    with zipfile.ZipFile(outlet, "w", compression, compresslevel=1 if deflated else None) as archive:
        for name, pieces in members:
            with archive.open(name, "w", force_zip64=not deflated) as member:
                for piece in pieces:
                    member.write(piece)
                    if outlet.size >= BLOCK_BYTES:
                        yield outlet.take()
    yield outlet.take()
