"""Cells as numbers: decimal points, decimal commas, and words that mean "no value"."""

from __future__ import annotations

import math
import re

from jobs.errors import Problem
from jobs.parsing.letters import storable
from jobs.parsing.numbers import decimal
from jobs.parsing.tables.rows import Fault, Row
from jobs.parsing.workbooks.values import NumberText

MISSING = frozenset(
    {"", "na", "n/a", "nan", "<na>", "null", "none", "-", "."}
    | {"#n/a", "#div/0!", "#value!", "#num!", "#ref!", "#name?", "#null!"}
)
"""Cells in lower case that hold no value if a number is wanted, with the errors that spreadsheets write."""

_COMMA = re.compile(r"[+-]?[0-9]*,[0-9]+(?:[eE][+-]?[0-9]+)?")
_THOUSANDS = re.compile(r"[+-]?[1-9][0-9]{0,2},[0-9]{3}")  # 1,234 may be one thousand or a little more than one
_SHOWN = 40

Found = tuple[str, int]
"""A cell and its line."""


def stripped(cell: str) -> str:
    """Return the cell without blanks around it; a number of a workbook as it is."""
    return cell if isinstance(cell, NumberText) else cell.strip()


class Numbers:
    """The numbers of one column, cell by cell. Call `problem` and `warning` after the last cell.

    Both a decimal point and a decimal comma are read, but not in one column. `1,234` is read as a decimal only if
    another cell of the column shows that its commas are decimal ones.
    """

    def __init__(self, column: str) -> None:
        self.column = column
        self.commas = 0
        self._point: Found | None = None
        self._comma: Found | None = None
        self._unclear: Found | None = None

    def read(self, cell: str, line: int) -> float | None:
        """Return the number in the cell, NaN if it holds no value, or None if it holds a word."""
        value = decimal(cell)
        if value is not None:
            if self._point is None and "." in cell and not isinstance(cell, NumberText):
                self._point = (cell.strip(), line)
            return value
        word = cell.strip()
        if word.lower() in MISSING:
            return math.nan
        plain = word.replace("\N{MINUS SIGN}", "-")
        if not _COMMA.fullmatch(plain):
            return None
        self.commas += 1
        if not _THOUSANDS.fullmatch(plain):
            self._comma = self._comma or (word, line)
        else:
            self._unclear = self._unclear or (word, line)
        return decimal(plain.replace(",", "."))

    def word(self, cell: str, row: Row) -> Fault:
        """Return the fault of a row whose cell is no number."""
        what = f"{storable(cell.strip())[:_SHOWN]!r} in the column {self._name} is not a number"
        remedy = "Write it with a decimal point, or leave the field empty."
        return Fault(row.line, what, remedy, row.cells, code="bad_number")

    def problem(self, *, path: str | None = None) -> Problem | None:
        """Return the problem of commas whose meaning is not clear, or None."""
        comma = self._comma or self._unclear
        if comma and self._point:
            what = (
                f"the column {self._name} has numbers with a decimal comma ({comma[0][:_SHOWN]}) and with a decimal "
                f"point ({self._point[0][:_SHOWN]} in line {self._point[1]:,})"
            )
            remedy = "Write all of them with a decimal point, and thousands without a separator."
        elif self._unclear and not self._comma:
            comma = self._unclear
            what = f"{comma[0]} in the column {self._name} may be {comma[0].replace(',', '.')} or {_whole(comma[0])}"
            remedy = "Write numbers with a decimal point, and thousands without a separator."
        else:
            return None
        return Problem("bad_number", f"line {comma[1]:,}: {what}", remedy, path=path, line=comma[1])

    def warning(self) -> Problem | None:
        """Return the warning `decimal_commas` if there were any."""
        first = self._comma or self._unclear
        if not first:
            return None
        verb = "number has" if self.commas == 1 else "numbers have"
        what = f"{self.commas:,} {verb} a decimal comma in the column {self._name}"
        read = f"{first[0][:_SHOWN]} is read as {first[0].replace(',', '.')[:_SHOWN]}"
        return Problem("decimal_commas", f"{what}: {read}", "Nothing, if that is what they mean.", line=first[1])

    @property
    def _name(self) -> str:
        return storable(self.column)[:60]


def _whole(text: str) -> str:
    return text.replace(",", "")
