"""XLSX, written while it is sent: a workbook of tables, with a bold header that stays in view (docs/adr/0010).

Only the parts that a spreadsheet needs are written. Texts are inline cells of type text, so a spreadsheet never runs,
rounds or converts a name. Numbers are written as decimals that read back to the same number.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any
from xml.sax.saxutils import escape, quoteattr

import orjson

from jobs.files.pieces import in_blocks, zip_blocks
from jobs.files.tables import ItemRows, Table

MAX_ROWS = 1_048_576
MAX_COLUMNS = 16_384
MAX_TEXT = 32_767
"""UTF-16 units of a cell. These three are limits of Excel."""
MAX_CELLS = 20_000_000
"""Cells of a sheet: a full one of 19 columns. Programs take minutes for it, and its XML stays below MAX_BYTES."""
MAX_BYTES = 2**31 - 1
"""Bytes of a sheet's XML. A larger one needs ZIP64, and Excel offers to repair such a workbook."""

_HEAD = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml"
_FACE = '<sz val="11"/><name val="Calibri"/>'
_STYLES = (
    f'{_HEAD}<styleSheet xmlns="{_MAIN}"><fonts count="2"><font>{_FACE}</font><font><b/>{_FACE}</font></fonts>'
    '<fills count="2"><fill><patternFill patternType="none"/></fill><fill><patternFill patternType="gray125"/></fill>'
    '</fills><borders count="1"><border/></borders><cellStyleXfs count="1"><xf/></cellStyleXfs><cellXfs count="3"><xf/>'
    '<xf fontId="1" applyFont="1"/><xf numFmtId="49" applyNumberFormat="1"/></cellXfs>'
    '<cellStyles count="1"><cellStyle name="Normal" xfId="0" builtinId="0"/></cellStyles></styleSheet>'
)
"""Style 1 is bold. Style 2 is the format "text": an edited cell stays text too."""
_FORBIDDEN = re.compile("_(?=x[0-9A-Fa-f]{4}_)|[\x00-\x08\x0b-\x1f\ufffe\uffff]")
"""Characters that XML has no place for, and what a spreadsheet reads as one of them: they are written as _xHHHH_."""


class SheetFull(Exception):
    """A sheet or a cell grew beyond what a spreadsheet opens."""


def workbook_blocks(sheets: Sequence[tuple[str, Iterable[bytes]]]) -> Iterator[bytes]:
    """Yield a workbook with these sheets, each a title of at most 31 letters and its XML.

    Raises SheetFull if a sheet is longer than MAX_BYTES.
    """
    paths = [f"worksheets/sheet{n}.xml" for n, _ in enumerate(sheets, start=1)]
    whole = [(f"xl/{path}", _bounded(in_blocks(xml))) for path, (_, xml) in zip(paths, sheets, strict=True)]
    parts = [(path, [text.encode()]) for path, text in _parts(paths, [title for title, _ in sheets]).items()]
    return zip_blocks([*parts, *whole], deflated=True)


class Sheet:
    """The sheet of a table, row by row."""

    def __init__(self, heads: Sequence[str]) -> None:
        self._heads = heads
        self._left = MAX_ROWS - 1

    def all(self, items: Iterable[ItemRows]) -> Iterator[bytes]:
        """Yield the whole sheet. Raises SheetFull as `rows` does."""
        yield self.head()
        for item in items:
            yield from self.rows(item)
        yield self.end()

    def head(self) -> bytes:
        view = '<pane ySplit="1" topLeftCell="A2" activePane="bottomLeft" state="frozen"/>'
        titles = "".join(f'<c t="inlineStr" s="1"><is><t>{escape(head)}</t></is></c>' for head in self._heads)
        return (
            f'{_HEAD}<worksheet xmlns="{_MAIN}"><sheetViews><sheetView workbookViewId="0">{view}</sheetView>'
            '</sheetViews><cols><col min="2" max="2" width="24" customWidth="1"/></cols>'
            f"<sheetData><row>{titles}</row>"
        ).encode()

    def rows(self, item: ItemRows) -> Iterator[bytes]:
        """Yield the rows of an item. Raises SheetFull for a row or a text beyond the limits of Excel."""
        before, after = _cells(item.start), _cells(item.end)
        for keys, numbers in item.rows:
            if not self._left:
                raise SheetFull(f"a sheet of XLSX holds {MAX_ROWS - 1:,} rows and a header")
            self._left -= 1
            named = "".join([f"<c><v>{key}</v></c>" if isinstance(key, int) else _plain(key) for key in keys])
            cells = [f"<c><v>{number}</v></c>" if number else "<c/>" for number in numbers.decode().split(",")]
            yield f"<row>{before}{named}{''.join(cells)}{after}</row>".encode()

    def end(self) -> bytes:
        return b"</sheetData></worksheet>"


