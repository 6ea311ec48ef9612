"""Alignments of homologs: reading them, and mapping their columns to the residues of the parent.

A3M and A2M write insertions in lower case; such letters have no column. In the other formats every letter has one. A
column with a gap in the first row is an insertion of the other rows. In both cases the columns that
remain are the residues of the first row. The sequence of a row keeps its insertions, in capitals.
"""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from jobs.errors import InvalidInput, Problem, Problems
from jobs.limits import MIB
from jobs.parsing.records import Place
from jobs.parsing.upload import Upload
from jobs.science.alignments.formats import read_rows
from jobs.science.alignments.repairs import aligned_texts, another_alignment, file_notes, kept_rows, without_gaps
from jobs.science.alignments.rows import Row

MAX_ALIGNMENT_BYTES = 64 * MIB
"""Bytes of an alignment once unpacked. Reading one takes about eight times as much memory (measured)."""

GAP = ord("-")

_LEAST_AGREEMENT = 0.3
"""Least share of columns in which a parent of the same length must agree with the first row to be aligned to it."""
_ALIGN = "Align the rows (in A3M, insertions are lower case), or send plain homologs as a context set."
_OF_THIS_READER = ("empty", "plain")
"""Kinds that this module refuses itself, with a line."""
_CAPITALS = "Write the first row in capitals, and align the others to it: each of its residues needs a column."
_ONLY_ANNOTATIONS = "All rows annotate the alignment, by their names"


@dataclass(frozen=True, slots=True)
class Alignment:
    """Homologs aligned to a parent, which is row 0.

    `columns` [rows, L] holds ASCII capitals and `-` as uint8. L is the number of residues of row 0, which has no gap.
    `sequences` are the rows without gaps, in capitals, insertions included. `skipped` lists the rows of the file that
    were left out, with the reasons. `notes` says what else was changed, or is worth knowing, with counts.
    """

    names: tuple[str, ...]
    columns: NDArray[np.uint8]
    sequences: tuple[str, ...]
    skipped: tuple[Problem, ...] = ()
    notes: tuple[Problem, ...] = ()

    @property
    def depth(self) -> int:
        """Number of rows, the parent included."""
        return len(self.sequences)

    @property
    def parent(self) -> str:
        """The sequence of row 0."""
        return self.sequences[0]

    def take(self, rows: Sequence[int], skipped: Iterable[Problem] = ()) -> Alignment:
        """Return the rows with these numbers, in this order; `skipped` is added to the problems."""
        return Alignment(
            tuple(self.names[row] for row in rows),
            self.columns[np.asarray(rows, dtype=np.intp)],
            tuple(self.sequences[row] for row in rows),
            (*self.skipped, *skipped),
            self.notes,
        )


def read_alignment(
    data: bytes,
    *,
    filename: str = "",
    parent: str | None = None,
    add_parent: bool = False,
    skip_empty: bool = False,
) -> Alignment:
    """Read the alignment in `data`: A3M, aligned FASTA, Clustal, PIR or Stockholm, gzip or not.

    A file of another kind is refused by its name (`jobs.parsing.kinds`).

    If `parent` is given, the first row must be that sequence. With `add_parent` it becomes the first row if one of
    these holds:

    - another row is the parent;
    - the parent has as many residues as there are columns, and agrees with the first row;
    - one of the two sequences contains the other. Columns outside the parent are then cut off.

    `skip_empty` leaves out rows of gaps, and rows without letters, instead of refusing the file. Rows that annotate the
    alignment and repeated rows of the query are always left out.

    Raises InvalidInput with every problem found (the first 1,000 listed): `bad_letter`, `unequal_rows`, `empty_row`,
    `query_insertions`, `first_row_not_parent`, `parent_not_alignable`, `several_alignments`. Raises what `read_rows`
    raises, and TooLarge beyond `MAX_ALIGNMENT_BYTES`.
    """
    upload = Upload(io.BytesIO(data), filename=filename, max_bytes=MAX_ALIGNMENT_BYTES, keep_nul=True)
    if upload.kind.key not in _OF_THIS_READER:
        upload.reader("alignment", path="file")
    found = read_rows(b"".join(upload))
    rows, left_out = kept_rows(found, parent)
    if not rows:
        raise InvalidInput.of(replace(left_out[0], code="empty_alignment", message=_ONLY_ANNOTATIONS))
    texts, notes = aligned_texts(rows, whole=found.whole)
    problems = found.problems
    problems.extend(_unequal(rows, texts, skip_empty=skip_empty))
    if problems:
        raise problems.refusal()
    letters = "".join(text or "-" * len(texts[0]) for text in texts).encode("ascii")
    raw = Alignment(
        tuple(row.name for row in rows),
        np.frombuffer(letters, dtype=np.uint8).reshape(len(rows), len(texts[0])),
        tuple(without_gaps(row.text) for row in rows),
        tuple(left_out),
        (*upload.warnings(), *file_notes(found), *notes),
    )
    raw = _with_filled_rows(raw, rows, skip=skip_empty)
    return _with_parent(raw, rows[0].place, parent, add_parent=add_parent)


