"""A table: its columns by role, its rows as wide as its header, and what was left out."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import chain
from operator import itemgetter

from jobs.errors import InvalidInput, Problem
from jobs.parsing.letters import storable
from jobs.parsing.looks import is_code
from jobs.parsing.records import Place
from jobs.parsing.roles import VALUES, VARIANTS, Role, key, known, places
from jobs.parsing.tables.cells import Numbers
from jobs.parsing.tables.rows import Fault, Row, RowSource

SHOWN = 20
"""Columns that a message or a warning names."""

_UNNAMED = re.compile(r"Unnamed: \d+(_level_\d+)?")  # as pandas calls a column without a name, once written again
_WHOLE = re.compile(r"\s*[+-]?[0-9]+\s*")
_DIGITS = re.compile(r"\s*[0-9]+([eE][+-]?[0-9]+)?\s*")
_REMEDY = "Put fields that hold the separator in quotes, and give every row all columns."
_COMMA_REMEDY = (
    'Put a number with a decimal comma in quotes ("0,53") or separate the columns by semicolons, and put other fields '
    "that hold a comma in quotes."
)


class Table:
    """The rows below a header. Iterate once, after the columns are chosen.

    `columns` are the names that the header has, in order, without columns that have no name. `line` is its line.
    `elsewhere` is a sentence for remedies: the other sheets of a workbook.
    `said` returns warnings about the file of the rows.
    """

    def __init__(self, rows: RowSource, path: str | None = None, *, said: Callable[[], list[Problem]] = list) -> None:
        header = rows.header()
        if header is None:
            remedy = "Send a table with a header line, such as name,sequence."
            raise InvalidInput.one("empty_file", "The file holds no table", remedy, path=path)
        self._rows = rows
        self._path = path
        self._said = said
        self._width = len(header.cells)
        given = _names_above(header.cells)
        self._first = header if given else None  # no header, but the first row
        names = given or [" ".join(name.replace("\ufeff", "").split()) for name in header.cells]
        self._kept = [at for at, name in enumerate(names) if name and not _UNNAMED.fullmatch(name)]
        named = set(self._kept)
        self._nameless = [at for at in range(self._width) if at not in named]
        # A comma can have divided a number only if the column before has a name.
        self._decimals_at = [at for at in self._nameless if at - 1 in named]
        self._needed = self._kept[-1] + 1 if self._kept else 0
        self.columns = tuple(names[at] for at in self._kept)
        self.line = header.line
        self.elsewhere = rows.elsewhere

    def __iter__(self) -> Iterator[Row | Fault]:
        width, needed = self._width, self._needed
        decimals, whole = self._decimals_at and self._rows.comma, len(self._kept) == self._width
        pick = _picker(self._kept)
        for row in self._rows if self._first is None else chain([self._first], self._rows):
            if isinstance(row, Fault):
                yield row
                continue
            cells = row.cells
            if not needed <= len(cells) <= width:
                # Empty fields behind the last column may be those of a row that a separator in its text has shifted.
                yield self._uneven(row)
                continue
            if decimals and (fault := self._decimals(row)):
                yield fault
                continue
            yield row if whole else Row(row.line, pick(cells))

    def _uneven(self, row: Row) -> Fault:
        fields = "1 field" if len(row.cells) == 1 else f"{len(row.cells):,} fields"
        what = f"the row has {fields}, and the header {self._width:,}"
        split = self._rows.comma and len(row.cells) > self._width and _split_number(row.cells)
        return self._fault(row, what, _COMMA_REMEDY if split else _REMEDY)

    def _decimals(self, row: Row) -> Fault | None:
        """Return the fault of a number that a comma has divided, so that its decimals have no column of their own."""
        for at in self._decimals_at:
            if at < len(row.cells) and _split_number(row.cells[at - 1 : at + 1]):
                number = f"{row.cells[at - 1].strip()},{row.cells[at].strip()}"[:40]
                what = f"the column {at + 1} has no name, and the row seems to hold the number {number}"
                return self._fault(row, what, _COMMA_REMEDY)
        return None

    def _fault(self, row: Row, what: str, remedy: str) -> Fault:
        cells = [row.cells[at] for at in self._kept if at < len(row.cells)]
        return Fault(row.line, what, remedy, cells, code="wrong_field_count")

    def column(
        self,
        role: Role,
        *,
        name: str = "",
        path: str | None = None,
        but: Collection[int] = (),
        remedy: str = "Keep the name of one of them, and rename the others.",
    ) -> int | None:
        """Return the place of the column of this role in `columns`, or of the one called `name`; None if there is none.

        Columns in `but` are not considered. Raises InvalidInput `unclear_column` with `remedy` if two fit,
        `duplicate_column` if two have the same name, and `missing_column` if `name` is that of no column. `path` is
        the field of the request that chooses the column.
        """
        if name.strip():
            return self.named(name, path=path)
        for rank in role.ranks:
            found = [at for at in places(self.columns, rank) if at not in but]
            if len({key(self.columns[at]) for at in found}) > 1:
                what = f"several columns may hold {role.thing}: {', '.join(self.columns[at] for at in found)}"
                raise self.refused("unclear_column", what, remedy, path=path)
            if found:
                return self._only(found)
        return None

    def named(self, name: str, *, path: str | None = None) -> int:
        """Return the place of a column by its name. Raises InvalidInput `missing_column`, `duplicate_column`."""
        exact = [at for at, column in enumerate(self.columns) if column == name.strip()]
        if len(exact) == 1:
            return exact[0]
        if found := places(self.columns, (key(name),)):
            return self._only(found)
        what = f"no column is named {storable(name)[:60]}; {self.listed()}"
        raise self.refused("missing_column", what, "Choose one of them.", path=path)

    def _only(self, found: Sequence[int]) -> int:
        if len(found) > 1:
            what = f"{len(found)} columns are named {self.columns[found[0]]}"
            raise self.refused("duplicate_column", what, "Rename all but one of them.")
        return found[0]

    def listed(self) -> str:
        """Return the first names of columns, for a message."""
        are = "the columns are" if self._first is None else "the first line is no header, and the columns were read as"
        return f"{are}: {storable(', '.join(self.columns[:SHOWN]))[:200] or 'none'}"

    def refused(self, code: str, what: str, remedy: str, *, path: str | None = None) -> InvalidInput:
        """Return the refusal of the header."""
        if code == "missing_column" and self._nameless:
            remedy += f" Column {self._nameless[0] + 1} has no name, and is not read: name it if it is the one."
        problem = Place(line=self.line).problem(code, storable(what), remedy + self.elsewhere)
        return InvalidInput.of(replace(problem, path=path or self._path))

    def refusal(self, fault: Fault) -> InvalidInput:
        """Return the refusal of the whole file because of one row."""
        return InvalidInput.of(replace(fault.problem(Place()), path=self._path))

    def warnings(self) -> list[Problem]:
        """Return what was left out, one entry of each kind; complete after the last row."""
        warnings = [*self._said(), *self._rows.warnings()]
        if self._nameless:
            warnings.append(self._unnamed())
        if self._first is not None:
            what = f"The table has no header: its columns were read as {', '.join(self.columns[:SHOWN])}"
            remedy = "Nothing if that is right. Otherwise begin it with a line that names the columns: mutant,score."
            warnings.append(Problem("no_header", what, remedy, line=self.line))
        if count := self._rows.titles:
            what = f"{count:,} {'lines' if count > 1 else 'line'} before the header left out"
            warnings.append(Problem("lines_before_header", what, "Nothing, if they are titles.", line=self.line))
        if count := self._rows.comments:
            lines = "lines beginning with '#' are" if count > 1 else "line beginning with '#' is"
            what = f"{count:,} {lines} left out"
            warnings.append(Problem("comment_lines", what, "Remove the '#' if they hold data."))
        return warnings

    def _unnamed(self) -> Problem:
        shown = ", ".join(str(at + 1) for at in self._nameless[:SHOWN])
        more = ", ..." if len(self._nameless) > SHOWN else ""
        count = len(self._nameless)
        what = f"{count:,} {'columns without a name are' if count > 1 else 'column without a name is'} left out"
        remedy = "Write a name in the header to have it read."
        return Problem("unnamed_columns", f"{what}: column {shown}{more}", remedy, line=self.line)


def _names_above(cells: Sequence[str]) -> list[str]:
    """Return names for the columns of a first row that is no header: one code of variants, and numbers. Else none."""
    numbers = Numbers("")
    values = {at for at, cell in enumerate(cells) if cell.strip() and numbers.read(cell, 0) is not None}
    words = [at for at, cell in enumerate(cells) if cell.strip() and at not in values]
    if not values or len(words) != 1 or known(cells) or not is_code(cells[words[0]]):
        return []
    measured = VALUES.ranks[-1][0]
    named = {at: measured if len(values) == 1 else f"column_{at + 1}" for at in values} | {words[0]: VARIANTS.usual[0]}
    return [named.get(at, "") for at in range(len(cells))]


def _split_number(cells: Iterable[str]) -> bool:
    """Return whether a cell of digits follows a whole number, as the halves of a number with a decimal comma do."""
    before = ""
    for cell in cells:
        if _DIGITS.fullmatch(cell) and _WHOLE.fullmatch(before):
            return True
        before = cell
    return False


def _picker(kept: Sequence[int]) -> Callable[[Sequence[str]], list[str]]:
    """Return the function from a row to its cells with a name."""
    if len(kept) == 1:
        return lambda cells: [cells[kept[0]]]
    if not kept:
        return lambda _: []
    get = itemgetter(*kept)
    return lambda cells: list(get(cells))
