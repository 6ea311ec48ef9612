"""Pieces of results that need no database: blocks, the .npz container, cells of text, moments.

The service's downloads (`jobs.results.export`) and `e1 run` write through the same ones.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable, Iterator
from datetime import datetime

import numpy as np
import orjson

from jobs.actions.base import Array

BLOCK_BYTES = 256 * 1024
NAME_LETTERS = 256
NAME_BYTES = 64 * 1024 * 1024
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""What makes a spreadsheet read a cell as a formula; the last four are the full-width forms of the first."""


def iso(moment: datetime | None) -> str | None:
    """A moment as JSON shows it, None where it has not come."""
    return None if moment is None else moment.isoformat()


def in_blocks(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The same bytes in blocks of at least BLOCK_BYTES, the last one excepted; never an empty block."""
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
    """Text for a CSV file: quoted where needed, with an apostrophe before what a spreadsheet would run as a
    formula.
    """
    if text.startswith(FORMULA_STARTS):
        text = "'" + text
    if any(mark in text for mark in ',"\r\n'):
        return '"' + text.replace('"', '""') + '"'
    return text


def number_cells(array: Array) -> bytes:
    """The one row of an array [1, width] as cells of a CSV file: shortest decimals that read back to the same number,
    and empty cells for numbers that are not finite.
    """
    return orjson.dumps(array[0], option=orjson.OPT_SERIALIZE_NUMPY)[1:-1].replace(b"null", b"")


class Outlet(io.RawIOBase):
    """Collects what a writer of files writes until somebody takes it away; cannot seek, so nothing is patched
    later.
    """

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self.size = 0

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        piece = bytes(data)  # type: ignore[call-overload]  # any buffer; bytes stay the same object
        self._pieces.append(piece)
        self.size += len(piece)
        return len(piece)

    def take(self) -> bytes:
        whole = b"".join(self._pieces)
        self._pieces.clear()
        self.size = 0
        return whole


def npy_header(dtype: np.dtype[np.generic], shape: tuple[int, ...]) -> bytes:
    """The head of an .npy member, row-major: shape and type come before the first number."""
    head = io.BytesIO()
    fields = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(head, fields)
    return head.getvalue()


def name_width(count: int, longest: int) -> int:
    """Letters of the array `name` in an .npz of `count` items.

    numpy's text has one width for all items and takes four bytes a letter: one name of 4,000 letters would cost 16 kB
    for each of a million items. It may be NAME_LETTERS wide, or take NAME_BYTES, whichever allows more. Where that is
    less than the longest name, the file holds all names whole beside it, in `name_utf8` and `name_offsets`.
    """
    return min(max(1, longest), max(NAME_LETTERS, NAME_BYTES // (4 * max(1, count))))


def zip_blocks(members: Iterable[tuple[str, Iterable[bytes]]]) -> Iterator[bytes]:
    """The bytes of a zip of these (name, pieces) members, uncompressed, of any size, in blocks of about
    BLOCK_BYTES.

    The same members give the same bytes: no clock is read.
    """
    outlet = Outlet()
    with zipfile.ZipFile(outlet, "w", zipfile.ZIP_STORED, allowZip64=True) as archive:
        for name, pieces in members:
            with archive.open(zipfile.ZipInfo(name), "w", force_zip64=True) as member:
                for piece in pieces:
                    member.write(piece)
                    if outlet.size >= BLOCK_BYTES:
                        yield outlet.take()
    yield outlet.take()
