"""Alignments as compressed bytes and back, so that a database table stores them in little space."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from jobs.errors import Problem
from jobs.science.alignments.reading import Alignment


def packed(alignment: Alignment) -> Iterator[bytes]:
    """Yield the rows as zlib-compressed text, in pieces.

    A row is its name, its columns and its sequence, separated by tabs. The sequence is empty unless it has insertions.
    """
    packer = zlib.compressobj(6)
    yield from filter(None, map(packer.compress, _lines(alignment)))
    yield packer.flush()


def unpacked(pieces: Iterable[bytes], *, depth: int, skipped: Sequence[Problem] = ()) -> Alignment:
    """Return the alignment that `packed` compressed.

    Raises ValueError if the pieces are damaged or do not hold `depth` rows.
    """
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
    """Return the SHA-256 of names, columns and sequences. It does not depend on the compression."""
    digest = hashlib.sha256()
    for line in _lines(alignment):
        digest.update(line)
    return digest.hexdigest()


def counts_packed(counts: NDArray[np.int64]) -> bytes:
    """Compress the numbers of neighbours, one per row, for `NeighbourCount.counts`."""
    return zlib.compress(counts.astype("<u4").tobytes())


def counts_unpacked(data: bytes) -> NDArray[np.int64]:
    return np.frombuffer(zlib.decompress(data), dtype="<u4").astype(np.int64)


def _lines(alignment: Alignment) -> Iterator[bytes]:
    for name, columns, sequence in zip(alignment.names, alignment.columns, alignment.sequences, strict=True):
        letters = columns.tobytes()
        own = sequence.encode("ascii")
        insertions = b"" if letters.replace(b"-", b"") == own else own
        # A name is one word of a line of text, so it has neither tabs nor line ends.
        yield b"\t".join((name.encode(), letters, insertions)) + b"\n"
