"""Rows of a stored alignment as text, and back: whole, insertions included, so that digests agree."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator

import numpy as np

from e1protocol import EXTENDED
from jobs.errors import InvalidInput, Problem, TooLarge
from jobs.library.alignments import stored_blocks
from jobs.models import Alignment
from jobs.parsing.letters import is_storable
from jobs.science.alignments.reading import Alignment as Rows
from jobs.science.alignments.rows import MAX_ROWS

MOST_NAME = 4_096
_ROW = re.compile(rf"[^\t\n]*\t[{EXTENDED}-]+\t[{EXTENDED}]*")


def stored_text(stored: Alignment) -> Iterator[bytes]:
    """Yield the stored rows: name, columns, and the sequence if it has insertions, separated by tabs.

    Its SHA-256 is the alignment's digest.
    """
    unpacker = zlib.decompressobj()
    for block in stored_blocks(stored):
        if piece := unpacker.decompress(block):
            yield piece
    if rest := unpacker.flush():
        yield rest


def a3m_pieces(stored: Alignment) -> Iterator[bytes]:
    """Yield the stored rows as A3M in the columns of the parent, without more of them in memory than a block."""
    rest = b""
    for piece in stored_text(stored):
        *lines, rest = (rest + piece).split(b"\n")
        yield b"".join(_a3m(line) for line in lines)
    if rest:
        yield _a3m(rest)


def _a3m(line: bytes) -> bytes:
    name, columns, *_ = line.split(b"\t")
    return b">%s\n%s\n" % (name, columns)


def rows_of_text(data: bytes, parent: str) -> Rows:
    """Return the rows that `stored_text` wrote.

    Raises InvalidInput `bad_alignment_rows` with the first wrong line, and TooLarge `too_many_rows`.
    """
    if data.count(b"\n") > MAX_ROWS:
        what = f"The alignment has more than {MAX_ROWS:,} rows"
        raise TooLarge.one("too_many_rows", what, "Export a campaign with a smaller alignment.", path="file")
    try:
        lines = data.decode().removesuffix("\n").split("\n")
    except UnicodeDecodeError as error:
        raise _refused(0, "the text is not UTF-8") from error
    names, columns, sequences = [], [], []
    for at, line in enumerate(lines, start=1):
        if _ROW.fullmatch(line) is None:
            raise _refused(at, "the line is not name, columns and sequence")
        name, letters, own = line.split("\t")
        bare = letters.replace("-", "")
        if len(letters) != len(parent) or not (own or bare) or len(name) > MOST_NAME or not is_storable(name):
            raise _refused(at, "the row has another length, no residues, or a name that cannot be stored")
        names.append(name)
        columns.append(letters)
        sequences.append(own or bare)
    if columns[0] != parent or sequences[0] != parent:
        raise _refused(1, "the first row is not the parent")
    packed = np.frombuffer("".join(columns).encode("ascii"), dtype=np.uint8).reshape(len(names), len(parent))
    return Rows(tuple(names), packed, tuple(sequences))


def _refused(line: int, what: str) -> InvalidInput:
    remedy = "Export the campaign again, and import that file unchanged."
    place = f"alignment.tsv, line {line:,}: " if line else "alignment.tsv: "
    return InvalidInput.of(Problem("bad_alignment_rows", place + what, remedy, line=line or None, path="file"))
