"""CSV: a header line with a column `sequence` and usually `name`, separated by comma, semicolon or tab."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any, Protocol

from jobs.errors import InvalidInput, Problem
from jobs.limits import MAX_HEADER, MAX_LINE, RECORD_PROBLEMS
from jobs.parsing.letters import check_sequence, clean_item, storable
from jobs.parsing.records import BadRecord, ItemRules, Place, Record, default_name
from jobs.parsing.tally import Tally
from jobs.parsing.text import SHORT

SEPARATORS = ",;\t"
VARIANT_COLUMNS = ("variant", "mutant", "mutation", "sequence", "mutated_sequence")
"""Columns that may hold variants of a parent; the first one that exists is read."""
MISSING = frozenset({"", "na", "n/a", "nan", "null", "none", "-"})
"""Cells in lower case that hold no value."""
_LINE = re.compile(rb"[^\r\n]*")
_SHOWN = 20  # columns that a message or a warning names


class LineSource(Protocol):
    """Numbered lines. Those that consist of the characters `blanks` are skipped, unless `blanks` is None."""

    blanks: Any

    def __iter__(self) -> Iterator[tuple[int, str]]: ...


class RowLines:
    """Lines for the csv module, with the number of the last one. `path` is the field that holds the table.

    Lines that consist of `blanks` are skipped, except inside a row, whose quoted fields they belong to. Rows beyond
    `MAX_LINE`, such as one whose quotation mark is never closed, are refused before they are parsed.
    """

    def __init__(self, source: LineSource, blanks: str | bytes, path: str | None = None) -> None:
        self.blanks = blanks
        self._source = source
        self._lines = iter(source)
        self._path = path
        self.number = 0
        self.row_started = 0
        self._taken = 0

    def start_row(self) -> None:
        self._source.blanks = self.blanks
        self._taken = 0

    def __iter__(self) -> RowLines:
        return self

    def __next__(self) -> str:
        self.number, text = next(self._lines)
        if not self._taken:
            self.row_started = self.number
            self._source.blanks = None
        self._taken += len(text) + 1
        if self._taken > MAX_LINE:
            raise _too_wide(self.row_started, self._path)
        return text + "\n"


def _too_wide(line: int, path: str | None = None) -> InvalidInput:
    what = "the row that begins here does not end, or is too long"
    remedy = "Look for a quotation mark that is not closed, and for a sequence of more than 100,000 residues."
    return InvalidInput.of(replace(Place(line=line).problem("row_too_long", what, remedy), path=path))


class TextLines:
    """The numbered lines of UTF-8 text, without their ends and without a byte order mark.

    Lines that consist of `blanks` are skipped, unless it is None.
    """

    def __init__(self, data: bytes, blanks: str | None = None) -> None:
        self.blanks = blanks
        self._text = io.TextIOWrapper(io.BytesIO(data), "utf-8-sig", newline="")

    def __iter__(self) -> Iterator[tuple[int, str]]:
        for number, line in enumerate(self._text, start=1):
            if self.blanks is None or len(line) >= SHORT or line.strip(self.blanks):
                yield number, line.rstrip("\r\n")


def table_rows(data: bytes, refused: Callable[[csv.Error, int], InvalidInput]) -> Iterator[tuple[int, list[str]]]:
    """Yield the rows of UTF-8 text that are not empty, each with its last line.

    The most frequent separator of the first row separates the cells. `refused` makes the error of a row that cannot be
    read, from the error of the csv module and the line. Raises InvalidInput `row_too_long`.
    """
    separator = max(SEPARATORS, key=_first_written_line(data).count)
    lines = RowLines(TextLines(data), f"{separator} \t\r\n", "file")
    reader = csv.reader(lines, delimiter=separator, strict=True)
    try:
        lines.start_row()
        for row in reader:
            if any(cell.strip() for cell in row):
                yield lines.number, row
            lines.start_row()
    except csv.Error as error:
        raise refused(error, lines.number) from None


def _first_written_line(data: bytes) -> str:
    data = data.removeprefix(codecs.BOM_UTF8)
    blank = len(data) - len(data.lstrip(f"{SEPARATORS} \r\n".encode()))
    start = max(data.rfind(b"\n", 0, blank), data.rfind(b"\r", 0, blank)) + 1
    line = _LINE.match(data, start)
    return line[0].decode() if line else ""


class TableSource:
    """One pass over the lines of a CSV file. Iterating raises InvalidInput for faults of its columns."""

    def __init__(self, lines: LineSource, rules: ItemRules, tally: Tally, shared_context: Sequence[str]) -> None:
        self._lines = RowLines(lines, f"{SEPARATORS} ".encode())
        self._rules = rules
        self._tally = tally
        self._shared = shared_context
        self._width = 0
        self._sequence_at = 0
        self._name_at: int | None = None

    def __iter__(self) -> Iterator[Record | BadRecord]:
        separator = self._read_header()
        if separator is None:
            return
        index = 0
        self._lines.blanks = separator.encode()
        rows = csv.reader(self._lines, delimiter=separator, strict=True)
        while True:
            self._lines.start_row()
            try:
                row = next(rows)
            except StopIteration:
                return
            except csv.Error as error:
                if "field limit" in str(error):
                    raise _too_wide(self._lines.row_started) from None
                yield self._unreadable(error, index)
            else:
                if not any(row):  # A blank line, or one of the empty rows that spreadsheets append.
                    continue
                yield self._record(row, index)
            index += 1

    def _read_header(self) -> str | None:
        """Read the columns and return the separator, or None if the file has no line."""
        self._lines.start_row()
        for text in self._lines:
            if text.strip(f"{SEPARATORS} \n"):
                break
            self._lines.start_row()
        else:
            return None
        line = self._lines.number
        separator, columns = max(
            ((separator, _columns(text, separator)) for separator in SEPARATORS),
            key=lambda found: (self._main(found[1]) is not None, len(found[1])),
        )
        main = self._main(columns)
        if main is None:
            shown = ", ".join(name for name in columns[:_SHOWN] if name)
            wanted = "sequence" if self._rules.variants is None else " or ".join(VARIANT_COLUMNS)
            what = f"no column is named {wanted}; the columns are: {storable(shown)[:200]}"
            remedy = f"Begin the file with a header line such as name,{wanted.split(' ')[0]}."
            raise Place(line=line).refused("missing_column", what, remedy)
        for name in ("name", main):
            if columns.count(name) > 1:
                what = f"{columns.count(name)} columns are named {name}"
                remedy = "Rename all but one of them."
                raise Place(line=line).refused("duplicate_column", what, remedy)
        self._width = len(columns)
        self._sequence_at = columns.index(main)
        self._name_at = columns.index("name") if "name" in columns else None
        self._tally.read_columns = tuple(name for name in ("name", main) if name in columns)
        ignored = [name for name in columns if name and name not in ("name", main)]
        self._tally.ignored_columns = tuple(storable(name)[:60] for name in ignored[:_SHOWN])
        return separator

    def _main(self, columns: Sequence[str]) -> str | None:
        """Return the column to compute: the sequence, or a variant of the job's parent."""
        wanted = ("sequence",) if self._rules.variants is None else VARIANT_COLUMNS
        return next((name for name in wanted if name in columns), None)

    def _record(self, row: list[str], index: int) -> Record | BadRecord:
        self._tally.records += 1
        needed = max(self._sequence_at, self._name_at or 0) + 1
        given = row[self._name_at].strip() if self._name_at is not None and self._name_at < len(row) else ""
        if not given and self._rules.variants is not None and self._sequence_at < len(row):
            given = row[self._sequence_at].strip()[:100]
        name = storable(given[:MAX_HEADER]) or default_name(index)
        place = Place(line=self._lines.row_started, record=name, index=index)
        if len(row) < needed or any(row[self._width :]):
            what = f"the row has {len(row)} fields, and the header {self._width}"
            remedy = "Put fields that hold the separator in quotes, and give every row all columns."
            return place.bad([place.problem("wrong_field_count", what, remedy)], given[:MAX_HEADER])
        sequence, flags = clean_item(row[self._sequence_at], self._rules)
        problems = list(self._check_name(given, place))
        problems += check_sequence(sequence, None, self._rules, place, shared_context=self._shared)
        if problems:
            kept = storable(sequence[: self._rules.max_residues])
            return place.bad(problems[:RECORD_PROBLEMS], storable(given[:MAX_HEADER]), kept)
        record = place.good(given, sequence)
        self._tally.cleaned(flags)
        self._tally.look_at(record, unnamed=self._name_at is not None and not given)
        return record

    @staticmethod
    def _check_name(given: str, place: Place) -> Iterator[Problem]:
        if len(given) > MAX_HEADER or "\n" in given:
            what = f"a name is one line of at most {MAX_HEADER:,} characters"
            yield place.field("name").problem("bad_name", what, "Shorten it, and remove line ends.")

    def _unreadable(self, error: csv.Error, index: int) -> BadRecord:
        self._tally.records += 1
        what = f"the row cannot be read ({error})"
        remedy = 'Close every quotation mark, and write a quotation mark inside quotes twice ("").'
        place = Place(line=self._lines.row_started, record=default_name(index), index=index)
        return place.bad([place.problem("bad_csv", what, remedy)])


def _columns(text: str, separator: str) -> list[str]:
    try:
        return [name.strip().lower() for name in next(csv.reader([text], delimiter=separator, strict=True))]
    except csv.Error:
        return []