def _unequal(rows: Sequence[Row], texts: Sequence[str], *, skip_empty: bool) -> Iterable[Problem]:
    """Yield the rows without letters, and those that differ in their columns from the first row.

    If most other rows agree with each other and not with the first, the first is the one that differs.
    """
    filled = [(row, len(text)) for row, text in zip(rows, texts, strict=True) if row.text]
    yield from (_empty(row) for row in rows if not row.text and (row is rows[0] or not skip_empty))
    if not filled:
        return
    first, expected = filled[0]
    if (other := next((row for row, width in filled if row.opens and width != expected), None)) is not None:
        raise another_alignment(other)
    if not expected:
        what = "the first row has no capital letters, and lower-case letters are insertions, without a column"
        yield first.place.problem("query_insertions", what, _CAPITALS)
        return
    (usual, count), *_ = Counter(width for _, width in filled[1:] or filled).most_common(1)
    differs = usual != expected and len(filled) > 2 and 2 * count > len(filled) - 1
    if differs:
        yield _unequal_first(first, expected, usual, count)
        expected = usual
    for row, width in filled[1:]:
        if width != expected:
            what = f"the row has {width:,} columns, and {'most rows have' if differs else 'the first row has'}"
            yield row.place.problem("unequal_rows", f"{what} {expected:,}", _ALIGN)


def _unequal_first(row: Row, width: int, usual: int, count: int) -> Problem:
    letters = "" if row.text == row.text.upper() else " without its lower-case letters"
    what = f"the first row has {width:,} columns{letters}, and {count:,} of the other rows have {usual:,}"
    return row.place.problem("unequal_rows", what, _ALIGN)


def _empty(row: Row) -> Problem:
    what = "the row has gaps only" if row.text else "the row has no letters"
    if not row.index:
        return row.place.problem("empty_row", what, "Remove the row: the first one must be a sequence.")
    return row.place.problem("empty_row", what, "Remove the row, or have such rows skipped (skip_empty).")


def _with_filled_rows(raw: Alignment, rows: Sequence[Row], *, skip: bool) -> Alignment:
    """Remove rows that have no residue. The first row must have one."""
    empty = [_empty(row) for row, sequence in zip(rows, raw.sequences, strict=True) if not sequence]
    if empty and not (skip and raw.parent):
        problems = Problems()
        problems.extend(empty)
        raise problems.refusal()
    return _without_empty(raw, empty)


def _without_empty(raw: Alignment, problems: Sequence[Problem]) -> Alignment:
    """Remove the empty rows that `problems` describe."""
    if not problems:
        return raw
    kept = [row for row, sequence in enumerate(raw.sequences) if sequence]
    return raw.take(kept, [replace(problem, remedy="") for problem in problems])


def _with_parent(raw: Alignment, place: Place, parent: str | None, *, add_parent: bool) -> Alignment:
    """Keep only the columns of the parent's residues, with the parent as first row."""
    if parent is None or raw.parent == parent:
        return _parent_columns(raw, place)
    if not add_parent:
        raise InvalidInput.of(_not_parent(raw, place, parent))
    if parent in raw.sequences:
        first = raw.sequences.index(parent)
        moved = raw.take([first, *(row for row in range(raw.depth) if row != first)])
        return _parent_columns(moved, replace(place, line=None, record=moved.names[0], index=first))
    return _joined_to(_parent_columns(raw, place), place, parent)


def _parent_columns(raw: Alignment, place: Place) -> Alignment:
    columns = raw.columns[:, raw.columns[0] != GAP]
    if columns.shape[1] != len(raw.parent):
        what = "the parent's own row has lower-case letters, which have no column"
        remedy = "Align the homologs to the parent, so that each of its residues has a column."
        raise InvalidInput.of(place.problem("query_insertions", what, remedy))
    return replace(raw, columns=np.ascontiguousarray(columns))


def _not_parent(raw: Alignment, place: Place, parent: str) -> Problem:
    if parent in raw.sequences:
        why = f"; the row {raw.names[raw.sequences.index(parent)][:60]} is"
    elif len(raw.parent) != len(parent):
        why = f": it has {len(raw.parent):,} residues, the parent {len(parent):,}"
    else:
        at = next(n for n, (a, b) in enumerate(zip(raw.parent, parent, strict=True)) if a != b)
        why = f": at position {at + 1:,} it has {raw.parent[at]}, the parent {parent[at]}"
    remedy = "Put the parent first, or have it added (add_parent)."
    return place.problem("first_row_not_parent", f"the first row is not the parent{why}", remedy)


def _joined_to(aligned: Alignment, place: Place, parent: str) -> Alignment:
    """Put `parent`, which is not one of the rows, in front of `aligned`."""
    own = aligned.parent
    letters = np.frombuffer(parent.encode("ascii", "replace"), dtype=np.uint8)
    columns, sequences, count = aligned.columns, aligned.sequences, len(parent)
    if len(own) != count or (columns[0] == letters).mean() < _LEAST_AGREEMENT:
        if own in parent:
            start = parent.index(own)
            columns = np.pad(columns, ((0, 0), (start, count - start - len(own))), constant_values=GAP)
        elif parent in own:
            start = own.index(parent)
            columns = columns[:, start : start + count]
            sequences = tuple(row.tobytes().decode("ascii").replace("-", "") for row in columns)
        else:
            what = "the parent cannot be added: it neither has as many residues as the first row nor contains it"
            remedy = "Make the alignment with this parent as the query."
            raise InvalidInput.of(place.problem("parent_not_alignable", what, remedy))
    names, rows = ("parent", *aligned.names), np.vstack([letters, columns])
    joined = Alignment(names, rows, (parent, *sequences), aligned.skipped, aligned.notes)
    outside = [
        Place(record=name).problem(
            "empty_row", "the row has no residues in the columns of the parent", "It is left out."
        )
        for name, sequence in zip(joined.names, joined.sequences, strict=True)
        if not sequence
    ]
    return _without_empty(joined, outside)
