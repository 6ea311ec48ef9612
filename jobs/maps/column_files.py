"""Uploaded columns: a table of item names or indices with values for each item.

Pure: from bytes and the job's names to columns and a report that explains the mapping.
"""

from __future__ import annotations

import hashlib
import io
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from jobs.errors import InvalidInput, Problem, TooLarge
from jobs.limits import MAX_COLUMNS_FILE
from jobs.parsing.numbers import whole
from jobs.parsing.roles import INDEX, key, places
from jobs.parsing.tables import NAMES, SEQUENCES, GoodRows, Numbers, Row, Table, open_table, stripped

MAX_COLUMNS = 50
MAX_CATEGORIES = 500
MAX_ROWS = 2_000_000
"""Rows of a file: twice the items of a large library. A job of more items takes twice as many as it has."""
MAX_TEXT = 200
"""Characters of a category, and of a cell in a message."""
SHOWN = 20
"""Names that a report lists. The others are counted."""
LONG_NAME = 64
"""Characters of a name beyond which its digest replaces it: a million names of 4,096 would take 4 GB."""
NAME_HEAD = 40
"""Characters of a long name that are kept before its digest, for people to read."""
KINDS = ("numeric", "categorical")


def name_key(name: str) -> str:
    """Return the key of a name: the name itself, or the beginning and the digest of a long one.

    The key of a long name is longer than any short name. `jobs.maps.columns` computes the same in Postgres.
    """
    if len(name) <= LONG_NAME:
        return name
    return f"{name[:NAME_HEAD]}... {hashlib.sha256(name.encode()).hexdigest()}"


@dataclass(frozen=True, slots=True)
class Column:
    """`values` [items] in input order: float64 with NaN for none, or int32 places in `categories` with -1 for none."""

    name: str
    kind: str
    values: NDArray[np.float64] | NDArray[np.int32]
    categories: tuple[str, ...] = ()

    @property
    def filled(self) -> int:
        """Number of items with a value."""
        return int((self.values >= 0).sum() if self.kind == "categorical" else np.isfinite(self.values).sum())


@dataclass(frozen=True, slots=True)
class Word:
    """The cell that makes a column of numbers categorical: the first that is not a number. `line` is 1-based."""

    column: str
    text: str
    line: int


@dataclass(slots=True)
class Listed:
    """A count of names, and the first SHOWN of them."""

    count: int = 0
    examples: list[str] = field(default_factory=list)

    def add(self, name: str) -> None:
        self.count += 1
        if len(self.examples) < SHOWN and name[:MAX_TEXT] not in self.examples:
            self.examples.append(name[:MAX_TEXT])


@dataclass(slots=True)
class Matching:
    """The report of how rows found items by `by`, which is `name` or `index`."""

    by: str
    column: str
    items: int
    rows: int = 0
    matched_rows: int = 0
    unmatched: Listed = field(default_factory=Listed)
    duplicated: Listed = field(default_factory=Listed)
    shared: Listed = field(default_factory=Listed)
    words: list[Word] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)
    lines: dict[int, int] = field(default_factory=dict)
    """The line of each item that has values."""

    @property
    def matched_items(self) -> int:
        return len(self.lines)


