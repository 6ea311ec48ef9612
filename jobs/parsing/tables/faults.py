"""Rows of a table that cannot be read: the first one refuses the file, or all of them are left out and counted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from jobs.errors import Problem
from jobs.parsing.letters import storable
from jobs.parsing.records import Place
from jobs.parsing.tables.rows import Fault, Row
from jobs.parsing.tables.table import Table
from jobs.parsing.text import control_character

_SHOWN = 120
"""Characters of the first fault in the warning."""


class GoodRows:
    """The rows of a table that can be read. Iterate once.

    Iterating raises InvalidInput at the first bad row. With `skip`, it raises only if no row is good. `read` are the
    places of the columns that are read: control characters elsewhere do no harm.
    """

    def __init__(self, table: Table, rows: Iterable[Row | Fault], read: Sequence[int], *, skip: bool) -> None:
        self._table = table
        self._rows = rows
        self._read = read
        self._skip = skip
        self._first: Fault | None = None
        self._total = self._bad = 0

    def __iter__(self) -> Iterator[Row]:
        for row in self._rows:
            self._total += 1
            fault = row if isinstance(row, Fault) else self._controls(row)
            if fault is not None:
                self.leave_out(fault)
            elif isinstance(row, Row):
                yield row
        if self._first is not None and self._bad == self._total:
            raise self._table.refusal(self._first)

    def leave_out(self, fault: Fault) -> None:
        """Count a row that is bad. Raises InvalidInput unless bad rows are skipped."""
        if self._total == 1 and fault.code == "bad_number":
            more = "If this is a second line of the header, remove it, or leave it out (on_invalid=skip)."
            fault = fault._replace(remedy=f"{fault.remedy} {more}")
        if not self._skip:
            raise self._table.refusal(fault)
        self._bad += 1
        self._first = self._first or fault

    def warning(self) -> Problem | None:
        """Return the warning `bad_rows` if any was left out; complete after the last row."""
        if self._first is None:
            return None
        rows, verb = "row" if self._total == 1 else "rows", "is" if self._bad == 1 else "are"
        first = self._first.problem(Place()).message[:_SHOWN]
        what = f"{self._bad:,} of {self._total:,} {rows} cannot be read and {verb} left out (first: {first})"
        return Problem("bad_rows", what, self._first.remedy, line=self._first.line)

    def _controls(self, row: Row) -> Fault | None:
        cells = row.cells
        if control_character(" ".join(cells).replace("\n", " ")) is None:
            return None
        for at in self._read:
            if found := control_character(cells[at].replace("\n", " ")):
                column = storable(self._table.columns[at])[:60]
                what = f"there is a control character ({found[1]}) in the column {column}"
                return Fault(row.line, what, "Remove it.", cells, code="control_character", character=found[1])
        return None
