"""The lines of JSONL and CSV files: one item each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from jobs.actions.base import Array
from jobs.actions.columns import Column
from jobs.files.pieces import text_cell

Problem = Mapping[str, Any]
"""Code and message of an item without a result."""


def json_line(index: int, name: str, state: str, **rest: Any) -> bytes:
    """Return the line of one item in JSON; `rest` is its result or its error."""
    line = {"index": index, "name": name, "state": state, **rest}
    return orjson.dumps(line, option=orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_APPEND_NEWLINE)


def csv_head(columns: Sequence[Column]) -> bytes:
    """Return the header of CSV."""
    cells = [cell for column in columns for cell in column.cells]
    return ",".join(["index", "name", "state", "error", *cells]).encode() + b"\n"


def csv_line(
    columns: Sequence[Column], index: int, name: str, state: str, *, arrays: Sequence[Array], error: Problem | None
) -> bytes:
    """Return the line of one item in CSV: its numbers, or its error and empty cells."""
    reason = f"{error['code']}: {error['message']}" if error else ""
    start = f"{index},{text_cell(name)},{state},{text_cell(reason)}".encode()
    if error:
        return start + b"," * sum(column.width for column in columns) + b"\n"
    return start + b"".join(b"," + number_cells(array) for array in arrays) + b"\n"


def number_cells(array: Array) -> bytes:
    """Return the row of an array [1, width] as cells of CSV.

    Each number has the shortest decimals that read back to it. Numbers that are not finite are empty cells.
    """
    return orjson.dumps(array[0], option=orjson.OPT_SERIALIZE_NUMPY)[1:-1].replace(b"null", b"")