def read_columns(
    data: bytes,
    names: Sequence[str],
    *,
    kinds: Mapping[str, str] | None = None,
    sheet: str = "",
    skip_bad: bool = False,
) -> tuple[list[Column], Matching]:
    """Return the columns of a file for a job whose items have these names (`name_key`), in input order.

    The column `index` (0-based) identifies the item of a row if the file has one; otherwise the column of names does.
    If several rows are about one item, the first counts. If several items share a name, all of them get its value. A
    column is numeric if all its values are numbers, unless `kinds` chooses. `sheet` names one of a workbook. With
    `skip_bad`, rows that cannot be read are left out, and a warning says so. Raises InvalidInput with line and remedy.
    """
    table = open_table(io.BytesIO(data), entrance="columns", max_bytes=MAX_COLUMNS_FILE, path="file", sheet=sheet)
    chosen = _Chosen.of(table)
    found = Matching(by=INDEX if chosen.is_index else "name", column=table.columns[chosen.at], items=len(names))
    good = GoodRows(table, table, (chosen.at, *chosen.values), skip=skip_bad)
    cells = _place(table, good, chosen, names, found)
    if not found.matched_rows:
        raise _unmatched(found, names)
    kinds = kinds or {}
    if unknown := [name for name in kinds if name not in cells or kinds[name] not in KINDS]:
        choice = f"Name columns of the file, each {' or '.join(KINDS)}."
        raise InvalidInput.one("bad_kinds", f"kinds names {unknown[0]!r}: {kinds[unknown[0]]!r}", choice, path="kinds")
    columns = [_column(name, cells[name], kinds.get(name), found) for name in cells]
    found.warnings += [*filter(None, [good.warning()]), *table.warnings()]
    return columns, found


@dataclass(frozen=True, slots=True)
class _Chosen:
    """The columns of a table: the place `at` of what identifies items, and the places of the columns of values."""

    at: int
    is_index: bool
    values: tuple[int, ...]

    @classmethod
    def of(cls, table: Table) -> _Chosen:
        index = [at for at, name in enumerate(table.columns) if key(name) == INDEX]
        named = table.column(NAMES)
        at = table.named(INDEX) if index else named
        if at is None:
            what = f"no column is named {NAMES.recommended} or {INDEX}; {table.listed()}"
            remedy = "Begin the file with a header line such as name,family,activity."
            raise table.refused("missing_column", what, remedy)
        # Sequences are no values, and neither are names beside an index.
        others = {at, named, *(place for rank in SEQUENCES.ranks for place in places(table.columns, rank))}
        values = tuple(place for place in range(len(table.columns)) if place not in others)
        _check_values(table, values)
        return cls(at, bool(index), values)


def _check_values(table: Table, values: Sequence[int]) -> None:
    names = [table.columns[at] for at in values]
    if twice := [name for name, count in Counter(names).items() if count > 1]:
        raise table.refused("duplicate_column", f"two columns are named {twice[0]!r}", "Rename one of them.")
    if not values:
        remedy = "Add a column with a value for each item, such as a family or a measured activity."
        raise table.refused("no_values", f"there is no column of values; {table.listed()}", remedy)
    if len(values) > MAX_COLUMNS:
        what = f"the file has {len(values)} columns of values"
        raise table.refused("too_many_columns", what, f"Keep at most {MAX_COLUMNS}.")
    for name in names:
        if len(name) > 100 or not name.isprintable():
            remedy = "Give every column a name of 1 to 100 printable characters."
            raise table.refused("bad_column_name", f"a column is named {name[:40]!r}", remedy)


def _place(
    table: Table, rows: Iterable[Row], chosen: _Chosen, names: Sequence[str], found: Matching
) -> dict[str, dict[int, str]]:
    """Return the cells of each column of values by item, and fill in `found`."""
    items_of: dict[str, list[int]] = {}
    for index, name in enumerate(names):
        items_of.setdefault(name, []).append(index)
    placed: list[tuple[int, dict[int, str]]] = [(at, {}) for at in chosen.values]
    seen: set[str] = set()
    most = max(MAX_ROWS, 2 * len(names))
    for row in rows:
        found.rows += 1
        if found.rows > most:
            raise TooLarge.one("too_many_rows", f"the file has more than {most:,} rows", "Send fewer.", path="file")
        text = row.cells[chosen.at].strip()
        targets = _by_index(text, row.line, len(names)) if chosen.is_index else items_of.get(name_key(text), [])
        if not targets:
            found.unmatched.add(text)
            continue
        found.matched_rows += 1
        if text in seen:
            found.duplicated.add(text)
            continue
        seen.add(text)
        if len(targets) > 1:
            found.shared.add(text)
        found.lines.update(dict.fromkeys(targets, row.line))
        for at, cells in placed:
            cells.update(dict.fromkeys(targets, stripped(row.cells[at])))
    return {table.columns[at]: cells for at, cells in placed}


