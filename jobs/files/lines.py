"""The lines of JSONL, one an item, and of CSV, one a row of a table (`jobs.files.tables`)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import orjson

from jobs.files.pieces import text_cell
from jobs.files.tables import ItemRows

BOM = b"\xef\xbb\xbf"
"""The mark by which Excel recognises CSV in UTF-8."""


def json_line(index: int, name: str, state: str, **rest: Any) -> bytes:
    """Return the line of one item in JSON; `rest` is its result or its error."""
    line = {"index": index, "name": name, "state": state, **rest}
    return orjson.dumps(line, option=orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_APPEND_NEWLINE)


def csv_head(heads: Iterable[str]) -> bytes:
    """Return the header of CSV."""
    return ",".join(heads).encode() + b"\n"


def csv_lines(item: ItemRows) -> Iterator[bytes]:
    """Yield the lines of one item."""
    start, end = _cells(item.start).encode(), _cells(item.end).encode()
    after = b"," + end + b"\n" if item.end else b"\n"
    for keys, numbers in item.rows:
        yield b"%s,%s%s%s" % (start, "".join([f"{key}," for key in keys]).encode(), numbers, after)


def _cells(cells: Iterable[int | str]) -> str:
    return ",".join(text_cell(cell) if isinstance(cell, str) else str(cell) for cell in cells)
