"""Lines of text to rows of cells, with their places, in memory bounded by one row."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import replace
from itertools import chain, islice
from typing import NamedTuple, Protocol

from jobs.errors import InvalidInput, Problem
from jobs.limits import MAX_LINE
from jobs.parsing.records import Place
from jobs.parsing.tables.dialect import COMMENT, SEPARATORS, Known, csv_rows, hinted, is_header, separator_of
from jobs.parsing.text import SHORT

_LOOKED_AT = 50  # lines that decide about the separator


class Row(NamedTuple):
    """One row: `line` is where it begins."""

    line: int
    cells: list[str]


class Fault(NamedTuple):
    """A row that cannot be read, with the cells it may have."""

    line: int
    what: str
    remedy: str
    cells: list[str]
    code: str
    character: str | None = None

    def problem(self, place: Place) -> Problem:
        return place.problem(self.code, self.what, self.remedy, line=self.line, character=self.character)


class RowSource(Protocol):
    """Rows as they are written, of text or of a sheet. `comma` says whether commas separate the cells.

    `header` comes before the iteration. It returns None if there is no row. `titles` and `comments` count what was
    left out. `elsewhere` says where else in the file a table may be.
    """

    @property
    def comma(self) -> bool: ...
    @property
    def comments(self) -> int: ...
    @property
    def titles(self) -> int: ...
    @property
    def elsewhere(self) -> str: ...
    def header(self) -> Row | None: ...
    def __iter__(self) -> Iterator[Row | Fault]: ...
    def warnings(self) -> list[Problem]: ...


class LineSource(Protocol):
    """Numbered lines. Those that consist of the bytes `blanks` are skipped, unless `blanks` is None."""

    blanks: bytes | None

    def __iter__(self) -> Iterator[tuple[int, str]]: ...


class TextRows:
    """The rows of separated text."""

    def __init__(self, lines: LineSource, known: Known, path: str | None = None) -> None:
        self._lines = _RowLines(lines, path)
        self._known = known
        self._path = path
        self._reader: Iterator[list[str]] = iter(())
        self.comma = True
        self.titles = 0
        self.elsewhere = ""

    @property
    def comments(self) -> int:
        return self._lines.comments

    def header(self) -> Row | None:
        """Find the separator, and return the first row. Raises InvalidInput `bad_csv`, `row_too_long`."""
        texts, hint = self._lines.look_ahead(self._known)
        if not texts:
            return None
        separator, self.titles = separator_of(texts, self._known, hint)
        self.comma = separator == ","
        self._reader = iter(csv_rows(self._lines, separator))
        self._lines.separator = separator
        first = next(islice(self, self.titles, None), None)
        if isinstance(first, Fault):
            raise _refused(first.problem(Place()), self._path)
        if first is not None:
            self._lines.width = len(first.cells)
        return first

    def __iter__(self) -> Iterator[Row | Fault]:
        lines, rows = self._lines, self._reader
        while True:
            lines.start_row()
            try:
                cells = next(rows)
            except StopIteration:
                return
            except csv.Error as error:
                if "field limit" in str(error):
                    raise _too_wide(lines.row_started, self._path) from None
                remedy = 'Close every quotation mark, and write a quotation mark inside quotes twice ("").'
                what = f"the row cannot be read ({error})"
                yield Fault(lines.row_started, what, remedy, [], code="bad_csv")
            else:
                if any(map(str.strip, cells)):  # Others are blank, or empty rows that spreadsheets append.
                    yield Row(lines.row_started, cells)

    def warnings(self) -> list[Problem]:
        return []


class _RowLines:
    """Lines for the csv module, with the number of the last one.

    Blank lines and comments are skipped, except inside a row, whose quoted fields they belong to. Rows beyond
    `MAX_LINE`, such as one whose quotation mark is never closed, are refused before they are parsed.
    """

    def __init__(self, source: LineSource, path: str | None) -> None:
        self._source = source
        self._lines: Iterator[tuple[int, str]] = iter(source)
        self._broken: InvalidInput | None = None  # found while looking ahead, and due behind the held lines
        self._path = path
        self._taken = 0
        self.separator = SEPARATORS
        self.width = 0
        self.comments = 0
        self.row_started = 0

    @property
    def separator(self) -> str:
        """The separator, or all that may be one."""
        return self._separator

    @separator.setter
    def separator(self, separator: str) -> None:
        self._separator = separator
        self._blanks = f"{separator} \t"
        self._blank_bytes = self._blanks.encode()
        self._unusual = f"#{self._blanks}"  # how a line begins that may be left out; an empty one begins so too

    def start_row(self) -> None:
        self._source.blanks = self._blank_bytes
        self._taken = 0

    def __iter__(self) -> _RowLines:
        return self

    def __next__(self) -> str:
        number, text = next(self._lines)
        if not self._taken:
            while text[:1] in self._unusual and self._is_skipped(text):
                number, text = next(self._lines)
            self.row_started = number
            self._source.blanks = None
        self._taken += len(text) + 1
        if self._taken > MAX_LINE:
            raise _too_wide(self.row_started, self._path)
        return text + "\n"

    def look_ahead(self, known: Known) -> tuple[list[str], str | None]:
        """Return the first lines of the table, which are kept, and the separator that a line before them names."""
        self.start_row()
        held: list[tuple[int, str]] = []
        comment: tuple[int, str] | None = None
        hint = None
        for number, text in self._ahead():
            line = text.lstrip("\ufeff")
            if not line.strip(self._blanks):
                continue
            if COMMENT.match(line):
                comment = number, line.lstrip('"# ')
                self.comments += 1
            elif (found := hinted(line)) and hint is None:
                hint = found
            else:
                held.append((number, line))
                break
        if not held:
            if self._broken is not None:
                raise self._broken
            return [], None
        if comment and is_header(comment[1], held[0][1], known):
            held.insert(0, comment)
            self.comments -= 1
        self._source.blanks = None
        size = 0
        for number, text in islice(self._ahead(), _LOOKED_AT):
            held.append((number, text))
            size += len(text)
            if size > MAX_LINE:
                break
        self._lines = chain(held, self._lines if self._broken is None else _raising(self._broken))
        return [text for _, text in held], hint

    def _ahead(self) -> Iterator[tuple[int, str]]:
        """Yield lines of the source. A broken one ends them, and is reported once the lines before it are read."""
        try:
            for line in self._lines:  # noqa: UP028  `yield from` would close the lines with this generator
                yield line
        except InvalidInput as error:
            self._broken = error

    def _is_skipped(self, text: str) -> bool:
        """Return whether a line is blank, or a comment between rows: it begins with # and is no whole row."""
        if len(text) < SHORT and not text.strip(self._blanks):
            return True
        if text.startswith("#") and self.width and '"' not in text and text.count(self.separator) + 1 != self.width:
            self.comments += 1
            return True
        return False


def _raising(error: InvalidInput) -> Iterator[tuple[int, str]]:
    raise error
    yield 0, ""


def _too_wide(line: int, path: str | None) -> InvalidInput:
    what = "the row that begins here does not end, or is too long"
    remedy = "Look for a quotation mark that is not closed, and for a sequence of more than 100,000 residues."
    return _refused(Place(line=line).problem("row_too_long", what, remedy), path)


def _refused(problem: Problem, path: str | None) -> InvalidInput:
    return InvalidInput.of(replace(problem, path=path))