def _by_index(text: str, line: int, items: int) -> list[int]:
    index = whole(text)
    if index is None:
        what = f"line {line} has {text[:40]!r} for an index"
        raise _refusal("bad_index", what, "Give whole numbers, counted from 0, or a column name.", line=line)
    return [index] if index < items else []


def _unmatched(found: Matching, names: Sequence[str]) -> InvalidInput:
    if not found.rows:
        return _refusal("no_rows", "the file has no row below its header", "Add a row for each item.")
    theirs, ours = ", ".join(found.unmatched.examples[:3]), ", ".join(names[:3])
    return _refusal(
        "nothing_matches",
        f"no {found.by} in the column {found.column} is one of the job's items; the file has {theirs}, the job {ours}",
        "Use the names as the job lists them (the first word of a FASTA header), or a column index counted from 0.",
    )


def _column(name: str, cells: Mapping[int, str], kind: str | None, found: Matching) -> Column:
    """Return the column of these cells by item. Note in `found` if words make a column with numbers categorical.

    A column is numeric if it has a number, and its other cells have none or are words for a missing value.
    """
    given = {index: cell for index, cell in cells.items() if cell}
    reader = Numbers(name)
    numbers = {index: reader.read(cell, found.lines[index]) for index, cell in given.items()}
    word = next((index for index, number in numbers.items() if number is None), None)
    if kind == "numeric" and word is not None:
        remedy = "Leave cells without a value empty, or make the column categorical."
        raise _refusal("not_a_number", f"the column {name!r} has {given[word][:40]!r} for item {word}", remedy)
    measured = {index: number for index, number in numbers.items() if number is not None and not math.isnan(number)}
    if kind == "numeric" or (kind is None and measured and word is None):
        if problem := reader.problem(path="file"):
            raise InvalidInput.of(problem)
        found.warnings += filter(None, [reader.warning()])
        values = np.full(found.items, np.nan)
        values[list(measured)] = list(measured.values())
        return Column(name, "numeric", values)
    if kind is None and measured and word is not None:
        found.words.append(Word(name, given[word][:MAX_TEXT], found.lines[word]))
    categories = tuple(sorted({cell[:MAX_TEXT] for cell in given.values()}))
    if len(categories) > MAX_CATEGORIES:
        what = f"the column {name!r} has {len(categories):,} different texts"
        raise _refusal("too_many_categories", what, f"Keep at most {MAX_CATEGORIES}, or leave the column out.")
    place = {category: number for number, category in enumerate(categories)}
    codes = np.full(found.items, -1, dtype=np.int32)
    codes[list(given)] = [place[cell[:MAX_TEXT]] for cell in given.values()]
    return Column(name, "categorical", codes, categories)


def _refusal(code: str, what: str, remedy: str, *, line: int | None = None) -> InvalidInput:
    return InvalidInput.one(code, what, remedy, path="file", line=line)


def _by(found: Matching) -> str:
    return found.by if found.column.lower() == found.by else f"the column {found.column}"


def matching_sentence(report: Matching) -> str:
    """Return the report in words, for pages."""
    said = [
        f"{report.matched_rows:,} of {report.rows:,} rows found {report.matched_items:,} of the job's "
        f"{report.items:,} items by {_by(report)}."
    ]
    for listed, words in (
        (report.unmatched, "about no item of this job"),
        (report.duplicated, "repeating an item, of which the first counts"),
        (report.shared, "with a name of several items, which all got the value"),
    ):
        if listed.count:
            names = listed.examples[:5]
            more = ", ..." if listed.count > len(names) else ""
            said.append(f"Rows {words}: {listed.count:,} ({', '.join(names)}{more}).")
    said += [
        f"The column {one.column} is taken as words because of {one.text[:40]!r} in line {one.line}; if it is to be "
        "numbers, leave that cell empty and upload it again."
        for one in report.words
    ]
    said += [f"{warning.message}." for warning in report.warnings]
    return " ".join(said)
