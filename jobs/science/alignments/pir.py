"""Alignments in PIR: a header with a code of the type, a title line, and letters up to a `*`."""

from __future__ import annotations

import re
from collections.abc import Iterator

from jobs.errors import InvalidInput
from jobs.science.alignments.rows import Row, Rows

_CODE = re.compile(r">[ \t]*(?:P1|F1|DL|DC|RL|RC|N1|N3|XX);", re.IGNORECASE)
_TITLE = re.compile(r"[A-Z.~_-]+")
_LONGEST_TITLE = 30
"""Letters of a title from which it is taken for a sequence, if it has nothing but capitals."""
_BEGINNING = 200
"""Characters of a line that are compared with a pattern."""


def is_pir(line: str) -> bool:
    """Return whether a line is a header of PIR."""
    return _CODE.match(line[:_BEGINNING]) is not None


def read_pir(lines: Iterator[tuple[int, str]], rows: Rows) -> None:
    """Read records of PIR. `lines` are not blank, so that a blank title is not among them.

    Lines between a `*` and the next header are comments. Raises InvalidInput `unfinished_alignment`, `bad_line`.
    """
    rows.whole = True
    row: Row | None = None
    titled, ended = False, True
    for number, raw in lines:
        line = raw.strip(" \t\0")
        if not line:
            continue
        rows.count_line()
        if line.startswith(">"):
            if row is not None and not ended:
                raise _unended(row)
            code = _CODE.match(line[:_BEGINNING])
            row = rows.add(line[code.end() if code else 1 :], number)
            titled = ended = False
        elif row is None or ended:
            rows.skip(number)
        elif titled or number > row.line + 1:
            titled, ended = True, _extend(row, raw.rstrip(" \t\0"), number, rows)
        else:
            titled = True
            _check_title(line, row, number)
    if row is not None and not ended:
        raise _unended(row)


def _extend(row: Row, line: str, number: int, rows: Rows) -> bool:
    """Add a line of letters to a row. Return whether the row ends in it."""
    letters, end, rest = line.partition("*")
    if rest:
        what, remedy = "there is text after the '*' that ends a row of PIR", "Begin a new line after the '*'."
        raise row.place.refused("bad_line", what, remedy, line=number, column=len(letters) + 2)
    rows.extend(row, letters, number)
    return bool(end)


def _check_title(line: str, row: Row, number: int) -> None:
    """Raise InvalidInput if the title is missing, so that letters would be taken for it."""
    letters = line.replace(" ", "").removesuffix("*")
    if len(letters) >= _LONGEST_TITLE and _TITLE.fullmatch(letters):
        what = "the line after a header is a title in PIR, and this one looks like a sequence"
        remedy = "Put a line after each header: a title, or a blank one."
        raise row.place.refused("bad_line", what, remedy, line=number)


def _unended(row: Row) -> InvalidInput:
    what = "the row has no end, which PIR marks by '*'"
    remedy = "Put '*' after the sequence. If the file is FASTA, remove the code before the ';' of each header."
    return row.place.refused("unfinished_alignment", what, remedy)
