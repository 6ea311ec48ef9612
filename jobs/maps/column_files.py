"""Uploaded columns: a CSV file of names (or indices) and values, and which item each of its rows is about.

Pure: from bytes and the job's names to columns and a report that explains the mapping.
"""

from __future__ import annotations

import csv
import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from jobs.errors import InvalidInput
from jobs.parsing.table import SEPARATORS, table_lines, table_rows

MISSING = frozenset({"", "na", "n/a", "nan", "null", "none", "-"})
MAX_COLUMNS = 50
MAX_CATEGORIES = 500
MAX_TEXT = 200
"""Characters of a column's name and of a category."""
SHOWN = 20
"""Names that a report lists; the others are counted."""
LONG_NAME = 64
"""Characters of a name from which its digest stands for it: a million names of 4,096 would take 4 GB."""
NAME_HEAD = 40
"""Characters of a long name that are kept before its digest, for people."""
NOT_VALUES = ("name", "index", "sequence")
KINDS = ("numeric", "categorical")


def name_key(name: str) -> str:
    """What a name is found by: itself, or the beginning and the digest of a long one, which together are longer than
    any name that stands for itself. `jobs.maps.columns` has Postgres do the same.
    """
    if len(name) <= LONG_NAME:
        return name
    return f"{name[:NAME_HEAD]}... {hashlib.sha256(name.encode()).hexdigest()}"


@dataclass(frozen=True, slots=True)
class Column:
    """`values` [items] in input order: float64 with NaN for none, or int32 places in `categories`, -1 for none."""

    name: str
    kind: str
    values: NDArray[np.float64] | NDArray[np.int32]
    categories: tuple[str, ...] = ()

    @property
    def filled(self) -> int:
        """Items with a value."""
        return int((self.values >= 0).sum() if self.kind == "categorical" else np.isfinite(self.values).sum())


@dataclass(frozen=True, slots=True)
class Word:
    """Why a column with numbers is taken as words: the first cell that is none, and its line (1-based)."""

    column: str
    text: str
    line: int


@dataclass(slots=True)
class Matching:
    """How rows found items. Lists hold the first SHOWN; counts are whole."""

    by: str
    rows: int = 0
    matched_rows: int = 0
    matched_items: int = 0
    items: int = 0
    unmatched: list[str] = field(default_factory=list)
    unmatched_count: int = 0
    duplicated: list[str] = field(default_factory=list)
    duplicated_count: int = 0
    shared: list[str] = field(default_factory=list)
    shared_count: int = 0
    words: list[Word] = field(default_factory=list)
    lines: dict[int, int] = field(default_factory=dict)
    """The line of each item that has values."""


def read_columns(
    data: bytes, names: Sequence[str], *, kinds: Mapping[str, str] | None = None
) -> tuple[list[Column], Matching]:
    """The columns of a file for a job whose items have these names (`name_key`), in input order.

    Rows are told apart by `index` (0-based) where the file has such a column, else by `name`. Of several rows for one
    item the first counts; a name that several items share gives its value to all of them. A column whose values are all
    numbers is numeric unless `kinds` says otherwise. Raises InvalidInput with line and remedy.
    """
    rows = _rows(data)
    header = _header(rows)
    key = "index" if "index" in header else "name"
    found = Matching(by=key, items=len(names))
    cells = _place(rows, header, key, names, found)
    if not found.matched_rows:
        _refuse_unmatched(found, names)
    wanted = dict(kinds or {})
    if unknown := [name for name in wanted if name not in header or wanted[name] not in KINDS]:
        choice = f"Name columns of the file, each {' or '.join(KINDS)}."
        what = f"kinds names {unknown[0]!r}: {wanted[unknown[0]]!r}"
        raise InvalidInput.one("bad_kinds", what, choice, path="kinds")
    values = [name for name in header if name not in NOT_VALUES]
    columns = [_column(name, cells[name], len(names), wanted.get(name)) for name in values]
    unsaid = [name for name in values if name not in wanted]
    found.words = [word for name in unsaid if (word := _word_among(name, cells[name], found.lines))]
    return columns, found


def _word_among(name: str, cells: Mapping[int, str], lines: Mapping[int, int]) -> Word | None:
    """The first word of a column that has numbers too; None for columns of one kind."""
    given = {index: cell for index, cell in cells.items() if cell.lower() not in MISSING}
    words = [index for index, cell in given.items() if _number(cell) is None]
    if not words or len(words) == len(given):
        return None
    first = min(words, key=lines.__getitem__)
    return Word(name, given[first][:MAX_TEXT], lines[first])


def _rows(data: bytes) -> Iterator[tuple[int, list[str]]]:
    """Rows with the number of their last line; blank ones are left out."""
    try:
        data.decode()
    except UnicodeDecodeError as error:
        what = f"the file is no UTF-8 text (byte {error.start})"
        raise _refusal("not_utf8", what, "Save it as CSV in UTF-8.") from None
    first = next((line for line in table_lines(data) if line.strip()), "")
    separator = max(SEPARATORS, key=first.count)
    rows = table_rows(data, separator, _unreadable)
    return ((line, [cell.strip() for cell in row]) for line, row in rows)


def _unreadable(error: csv.Error, line: int) -> InvalidInput:
    return _refusal("bad_csv", f"line {line} cannot be read ({error})", "Close every quotation mark.", line=line)


