"""What is changed in the rows of an alignment, and which rows are left out. Each is counted."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence

from jobs.errors import InvalidInput, Problem
from jobs.science.alignments.rows import GAPS, Row, Rows

_OTHER_GAPS = {ord(gap): "-" for gap in "_~"}
_TO_GAP = {ord(gap): "-" for gap in GAPS}
_NO_GAPS = {ord(gap): None for gap in GAPS}
_NO_INSERTIONS = {ord(letter): None for letter in "abcdefghijklmnopqrstuvwxyz."}
_END = re.compile(r"\*(?=[-._~]*$)")
_CHAINS = 10
"""Most chains in a note."""
_SHOWN = 60
"""Characters of a name in a note."""


def without_gaps(text: str) -> str:
    """Return the letters of a row, in capitals."""
    return text.translate(_NO_GAPS).upper()


def kept_rows(found: Rows, parent: str | None) -> tuple[list[Row], list[Problem]]:
    """Return the rows that are sequences, and the problems of those that are left out.

    Rows that annotate the alignment are left out, unless a consensus is the `parent`. A later row with the name and the
    letters of the query is the query again. So are its chains if the query joins several.
    """
    kept: list[Row] = []
    left: list[Problem] = []
    queries: set[tuple[str, str]] = set()
    for row in found.rows:
        if row.annotation and (parent is None or without_gaps(row.text) != parent):
            remedy = "If it is a protein, rename it."
            left.append(row.place.problem("annotation_row", "the row annotates the alignment and is left out", remedy))
            continue
        if not kept:
            queries = set(_queries(row, found.chains))
        elif (row.name, without_gaps(row.text)) in queries:
            left.append(row.place.problem("repeated_query", "the row is the query again and is left out", ""))
            continue
        elif row.opens and row.name.isdecimal() and kept[0].name.isdecimal():  # ColabFold numbers its queries.
            raise another_alignment(row)
        kept.append(row)
    return kept, left


def another_alignment(row: Row) -> InvalidInput:
    """Return the error of a block behind a NUL byte that belongs to another query."""
    what = "a NUL byte ends the alignment of the first query, and that of another begins here"
    remedy = "Send each alignment as a file of its own: NUL bytes separate them."
    return row.place.refused("several_alignments", what, remedy)


def _queries(row: Row, chains: tuple[int, ...]) -> Iterator[tuple[str, str]]:
    """Yield the names and letters of the query and, if it joins several chains, of each of them."""
    letters = without_gaps(row.text)
    yield row.name, letters
    at = 0
    for name, length in zip(row.header.split(), chains, strict=False):
        yield name, letters[at : at + length]
        at += length


def file_notes(found: Rows) -> Iterator[Problem]:
    """Yield notes about lines that are no rows."""
    if found.comments:
        lines = "1 comment line was" if found.comments == 1 else f"{found.comments:,} comment lines were"
        what = f"{lines} skipped (first: line {found.first_comment:,})"
        yield Problem("comment_lines", what, line=found.first_comment)
    if len(found.chains) > 1:
        lengths = " and ".join(f"{length:,}" for length in found.chains[:_CHAINS])
        what = f"The first line says that the query joins {len(found.chains)} chains, of {lengths} residues"
        remedy = "To keep the columns of one chain, send the file again with it as the parent, and add_parent."
        yield Problem("joined_chains", what, remedy)


def aligned_texts(rows: Sequence[Row], *, whole: bool) -> tuple[list[str], list[Problem]]:
    """Return the characters of each row that have a column, with `-` as gap, and notes of what was changed.

    The texts of the rows are changed too: they have `-` for every gap and no `*`. If every letter has a column, they
    are in capitals.
    """
    notes: list[Problem] = []
    other = [row for row in rows if any(gap in row.text for gap in "_~")]
    for row in other:
        row.text = row.text.translate(_OTHER_GAPS)
    notes.extend(_warning("gap_characters", other, "has gaps written as '_' or '~'", "have gaps written as '_' or '~'"))
    notes.extend(_without_stars(rows, whole=whole))
    notes.extend(_in_capitals(rows, whole=whole))
    notes.extend(_repeated(rows))
    opened = [row for row in rows[1:] if row.opens]
    one, several = "begins a block behind a NUL byte, and is not the query", "begin blocks behind NUL bytes"
    notes.extend(_warning("joined_blocks", opened, one, f"{several}, and are not the query"))
    if whole or _equal(rows):
        for row in rows:
            row.text = row.text.translate(_TO_GAP).upper()
        return [row.text for row in rows], notes
    return [row.text.translate(_NO_INSERTIONS) for row in rows], notes


def _equal(rows: Sequence[Row]) -> bool:
    """Return whether all rows with letters are equally long as written, so that every character has a column."""
    return len({len(row.text) for row in rows if row.text}) <= 1


def _widths(texts: Sequence[str], *, whole: bool) -> int:
    """Return the number of different widths of the rows, 1 for an alignment."""
    written = [text for text in texts if text]
    lengths = set(map(len, written))
    if whole or len(lengths) <= 1:
        return len(lengths)
    return len({len(text.translate(_NO_INSERTIONS)) for text in written})


def _without_stars(rows: Sequence[Row], *, whole: bool) -> Iterator[Problem]:
    """Drop `*` at the ends of rows. It is a column if the other rows have a gap there, else it is outside of all."""
    ended = [row for row in rows if row.text.rstrip(GAPS).endswith("*")]
    if not ended:
        return
    as_gap, dropped = ([_END.sub(by, row.text) for row in rows] for by in ("-", ""))
    chosen = as_gap if _widths(as_gap, whole=whole) < _widths(dropped, whole=whole) else dropped
    for row, text in zip(rows, chosen, strict=True):
        row.text = text
    yield from _warning("trailing_star", ended, "ends with '*', which is dropped", "end with '*', which is dropped")


def _in_capitals(rows: Sequence[Row], *, whole: bool) -> Iterator[Problem]:
    """Write the query in capitals if its lower-case letters must be columns, as the other rows show."""
    query = rows[0]
    if query.text == query.text.upper():
        return
    if not whole and not _equal(rows):
        letters = query.text.replace(".", "")
        widths = Counter(len(row.text.translate(_NO_INSERTIONS)) for row in rows[1:] if row.text)
        [(width, _)] = widths.most_common(1) or [(len(letters), 0)]
        if len(query.text.translate(_NO_INSERTIONS)) == width or len(letters) != width:
            return
        query.text = letters.upper()
    what = "the letters of the first row in lower case are read as capitals"
    yield query.place.problem("lower_case_query", what, "Check that they are not insertions.")


def _repeated(rows: Sequence[Row]) -> Iterator[Problem]:
    seen: set[str] = set()
    again = []
    for row in rows:
        if row.name in seen:
            again.append(row)
        seen.add(row.name)
    yield from _warning("repeated_names", again, "has the name of an earlier row", "have the names of earlier rows")


def _warning(code: str, rows: Sequence[Row], one: str, several: str) -> Iterator[Problem]:
    if rows:
        first = rows[0]
        what = f"{len(rows):,} {'row ' + one if len(rows) == 1 else 'rows ' + several}"
        name = first.name if len(first.name) <= _SHOWN else f"{first.name[:_SHOWN]}..."
        message = f"{what} (first: {name}, line {first.line:,})"
        yield Problem(code, message, line=first.line, record=first.name, index=first.index)
