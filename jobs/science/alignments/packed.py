"""Alignments as bytes and back: packed text of one line for each row, so that a table keeps them small."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from jobs.errors import Problem
from jobs.science.alignments.reading import Alignment

_ROWS = 1024
"""Rows packed at a time."""


def packed(alignment: Alignment) -> Iterator[bytes]:
    """The rows as zlib-packed text in pieces. A row is its name, its columns, and its sequence where that holds
    insertions too, with tabs between them.
    """
    packer = zlib.compressobj(6)
    for start in range(0, alignment.depth, _ROWS):
        yield packer.compress(b"".join(_lines(alignment, range(start, min(start + _ROWS, alignment.depth)))))
    yield packer.flush()


def unpacked(pieces: Iterable[bytes], *, depth: int, skipped: Sequence[Problem] = ()) -> Alignment:
    """What `packed` was given. Raises ValueError where the pieces are damaged or `depth` is not theirs."""
    unpacker = zlib.decompressobj()
    try:
        text = b"".join(map(unpacker.decompress, pieces)) + unpacker.flush()
    except zlib.error as error:
        raise ValueError(f"the packed rows are damaged: {error}") from error
    lines = text.split(b"\n")[:-1]
    if len(lines) != depth:
        raise ValueError(f"there are {len(lines)} packed rows and not {depth}")
    fields = [line.split(b"\t") for line in lines]
    columns = np.frombuffer(b"".join(columns for _, columns, _ in fields), dtype=np.uint8).reshape(depth, -1)
    return Alignment(
        names=tuple(name.decode() for name, _, _ in fields),
        columns=columns,
        sequences=tuple((sequence or letters.replace(b"-", b"")).decode("ascii") for _, letters, sequence in fields),
        skipped=tuple(skipped),
    )


def alignment_digest(alignment: Alignment) -> str:
    """SHA-256 of names, columns and sequences, whatever packs them."""
    digest = hashlib.sha256()
    for line in _lines(alignment, range(alignment.depth)):
        digest.update(line)
    return digest.hexdigest()


def counts_packed(counts: NDArray[np.int64]) -> bytes:
    """Numbers of neighbours, one for each row, as `NeighbourCount.counts` keeps them."""
    return zlib.compress(counts.astype("<u4").tobytes())


def counts_unpacked(data: bytes) -> NDArray[np.int64]:
    return np.frombuffer(zlib.decompress(data), dtype="<u4").astype(np.int64)


def _lines(alignment: Alignment, rows: range) -> Iterator[bytes]:
    for row in rows:
        letters = alignment.columns[row].tobytes()
        sequence = alignment.sequences[row].encode("ascii")
        own = b"" if letters.replace(b"-", b"") == sequence else sequence
        # A name is one word of a line of text: it has neither tabs nor line ends.
        yield b"\t".join((alignment.names[row].encode(), letters, own)) + b"\n"