def _header(rows: Iterator[tuple[int, list[str]]]) -> list[str]:
    line, header = next(rows, (1, []))
    header = [name.lower() if name.lower() in NOT_VALUES else name for name in header]
    shown = ", ".join(header)[:MAX_TEXT] or "none"
    if "name" not in header and "index" not in header:
        remedy = "Begin the file with a header line such as name,family,activity."
        what = f"no column is named name or index; the columns are: {shown}"
        raise _refusal("missing_column", what, remedy, line=line)
    if len(set(header)) < len(header):
        twice = next(name for name, count in Counter(header).items() if count > 1)
        raise _refusal("duplicate_column", f"two columns are named {twice!r}", "Rename one of them.", line=line)
    values = [name for name in header if name not in NOT_VALUES]
    if not values:
        remedy = "Add a column with a value for each item, such as a family or a measured activity."
        raise _refusal("no_values", f"there is no column beside {shown}", remedy, line=line)
    if len(values) > MAX_COLUMNS:
        remedy = f"Keep at most {MAX_COLUMNS}."
        raise _refusal("too_many_columns", f"the file has {len(values)} columns of values", remedy, line=line)
    for name in values:
        if not name or len(name) > 100 or not name.isprintable():
            remedy = "Give every column a name of 1 to 100 printable characters."
            raise _refusal("bad_column_name", f"a column is named {name[:40]!r}", remedy, line=line)
    return header


def _place(
    rows: Iterator[tuple[int, list[str]]], header: list[str], key: str, names: Sequence[str], found: Matching
) -> dict[str, dict[int, str]]:
    """The cells of each column by item; fills in `found`."""
    at = header.index(key)
    items_of: dict[str, list[int]] = {}
    for index, name in enumerate(names):
        items_of.setdefault(name, []).append(index)
    cells: dict[str, dict[int, str]] = {name: {} for name in header}
    seen: set[str] = set()
    placed: set[int] = set()
    for line, row in rows:
        found.rows += 1
        if len(row) != len(header):
            what = f"line {line} has {len(row)} fields, and the header {len(header)}"
            raise _refusal("wrong_field_count", what, "Put fields that hold the separator in quotes.", line=line)
        text = row[at]
        targets = _by_index(text, len(names), line) if key == "index" else items_of.get(name_key(text), [])
        if not targets:
            found.unmatched_count += 1
            if len(found.unmatched) < SHOWN:
                found.unmatched.append(text[:MAX_TEXT])
            continue
        found.matched_rows += 1
        if text in seen:
            found.duplicated_count += 1
            if text not in found.duplicated and len(found.duplicated) < SHOWN:
                found.duplicated.append(text[:MAX_TEXT])
            continue
        seen.add(text)
        if len(targets) > 1:
            found.shared_count += 1
            if len(found.shared) < SHOWN:
                found.shared.append(text[:MAX_TEXT])
        placed.update(targets)
        found.lines.update(dict.fromkeys(targets, line))
        for name, cell in zip(header, row, strict=True):
            cells[name].update(dict.fromkeys(targets, cell))
    found.matched_items = len(placed)
    return cells


def _by_index(text: str, items: int, line: int) -> list[int]:
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        what = f"line {line} has {text[:40]!r} for an index"
        raise _refusal("bad_index", what, "Give whole numbers, counted from 0, or a column name.", line=line)
    return [int(text)] if int(text) < items else []


def _refuse_unmatched(found: Matching, names: Sequence[str]) -> None:
    if not found.rows:
        raise _refusal("no_rows", "the file has no row below its header", "Add a row for each item.")
    theirs, ours = ", ".join(found.unmatched[:3]), ", ".join(names[:3])
    raise _refusal(
        "nothing_matches",
        f"no {found.by} of the file is one of the job's items; the file has {theirs}, the job {ours}",
        "Use the names as the job lists them (the first word of a FASTA header), or a column index counted from 0.",
    )


def _column(name: str, cells: Mapping[int, str], items: int, kind: str | None) -> Column:
    given = {index: cell for index, cell in cells.items() if cell.lower() not in MISSING}
    numbers = {index: number for index, cell in given.items() if (number := _number(cell)) is not None}
    if kind == "numeric" and len(numbers) < len(given):
        index = next(index for index in given if index not in numbers)
        remedy = "Leave cells without a value empty, or make the column categorical."
        raise _refusal("not_a_number", f"the column {name!r} has {given[index][:40]!r} for item {index}", remedy)
    if kind == "numeric" or (kind is None and given and len(numbers) == len(given)):
        values = np.full(items, np.nan)
        values[list(numbers)] = list(numbers.values())
        return Column(name, "numeric", values)
    categories = tuple(sorted({cell[:MAX_TEXT] for cell in given.values()}))
    if len(categories) > MAX_CATEGORIES:
        what = f"the column {name!r} has {len(categories):,} different texts"
        raise _refusal("too_many_categories", what, f"Keep at most {MAX_CATEGORIES}, or leave the column out.")
    place = {category: number for number, category in enumerate(categories)}
    codes = np.full(items, -1, dtype=np.int32)
    if given:
        codes[list(given)] = [place[cell[:MAX_TEXT]] for cell in given.values()]
    return Column(name, "categorical", codes, categories)


def _number(cell: str) -> float | None:
    try:
        number = float(cell)
    except ValueError:
        return None
    return number if np.isfinite(number) else None


def _refusal(code: str, what: str, remedy: str, *, line: int | None = None) -> InvalidInput:
    return InvalidInput.one(code, what, remedy, path="file", line=line)
