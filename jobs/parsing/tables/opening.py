"""From an upload to its table: separated text, or a sheet of a workbook."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from jobs.limits import MAX_UPLOAD_BYTES, MAX_WORKBOOK_BYTES
from jobs.parsing.kinds import Entrance
from jobs.parsing.roles import key, known
from jobs.parsing.tables.dialect import Known
from jobs.parsing.tables.rows import LineSource, TextRows
from jobs.parsing.tables.sheets import SheetRows
from jobs.parsing.tables.table import Table
from jobs.parsing.text import Lines
from jobs.parsing.upload import Readable, Upload

WORKBOOK_TIMES = 4
"""Bytes of a workbook, unpacked, that are allowed for each byte of text: cells of XML take more than their text."""


def open_table(
    stream: Readable,
    *,
    entrance: Entrance = "columns",
    filename: str = "",
    max_bytes: int = MAX_UPLOAD_BYTES,
    path: str | None = None,
    wanted: Sequence[str] = (),
    sheet: str = "",
) -> Table:
    """Return the table in an upload: text, packed or not, or a workbook.

    `wanted` are names of columns that the user has chosen, and `path` is the field of the upload. Raises InvalidInput
    if `entrance` refuses files of this kind, `empty_file`, and the errors of `jobs.parsing.upload`.
    """
    upload = Upload(stream, filename=filename, max_bytes=max_bytes)
    reader = upload.reader(entrance, path=path)
    if reader == "xlsx":
        most = min(MAX_WORKBOOK_BYTES, WORKBOOK_TIMES * max_bytes)
        return workbook_table(upload, sheet=sheet, path=path, wanted=wanted, most=most)
    return Table(TextRows(Lines(upload, controls=True), _known(wanted), path), path, said=upload.warnings)


def text_table(lines: LineSource, *, path: str | None = None, wanted: Sequence[str] = ()) -> Table:
    """Return the table in numbered lines of text. Raises InvalidInput `empty_file`, `bad_csv`, `row_too_long`."""
    return Table(TextRows(lines, _known(wanted), path), path)


def workbook_table(
    blocks: Iterable[bytes],
    *,
    sheet: str = "",
    path: str | None = None,
    wanted: Sequence[str] = (),
    most: int = MAX_WORKBOOK_BYTES,
) -> Table:
    """Return the table in a workbook, whose bytes come in blocks: the first sheet that is visible, or the one named.

    Raises InvalidInput and TooLarge as `jobs.parsing.workbooks` does; `most` bounds its bytes once unpacked.
    """
    return Table(SheetRows(blocks, _known(wanted), sheet=sheet, path=path, most=most), path)


def _known(wanted: Sequence[str]) -> Known:
    """Return the count of names that have a role, or that the user has chosen."""
    said = {key(name) for name in wanted if name}
    return lambda names: known(names) + sum(key(name) in said for name in names)
