"""The cells of one sheet, row by row."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from jobs.limits import MAX_LINE, MAX_SHEET_CELLS
from jobs.parsing.workbooks.package import damaged, too_large
from jobs.parsing.workbooks.texts import SharedTexts, TextParts, unescaped
from jobs.parsing.workbooks.values import date_text, number_text
from jobs.parsing.workbooks.xml import Attributes, parse

MAX_SHEET_COLUMNS = 16_384
"""Columns of a sheet, as in Excel."""

_PLACE = re.compile(r"([A-Za-z]{1,3})([0-9]{1,7})")
_BOOLEANS = {"1": "TRUE", "0": "FALSE", "true": "TRUE", "false": "FALSE"}


@dataclass(slots=True)
class Seen:
    """Counts over the rows so far."""

    dates: int = 0
    first_date: str = ""
    hidden: int = 0


def sheet_rows(
    blocks: Iterable[bytes], texts: SharedTexts | None, dates: frozenset[int], seen: Seen, *, from_1904: bool
) -> Iterator[tuple[int, list[str]]]:
    """Yield the rows with at least one cell that is not blank, each with its number and up to its last such cell.

    Raises InvalidInput `bad_workbook`, and TooLarge `workbook_too_large`.
    """
    cells = _Cells(texts, dates, seen, from_1904=from_1904)
    for _ in parse(blocks, cells):
        # A row of one cell far to the right is as wide as the sheet. Only one of them is laid out at a time.
        yield from ((number, _laid_out(row)) for number, row in cells.rows)
        cells.rows.clear()


def _laid_out(row: dict[int, str]) -> list[str]:
    """Return the cells of a row from its texts by column."""
    cells = [""] * (max(row) + 1)
    for column, text in row.items():
        cells[column] = text
    return cells


class _Cells:
    """Takes the events of a sheet, and keeps rows that are complete in `rows`."""

    def __init__(self, texts: SharedTexts | None, dates: frozenset[int], seen: Seen, *, from_1904: bool) -> None:
        self.rows: list[tuple[int, dict[int, str]]] = []
        self._texts = texts
        self._dates = dates
        self._seen = seen
        self._from_1904 = from_1904
        self._row: dict[int, str] = {}
        self._width = 0
        self._number = 0
        self._size = 0
        self._cells = 0
        self._column = -1
        self._kind = "n"
        self._style = ""
        self._taking: list[str] | None = None
        self._value: list[str] = []
        self._formula: list[str] = []
        self._has_formula = False
        self._inline = TextParts()
        self._in_row = self._in_cell = self._hidden = False

    def start(self, name: str, attributes: Attributes) -> None:
        if name == "c" and self._in_row:
            self._start_cell(attributes)
        elif self._in_cell:
            if name == "v":
                self._taking = self._value
            elif name == "f":
                self._taking = self._formula
                self._has_formula = True
            else:
                self._inline.start(name)
        elif name == "row":
            self._start_row(attributes)

    def _start_row(self, attributes: Attributes) -> None:
        number = attributes.get("r", "")
        if number and not (number.isascii() and number.isdigit() and len(number) < 10):
            raise damaged("a row has no number")
        self._number = int(number) if number else self._number + 1
        self._in_row = True
        self._column, self._size = -1, 0
        self._row, self._width = {}, 0
        self._hidden = attributes.get("hidden", "0") in ("1", "true")

    def _start_cell(self, attributes: Attributes) -> None:
        self._in_cell = True
        place = attributes.get("r")
        self._column = column_of(place) if place else self._column + 1
        if self._column >= MAX_SHEET_COLUMNS:
            raise too_large(f"has more than {MAX_SHEET_COLUMNS:,} columns")
        self._kind = attributes.get("t", "n")
        self._style = attributes.get("s", "")
        self._value.clear()
        self._formula.clear()
        self._has_formula = False

    def text(self, text: str) -> None:
        if self._taking is not None:
            self._taking.append(text)
            self._size += len(text)
            self._check_size()
        elif self._in_cell:
            self._inline.text(text)

    def end(self, name: str) -> None:
        if name == "c" and self._in_cell:
            self._in_cell = False
            self._put(self._shown())
        elif name in ("v", "f"):
            self._taking = None
        elif self._in_cell:
            self._inline.end(name)
        elif name == "row" and self._in_row:
            self._in_row = False
            if self._row:
                self.rows.append((self._number, self._row))
                self._row = {}
                self._seen.hidden += self._hidden

    def _put(self, text: str) -> None:
        if not text or text.isspace():
            return
        # A cell may come again, or before its neighbour.
        self._row[self._column] = text
        wider = self._column + 1 - self._width
        if wider <= 0:
            return
        self._width += wider
        self._cells += wider
        if self._cells > MAX_SHEET_CELLS:
            raise too_large(f"has more than {MAX_SHEET_CELLS:,} cells in the sheet")
        self._size += len(text)
        self._check_size()

    def _check_size(self) -> None:
        if self._size > 2 * MAX_LINE:
            raise too_large(f"has a row of more than {MAX_LINE:,} characters")

    def _shown(self) -> str:
        """Return what the cell shows. A formula whose value is not stored is shown itself."""
        if self._kind == "inlineStr":
            return self._inline.take()
        value = "".join(self._value)
        if not value:
            return "=" + "".join(self._formula) if self._has_formula and self._kind != "str" else ""
        if self._kind == "n":
            return self._date(value) if self._style and self._dates and self._is_date() else number_text(value)
        if self._kind == "s":
            return self._shared(value)
        return _BOOLEANS.get(value.strip(), value) if self._kind == "b" else unescaped(value)

    def _shared(self, value: str) -> str:
        word = value.strip()
        if self._texts is None or not (word.isascii() and word.isdigit() and len(word) < 10):
            raise damaged(f"it has no text {word[:20]}")
        return self._texts[int(word)]

    def _is_date(self) -> bool:
        style = self._style
        return style.isascii() and style.isdigit() and len(style) < 10 and int(style) in self._dates

    def _date(self, value: str) -> str:
        text = date_text(value, from_1904=self._from_1904)
        self._seen.dates += 1
        self._seen.first_date = self._seen.first_date or f"{text} in row {self._number:,}"
        return text


def column_of(place: str) -> int:
    """Return the 0-based column of a place such as `AB12`. Raises InvalidInput `bad_workbook`."""
    found = _PLACE.fullmatch(place)
    if found is None:
        raise damaged(f"a cell has the place {place[:20]!r}")
    column = 0
    for letter in found[1].upper():
        column = column * 26 + ord(letter) - 64
    return column - 1
