"""Workbooks for tests: by openpyxl, as programs write them, and by hand, as no program does."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping, Sequence
from typing import Any
from xml.sax.saxutils import escape

import openpyxl

RELATED = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"


def written(rows: Sequence[Sequence[Any]], *, name: str = "Sheet1", **others: Sequence[Sequence[Any]]) -> bytes:
    """Return a workbook with these rows in its first sheet, and sheets with the other rows behind it."""
    book = openpyxl.Workbook()
    for title, cells in {name: rows, **others}.items():
        sheet = book.create_sheet(title)
        for row in cells:
            sheet.append(list(row))
    book.remove(book.worksheets[0])
    return saved(book)


def saved(book: openpyxl.Workbook) -> bytes:
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def relations(**targets: str) -> str:
    links = "".join(
        f'<Relationship Id="{kind}" Type="{RELATED}/{kind}" Target="{target}"/>' for kind, target in targets.items()
    )
    return f"<Relationships>{links}</Relationships>"


def by_hand(sheet: str, parts: Mapping[str, str] | None = None, *, texts: Sequence[str] = ()) -> bytes:
    """Return a workbook whose only sheet has this XML inside `sheetData`; `parts` replace or add parts."""
    shared = "".join(f"<si>{text if text.startswith('<') else f'<t>{escape(text)}</t>'}</si>" for text in texts)
    parts = {
        "_rels/.rels": relations(officeDocument="xl/workbook.xml"),
        "xl/workbook.xml": f'<workbook xmlns="{MAIN}" xmlns:r="{RELATED}"><sheets>'
        '<sheet name="S" sheetId="1" r:id="worksheet"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": relations(worksheet="worksheets/sheet1.xml", sharedStrings="sharedStrings.xml"),
        "xl/sharedStrings.xml": f'<sst xmlns="{MAIN}">{shared}</sst>',
        "xl/worksheets/sheet1.xml": f'<worksheet xmlns="{MAIN}"><sheetData>{sheet}</sheetData></worksheet>',
    } | dict(parts or {})
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for part, text in parts.items():
            archive.writestr(part, text)
    return file.getvalue()


def row(number: int, *cells: str) -> str:
    """Return a row of XML. A cell is its text, or its XML."""
    made = "".join(
        cell if cell.startswith("<c") else f'<c t="inlineStr"><is><t>{escape(cell)}</t></is></c>' for cell in cells
    )
    return f'<row r="{number}">{made}</row>'
