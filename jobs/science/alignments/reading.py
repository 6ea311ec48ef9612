"""Alignments of homologs: reading them, and their columns with respect to the parent.

A3M and A2M mark insertions by lower case: such letters stand in no column. In aligned FASTA and Stockholm every
letter has a column, and the columns where the first row has a gap are insertions of the others. Either way the
columns that remain are the residues of the first row, and the sequence of a row holds its insertions too, in
capitals.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import compress

import numpy as np
from numpy.typing import NDArray

from jobs.errors import InvalidInput, Problem, Problems
from jobs.limits import MIB
from jobs.parsing.records import Place
from jobs.parsing.upload import blocks_of
from jobs.science.alignments.rows import STOCKHOLM_GAPS, Row, Rows, read_rows

MAX_ALIGNMENT_BYTES = 64 * MIB
"""Bytes of an alignment once unpacked. While one is read it takes about eight times as much memory (measured)."""

GAP = ord("-")

_TO_GAP = str.maketrans(STOCKHOLM_GAPS, "-" * len(STOCKHOLM_GAPS))
_NO_GAPS = {ord(gap): None for gap in STOCKHOLM_GAPS}
_NO_INSERTIONS = {ord(letter): None for letter in "abcdefghijklmnopqrstuvwxyz."}
_LEAST_AGREEMENT = 0.3
"""Share of columns in which a parent of the same length must agree with the first row to be taken for its like."""


@dataclass(frozen=True, slots=True)
class Alignment:
    """Homologs aligned to a parent, which is row 0.

    `columns` [rows, L] holds ASCII capitals and `-` as uint8; L is the number of residues of row 0, which has no gap.
    `sequences` are the rows without gaps, insertions included, in capitals. `skipped` says which rows of the file were
    left out, and why.
    """

    names: tuple[str, ...]
    columns: NDArray[np.uint8]
    sequences: tuple[str, ...]
    skipped: tuple[Problem, ...] = ()

    @property
    def depth(self) -> int:
        """Number of rows, the parent included."""
        return len(self.sequences)

    @property
    def parent(self) -> str:
        """The sequence of row 0."""
        return self.sequences[0]


def read_alignment(
    data: bytes, *, parent: str | None = None, add_parent: bool = False, skip_empty: bool = False
) -> Alignment:
    """The alignment in `data`: A3M, aligned FASTA or Stockholm, gzip or not.

    With a `parent` the first row must be that sequence. With `add_parent` it is made the first row where that is plain:
    another row is the parent; or the parent has as many residues as there are columns and agrees with the first row; or
    one of the two sequences holds the other (columns outside the parent are then cut off). `skip_empty` leaves rows of
    gaps out instead of refusing the file.

    Raises InvalidInput with every problem found (the first 1,000 listed): `bad_letter`, `unequal_rows`, `empty_row`,
    `query_insertions`, `first_row_not_parent`, `parent_not_alignable`, and those of `read_rows`, as is TooLarge
    `too_many_rows`; TooLarge beyond `MAX_ALIGNMENT_BYTES`.
    """
    found = read_rows(b"".join(blocks_of(io.BytesIO(data), max_bytes=MAX_ALIGNMENT_BYTES)))
    rows = found.rows
    texts = _column_texts(found)
    problems = found.problems
    problems.extend(_unequal(rows, texts))
    if problems:
        raise problems.refusal()
    columns = np.frombuffer("".join(texts).encode("ascii"), dtype=np.uint8).reshape(len(rows), len(texts[0]))
    sequences = tuple(row.text.translate(_NO_GAPS).upper() for row in rows)
    raw = Alignment(tuple(row.name for row in rows), columns, sequences)
    raw = _with_filled_rows(raw, rows, skip=skip_empty)
    return _with_parent(raw, rows[0].place, parent, add_parent=add_parent)


def _column_texts(found: Rows) -> list[str]:
    """What each row has in the file's columns, in capitals.

    Where all rows are equally long as written, every character has a column: so it is in aligned FASTA, in Stockholm
    and in A2M (whose insertions stand where the first row has a gap). Otherwise the file is A3M.
    """
    if found.stockholm or len({len(row.text) for row in found.rows}) == 1:
        return [row.text.translate(_TO_GAP).upper() for row in found.rows]
    return [row.text.translate(_NO_INSERTIONS) for row in found.rows]


def _unequal(rows: Sequence[Row], texts: Sequence[str]) -> Iterable[Problem]:
    """Rows with another number of columns than the first one that has letters."""
    expected = next((len(text) for row, text in zip(rows, texts, strict=True) if row.text), 0)
    for row, text in zip(rows, texts, strict=True):
        if not row.text:
            yield _empty(row)
        elif len(text) != expected:
            what = f"the row has {len(text):,} columns, and the first row has {expected:,}"
            remedy = "Align the rows (in A3M, insertions are lower case), or send plain homologs as a context set."
            yield row.place.problem("unequal_rows", what, remedy)


def _empty(row: Row) -> Problem:
    what = "the row has gaps only" if row.text else "the row has no letters"
    return row.place.problem("empty_row", what, "Remove the row, or have such rows skipped.")


def _with_filled_rows(raw: Alignment, rows: Sequence[Row], *, skip: bool) -> Alignment:
    """Without rows that have no residue at all. The first row must have some."""
    filled = [bool(sequence) for sequence in raw.sequences]
    empty = [_empty(row) for row, good in zip(rows, filled, strict=True) if not good]
    if empty and not (skip and filled[0]):
        problems = Problems()
        problems.extend(empty)
        raise problems.refusal()
    return _rows_of(raw, filled, empty)


def _rows_of(raw: Alignment, keep: Sequence[bool], skipped: Sequence[Problem]) -> Alignment:
    if all(keep):
        return replace(raw, skipped=(*raw.skipped, *skipped))
    return Alignment(
        tuple(compress(raw.names, keep)),
        raw.columns[np.array(keep)],
        tuple(compress(raw.sequences, keep)),
        (*raw.skipped, *skipped),
    )


def _with_parent(raw: Alignment, place: Place, parent: str | None, *, add_parent: bool) -> Alignment:
    """The columns of the parent's residues only, with the parent as first row."""
    if parent is None or raw.parent == parent:
        return _parent_columns(raw, place)
    if not add_parent:
        raise InvalidInput.of(_not_parent(raw, place, parent))
    if parent in raw.sequences:
        first = raw.sequences.index(parent)
        order = [first, *(row for row in range(raw.depth) if row != first)]
        moved = Alignment(
            tuple(raw.names[row] for row in order),
            raw.columns[order],
            tuple(raw.sequences[row] for row in order),
            raw.skipped,
        )
        return _parent_columns(moved, replace(place, line=None, record=moved.names[0], index=first))
    return _joined_to(_parent_columns(raw, place), place, parent)


