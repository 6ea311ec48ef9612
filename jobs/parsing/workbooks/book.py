"""What a workbook says about its sheets: their names and parts, and which cell styles are dates."""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass

from jobs.errors import InvalidInput
from jobs.limits import MAX_WORKBOOK_PARTS
from jobs.parsing.letters import storable
from jobs.parsing.workbooks.package import Package, damaged, too_large
from jobs.parsing.workbooks.xml import elements

_SHOWN = 10
_MAX_STYLES = 100_000  # Excel has at most 65,490

# Numbers of the formats that every workbook has: dates and times, also those of East Asian versions.
_DATES = {*range(14, 23), *range(27, 37), 45, 47, *range(50, 59)}
_LITERAL = re.compile(r'"[^"]*"|\\.|_.|\*.|\[(?![hms]+\])[^\]]*\]', re.IGNORECASE)
_DATE_LETTERS = re.compile(r"[ymdhs]", re.IGNORECASE)
_NUMBER_FORMS = re.compile(r"general|[0#?]e[+-]", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Sheet:
    """A sheet of cells, and its part."""

    name: str
    part: str
    visible: bool


@dataclass(frozen=True, slots=True)
class Book:
    """The sheets in the order of their tabs, the styles that are dates, and whether dates count from 1904."""

    sheets: tuple[Sheet, ...]
    dates: frozenset[int]
    from_1904: bool
    texts: str | None
    """The part of the texts that cells share."""

    def choose(self, name: str, *, path: str | None = None) -> Sheet:
        """Return the sheet with this name, or the first that is visible. Raises InvalidInput `no_such_sheet`."""
        wanted = name.strip()
        if not wanted:
            return next((sheet for sheet in self.sheets if sheet.visible), self.sheets[0])
        for same in (lambda one: one.name == wanted, lambda one: one.name.casefold() == wanted.casefold()):
            if found := next(filter(same, self.sheets), None):
                return found
        what = f"the workbook has no sheet named {storable(wanted)[:60]}; its sheets are: {self.listed()}"
        raise InvalidInput.one("no_such_sheet", what, "Choose one of them.", path=path)

    def listed(self) -> str:
        """Return the names of the first sheets, for a message."""
        more = ", ..." if len(self.sheets) > _SHOWN else ""
        return storable(", ".join(sheet.name for sheet in self.sheets[:_SHOWN]))[:200] + more


def read_book(package: Package) -> Book:
    """Return what the workbook says about itself. Raises InvalidInput `bad_workbook`."""
    main = next((part for kind, part in _related(package, "").values() if kind == "officedocument"), "xl/workbook.xml")
    if main not in package:
        raise damaged("it has no workbook inside")
    related = _related(package, main)
    sheets: list[Sheet] = []
    from_1904 = False
    for name, attributes in elements(package.blocks(main)):
        if name == "workbookPr":
            from_1904 = attributes.get("date1904", "0") in ("1", "true")
        elif name == "sheet":
            kind, part = related.get(attributes.get("id", ""), ("", ""))
            if kind == "worksheet" and part in package:
                visible = attributes.get("state", "visible") == "visible"
                sheets.append(Sheet(attributes.get("name", ""), part, visible))
    if not sheets:
        raise damaged("it has no sheet of cells")
    parts = dict(related.values())
    return Book(tuple(sheets), _date_styles(package, parts.get("styles", "")), from_1904, parts.get("sharedstrings"))


def _related(package: Package, part: str) -> dict[str, tuple[str, str]]:
    """Return the parts to which a part refers, by their ids: the last word of the kind in lower case, and the name."""
    folder, name = posixpath.split(part)
    found: dict[str, tuple[str, str]] = {}
    for element, attributes in elements(package.blocks(posixpath.join(folder, "_rels", f"{name}.rels"))):
        if element == "Relationship" and attributes.get("TargetMode") != "External":
            target = posixpath.normpath(posixpath.join("/", folder, attributes.get("Target", ""))).lstrip("/")
            found[attributes.get("Id", "")] = (attributes.get("Type", "").rpartition("/")[2].lower(), target)
            if len(found) > MAX_WORKBOOK_PARTS:
                raise too_large(f"refers to more than {MAX_WORKBOOK_PARTS:,} parts")
    return found


def _date_styles(package: Package, part: str) -> frozenset[int]:
    """Return the styles of cells whose numbers are dates or times."""
    formats: dict[int, bool] = {}
    dates: set[int] = set()
    style, of_cells = 0, False
    for name, attributes in elements(package.blocks(part)):
        if name == "numFmt" and len(formats) < _MAX_STYLES:
            formats[_number(attributes.get("numFmtId"))] = is_date_format(attributes.get("formatCode", ""))
        elif name in ("cellXfs", "cellStyleXfs", "cellStyles", "dxfs"):
            of_cells = name == "cellXfs"
        elif name == "xf" and of_cells:
            number = _number(attributes.get("numFmtId"))
            if formats.get(number, number in _DATES):
                dates.add(style)
            style += 1
            if style > _MAX_STYLES:
                raise too_large(f"has more than {_MAX_STYLES:,} styles")
    return frozenset(dates)


def is_date_format(code: str) -> bool:
    """Return whether a number format shows a date or a time of day. Elapsed hours, `[h]:mm`, are numbers."""
    shown = _LITERAL.sub("", code.partition(";")[0])
    return not _NUMBER_FORMS.search(shown) and "[" not in shown and _DATE_LETTERS.search(shown) is not None


def _number(text: str | None) -> int:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 10 else 0