def too_large(table: Table, rows: int) -> str:
    """Return why a sheet cannot hold a table with a header and this many rows, "" if it can."""
    columns = len(table.heads)
    if columns > MAX_COLUMNS:
        return f"the table {table.name} has {columns:,} columns, and a sheet of XLSX holds {MAX_COLUMNS:,}"
    if rows >= MAX_ROWS:
        return f"the table {table.name} has more rows than the {MAX_ROWS - 1:,} that a sheet of XLSX holds"
    if rows * columns > MAX_CELLS:
        return f"the table {table.name} has {rows * columns:,} cells, and a spreadsheet opens about {MAX_CELLS:,}"
    return ""


def facts_sheet(facts: Mapping[str, Any]) -> Iterator[bytes]:
    """Yield a sheet with a name and a value in each row: texts as they are, others as JSON."""
    sheet = Sheet(["about", "value"])
    yield sheet.head()
    for name, value in facts.items():
        text = value if isinstance(value, str) else orjson.dumps(value).decode()
        yield f"<row>{_cells((name, str(text)[: MAX_TEXT // 2]))}</row>".encode()
    yield sheet.end()


def _bounded(pieces: Iterable[bytes]) -> Iterator[bytes]:
    size = 0
    for piece in pieces:
        size += len(piece)
        if size > MAX_BYTES:
            raise SheetFull("the sheet is longer than 2 GiB")
        yield piece


def _cells(cells: Iterable[int | str]) -> str:
    """Return whole numbers, and text of users, as cells."""
    return "".join(f"<c><v>{cell}</v></c>" if isinstance(cell, int) else _text(cell) for cell in cells)


def _plain(text: str) -> str:
    return f'<c t="inlineStr"><is><t>{text}</t></is></c>' if text else "<c/>"


def _text(text: str) -> str:
    if not text:
        return "<c/>"
    if len(text) * 2 > MAX_TEXT and len(text.encode("utf-16-le")) // 2 > MAX_TEXT:
        raise SheetFull(f"a cell holds {MAX_TEXT:,} characters")
    written = escape(_FORBIDDEN.sub(lambda found: f"_x{ord(found[0]):04X}_", text))
    return f'<c t="inlineStr" s="2"><is><t xml:space="preserve">{written}</t></is></c>'


def _parts(paths: Sequence[str], titles: Sequence[str]) -> dict[str, str]:
    """Return what a workbook has beside its sheets: types and relations of its parts, titles and styles."""
    numbered = list(enumerate(zip(paths, titles, strict=True), start=1))
    types = "".join(
        f'<Override PartName="/xl/{path}" ContentType="{_TYPE}.worksheet+xml"/>' for _, (path, _) in numbered
    )
    sheets = "".join(f'<sheet name={quoteattr(title)} sheetId="{n}" r:id="r{n}"/>' for n, (_, title) in numbered)
    relations = "".join(
        f'<Relationship Id="r{n}" Type="{_RELATIONS}/worksheet" Target="{path}"/>' for n, (path, _) in numbered
    )
    return {
        "[Content_Types].xml": f'{_HEAD}<Types xmlns="{_PACKAGE}/content-types">'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Override PartName="/xl/workbook.xml" ContentType="{_TYPE}.sheet.main+xml"/>'
        f'<Override PartName="/xl/styles.xml" ContentType="{_TYPE}.styles+xml"/>{types}</Types>',
        "_rels/.rels": f'{_HEAD}<Relationships xmlns="{_PACKAGE}/relationships">'
        f'<Relationship Id="r1" Type="{_RELATIONS}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'{_HEAD}<workbook xmlns="{_MAIN}" xmlns:r="{_RELATIONS}">'
        f"<sheets>{sheets}</sheets></workbook>",
        "xl/_rels/workbook.xml.rels": f'{_HEAD}<Relationships xmlns="{_PACKAGE}/relationships">{relations}'
        f'<Relationship Id="r0" Type="{_RELATIONS}/styles" Target="styles.xml"/></Relationships>',
        "xl/styles.xml": _STYLES,
    }