def _parent_columns(raw: Alignment, place: Place) -> Alignment:
    columns = raw.columns[:, raw.columns[0] != GAP]
    if columns.shape[1] != len(raw.parent):
        what = "the parent's own row has lower-case letters, which stand in no column"
        remedy = "Align the homologs to the parent, so that each of its residues has a column."
        raise InvalidInput.of(place.problem("query_insertions", what, remedy))
    return replace(raw, columns=np.ascontiguousarray(columns))


def _not_parent(raw: Alignment, place: Place, parent: str) -> Problem:
    remedy = "Put the parent first, or have it added (add_parent)."
    if parent in raw.sequences:
        name = raw.names[raw.sequences.index(parent)]
        what = f"the first row is not the parent; the row {name[:60]} is"
    elif len(raw.parent) != len(parent):
        what = f"the first row is not the parent: it has {len(raw.parent):,} residues, the parent {len(parent):,}"
    else:
        at = next(n for n, (a, b) in enumerate(zip(raw.parent, parent, strict=True)) if a != b)
        what = (
            f"the first row is not the parent: at position {at + 1:,} it has {raw.parent[at]}, the parent {parent[at]}"
        )
    return place.problem("first_row_not_parent", what, remedy)


def _joined_to(aligned: Alignment, place: Place, parent: str) -> Alignment:
    """`aligned` with `parent`, which is none of its rows, put in front."""
    own = aligned.parent
    letters = np.frombuffer(parent.encode("ascii", "replace"), dtype=np.uint8)
    rows, count = aligned.columns, len(parent)
    if len(own) == count and (rows[0] == letters).mean() >= _LEAST_AGREEMENT:
        columns, sequences = rows, aligned.sequences
    elif own in parent:
        columns, sequences = np.full((len(rows), count), GAP, dtype=np.uint8), aligned.sequences
        start = parent.index(own)
        columns[:, start : start + len(own)] = rows
    elif parent in own:
        start = own.index(parent)
        columns = rows[:, start : start + count]
        sequences = tuple(row.tobytes().decode("ascii").replace("-", "") for row in columns)
    else:
        what = "the parent cannot be added: it neither has as many residues as the first row nor contains it"
        remedy = "Make the alignment with this parent as the query."
        raise InvalidInput.of(place.problem("parent_not_alignable", what, remedy))
    joined = Alignment(("parent", *aligned.names), np.vstack([letters, columns]), (parent, *sequences), aligned.skipped)
    outside = [
        Place(record=name).problem("empty_row", "the row has no residues beside the parent", "It is left out.")
        for name, sequence in zip(joined.names, joined.sequences, strict=True)
        if not sequence
    ]
    return _rows_of(joined, [bool(sequence) for sequence in joined.sequences], outside)
