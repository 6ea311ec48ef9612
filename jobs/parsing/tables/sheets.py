"""The rows of a sheet of a workbook (`jobs.parsing.workbooks`) as those of a table."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain, islice

from jobs.errors import InvalidInput, Problem
from jobs.limits import MAX_WORKBOOK_BYTES
from jobs.parsing.letters import storable
from jobs.parsing.tables.dialect import MAX_TITLES, Known, titles
from jobs.parsing.tables.rows import Fault, Row
from jobs.parsing.workbooks.book import Book, Sheet, read_book
from jobs.parsing.workbooks.package import Package
from jobs.parsing.workbooks.sheet import Seen, sheet_rows
from jobs.parsing.workbooks.texts import SharedTexts


class SheetRows:
    """The rows of one sheet, as wide as its header. Cells beside the table are left out and counted.

    `blocks` are those of the workbook, `sheet` the name of a sheet or "" for the first. Errors have `path`, or
    `sheet_path` if they are about the name of the sheet.
    """

    comma = False

    def __init__(
        self,
        blocks: Iterable[bytes],
        known: Known,
        *,
        sheet: str = "",
        path: str | None = None,
        sheet_path: str | None = "sheet",
        most: int = MAX_WORKBOOK_BYTES,
    ) -> None:
        package = Package(blocks, most)
        try:
            self._book = read_book(package)
            self._sheet = self._book.choose(sheet, path=sheet_path)
            self._named = bool(sheet.strip())
        except BaseException:
            package.close()
            raise
        self._known = known
        self._path = path
        self._seen = Seen()
        self._rows = _rows(package, self._book, self._sheet, self._seen)
        self._width = 0
        self._beside = 0
        self.comments = self.titles = 0

    def header(self) -> Row | None:
        """Return the first row that is no comment. Raises InvalidInput `empty_file` for a sheet without one."""
        comment: Row | None = None
        for number, cells in self._rows:
            row = Row(number, cells)
            if _is_comment(cells):
                comment = row
                self.comments += 1
                continue
            if comment and (named := self._named_by(comment, row)):
                self._rows = chain([(number, cells)], self._rows)
                row = named
                self.comments -= 1
            else:
                row = self._below_titles(row)
            self._width = len(row.cells)
            return row
        what = f"The sheet {storable(self._sheet.name)} of the workbook holds no table"
        raise InvalidInput.one("empty_file", what, f"Fill it, and send it again.{self.elsewhere}", path=self._path)

    @property
    def elsewhere(self) -> str:
        """A sentence with the other sheets, "" if there are none."""
        others = [one.name for one in self._book.sheets if one is not self._sheet]
        return f" Or choose another sheet: {storable(', '.join(others[:10]))[:200]}." if others else ""

    def _below_titles(self, row: Row) -> Row:
        """Return the first row that is no title. `row` is the first of all."""
        ahead = [row, *(Row(number, cells) for number, cells in islice(self._rows, MAX_TITLES))]
        self.titles = titles([one.cells for one in ahead], self._known)
        self._rows = chain(((one.line, one.cells) for one in ahead[self.titles + 1 :]), self._rows)
        return ahead[self.titles]

    def _named_by(self, comment: Row, row: Row) -> Row | None:
        """Return the comment as a header if it has a known name, is as wide as the row, and the row has none."""
        names = [comment.cells[0].lstrip("# "), *comment.cells[1:]]
        if len(names) == len(row.cells) and self._known(names) and not self._known(row.cells):
            return Row(comment.line, names)
        return None

    def __iter__(self) -> Iterator[Row | Fault]:
        width = self._width
        for number, cells in self._rows:
            if len(cells) < width:
                if len(cells) == 1 and cells[0].startswith(("# ", "##")):  # A name such as #1 is none.
                    self.comments += 1
                    continue
                cells += [""] * (width - len(cells))  # noqa: PLW2901  the same row
            elif len(cells) > width:
                self._beside += 1
                del cells[width:]
                if not any(cells):
                    continue
            yield Row(number, cells)

    def warnings(self) -> list[Problem]:
        warnings = []
        visible = [sheet for sheet in self._book.sheets if sheet.visible]
        if len(visible) > 1 and not self._named:
            what = f"The workbook has {len(visible)} sheets, and {storable(self._sheet.name)} was read"
            remedy = "Nothing, if that is the right one; otherwise make the right one the first, or name it."
            warnings.append(Problem("other_sheets", what, remedy))
        if count := self._seen.dates:
            cells = "cell is a date and was" if count == 1 else "cells are dates and were"
            what = f"{count:,} {cells} read as such, for instance {self._seen.first_date}"
            warnings.append(Problem("dates_in_cells", what, "Spreadsheets turn names such as SEPT2 into dates: check."))
        if count := self._seen.hidden:
            rows = "row is hidden and was" if count == 1 else "rows are hidden and were"
            warnings.append(Problem("hidden_rows", f"{count:,} {rows} read", "Delete what should not be read."))
        if count := self._beside:
            rows = "row has" if count == 1 else "rows have"
            what = f"{count:,} {rows} cells beside the table, which are left out"
            warnings.append(Problem("cells_beside", what, "Write a name above them to have them read."))
        return warnings


def _rows(package: Package, book: Book, sheet: Sheet, seen: Seen) -> Iterator[tuple[int, list[str]]]:
    texts = None
    try:
        if book.texts is not None and book.texts in package:
            texts = SharedTexts(package.blocks(book.texts))
        yield from sheet_rows(package.blocks(sheet.part), texts, book.dates, seen, from_1904=book.from_1904)
    finally:
        if texts is not None:
            texts.close()
        package.close()


def _is_comment(cells: list[str]) -> bool:
    return next((cell for cell in cells if cell), "").lstrip().startswith("#")
