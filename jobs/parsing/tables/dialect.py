"""The separator of a table of text, from its first lines."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterable, Sequence

SEPARATORS = "\t;,"
"""Separators in the order that decides between equals: commas are the most frequent characters of text and numbers."""

Known = Callable[[Sequence[str]], int]
"""Returns how many of some names are those of columns."""

MAX_TITLES = 20
"""Rows before the header that are looked at."""

_HINT = re.compile(r'"?sep=([,;\t|])"?[,;\t ]*', re.IGNORECASE)
COMMENT = re.compile(r'\ufeff?"?#')


def hinted(text: str) -> str | None:
    """Return the separator that a line such as `sep=;` names for Excel, or None for any other line."""
    found = _HINT.fullmatch(text)
    return found[1] if found else None


def cells_of(texts: Iterable[str], separator: str) -> list[list[str]]:
    """Return the rows of some lines, up to the first row that cannot be read."""
    rows = []
    try:
        for row in csv_rows((f"{text}\n" for text in texts), separator):
            rows.append(row)
    except csv.Error:
        pass
    return rows


def csv_rows(lines: Iterable[str], separator: str) -> Iterable[list[str]]:
    """Return the reader that all tables of text share."""
    return csv.reader(lines, delimiter=separator, strict=True, skipinitialspace=True)


def separator_of(texts: Sequence[str], known: Known, hint: str | None = None) -> tuple[str, int]:
    """Return the separator of a table that begins with these lines, and the number of titles before its header.

    It divides the header at least once. These decide, in order: names without quotation marks, a known name, rows as
    wide as the header, the number of known names.
    """
    best: tuple[bool, bool, float, int, int] | None = None
    found = ",", 0
    for place, separator in enumerate(f"{hint or ''}{SEPARATORS}"):
        rows = [row for row in cells_of(texts, separator) if any(map(str.strip, row))]
        before = titles(rows, known)
        if not rows or len(rows[before]) < 2:
            continue
        if separator == hint:
            return separator, before
        header, *others = rows[before:]
        whole = not any('"' in name for name in header)
        names = known(header)
        even = sum(len(row) == len(header) for row in others) / len(others) if others else 1.0
        rank = (whole, names > 0, even, names, -place)
        if best is None or rank > best:
            best, found = rank, (separator, before)
    return found


def titles(rows: Sequence[Sequence[str]], known: Known) -> int:
    """Return how many of the first rows are titles: each has one filled cell, and a row with a known name follows."""
    for at, cells in enumerate(rows[:MAX_TITLES]):
        if sum(1 for cell in cells if cell.strip()) > 1:
            return at if known(cells) else 0
        if known(cells):
            break  # The header of a single column.
    return 0


def is_header(text: str, beside: str, known: Known) -> bool:
    """Return whether a line behind `#` is the header: it has a known name and as many fields as the line `beside`."""
    for separator in SEPARATORS:
        names, others = cells_of([text], separator), cells_of([beside], separator)
        if names and others and len(names[0]) == len(others[0]) and known(names[0]):
            return not any(known(cells) for mark in SEPARATORS for cells in cells_of([beside], mark))
    return False
