"""The tables of a job, for CSV and XLSX: which columns share one, and the rows of each item.

Arrays with one row an item are one table, with a row for each item. Ragged arrays have a row for each row of their
layout, such as a residue or a substitution. Memory holds the arrays of one item and about SLICE of its cells.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, NamedTuple

import numpy as np
import orjson

from e1protocol import CANONICAL
from jobs.actions.base import Array
from jobs.actions.columns import Column, keys_in
from jobs.actions.item_keys import Cells, ItemKeys
from jobs.actions.layouts import Keys, Layout
from jobs.errors import InvalidInput
from jobs.limits import SHOWN_NAME
from jobs.science.logits import log_softmax

Problem = Mapping[str, Any]
"""Code and message of an item without a result."""
SLICE = 32_768
"""Numbers that are turned into text at a time."""


class ItemRows(NamedTuple):
    """The rows of one item: cells that all of them begin and end with, and between them keys and numbers of each row.

    Numbers are decimals with commas between them; an empty one is missing. Each is the shortest text that reads back
    to the same number of its type.
    """

    start: tuple[int | str, ...]
    rows: Iterable[tuple[Keys, bytes]]
    end: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """Columns of a job with the same rows. `places` are their places among all columns of the job."""

    name: str
    layout: Layout | None
    columns: tuple[Column, ...]
    places: tuple[int, ...]

    @property
    def each(self) -> str:
        """What a row is, in words."""
        return self.layout.each if self.layout else "item"

    @property
    def item_keys(self) -> ItemKeys | None:
        """What names an item beside its index and name, in a table with a row for each item."""
        return None if self.layout else keys_in(self.columns)

    @property
    def needs_sequences(self) -> bool:
        """Whether `item` reads the sequence."""
        return self.layout is not None or self.item_keys is not None

    @property
    def numbers(self) -> list[str]:
        """The titles of the numbers."""
        return [cell for column in self.columns if not column.position for cell in column.cells]

    @property
    def heads(self) -> list[str]:
        """The titles of all columns."""
        if self.layout is None:
            return ["index", "name", "state", "error", *(self.item_keys.heads if self.item_keys else ()), *self.numbers]
        return ["index", "name", *self.layout.heads, *self.numbers, "error"]

    def shown(self, rows: int) -> int:
        """Return the rows of the table for an item with arrays of `rows` rows."""
        return self.layout.shown(rows) if self.layout else rows

    def most(self, sequence: str) -> int:
        """Return the most rows of the table for an item."""
        return self.layout.shown(self.layout.most(sequence)) if self.layout else 1

    def item(
        self,
        index: int,
        name: str,
        state: str,
        *,
        sequence: str = "",
        arrays: Sequence[Array] = (),
        error: Problem | None = None,
    ) -> ItemRows:
        """Return the rows of an item with these arrays of the table's columns; one row if it has an error instead."""
        reason = f"{error['code']}: {error['message']}" if error else ""
        nothing = b"," * (len(self.numbers) - 1)
        if self.layout is None:
            numbers = nothing if error else b",".join(chain.from_iterable(map(number_lines, arrays)))
            return ItemRows((index, name, state, reason, *self._item_cells(sequence, error)), [((), numbers)], ())
        keys: Keys = ("",) * len(self.layout.heads)
        rows = [(keys, nothing)] if error else self._rows(self.layout, sequence, arrays)
        return ItemRows((index, name), rows, (reason,))

    def _item_cells(self, sequence: str, error: Problem | None) -> Cells:
        if self.item_keys is None:
            return ()
        return ("",) * len(self.item_keys.heads) if error else self.item_keys.cells(sequence)

    def _rows(self, layout: Layout, sequence: str, arrays: Sequence[Array]) -> Iterator[tuple[Keys, bytes]]:
        stored = [array[:, 0] for column, array in zip(self.columns, arrays, strict=True) if column.position]
        positions = stored[0].astype(int).tolist() if stored else layout.positions(sequence)
        counted = [(c, array) for c, array in zip(self.columns, arrays, strict=True) if not c.position]
        order = layout.order(len(arrays[0]), arrays[0])
        step = max(1, SLICE // sum(column.width for column, _ in counted))
        for start in range(0, len(order), step):
            part = order[start : start + step]
            keys = layout.keys(sequence, positions, part.tolist())
            if layout.by_letter:
                keys = [layout.letter_keys(row, letter) for row in keys for letter in CANONICAL]
            lines = [lines for column, array in counted for lines in _lines(column, array[part])]
            yield from zip(keys, lines[0] if len(lines) == 1 else map(b",".join, zip(*lines, strict=True)), strict=True)


def tables_of(columns: Sequence[Column]) -> tuple[Table, ...]:
    """Return the tables of a job with these columns, each called after the kind of its first array."""
    members: dict[Layout | None, list[int]] = {}
    for place, column in enumerate(columns):
        members.setdefault(column.rows, []).append(place)
    return tuple(
        Table(columns[places[0]].kind, layout, tuple(columns[place] for place in places), tuple(places))
        for layout, places in members.items()
    )


def chosen_tables(columns: Sequence[Column], name: str = "") -> tuple[Table, ...]:
    """Return the table of this name, or all of a job with these columns. Raises InvalidInput `unknown_table`."""
    tables = tables_of(columns)
    found = tuple(table for table in tables if not name or table.name == name)
    if not found:
        choice = f"Choose from {', '.join(table.name for table in tables)}."
        raise InvalidInput.one(
            "unknown_table", f"these results have no table {name[:SHOWN_NAME]!r}", choice, path="table"
        )
    return found


def only_table(tables: Sequence[Table]) -> Table:
    """Return the one table that a CSV file holds. Raises InvalidInput `several_tables` if there are more."""
    if len(tables) == 1:
        return tables[0]
    listed = ", ".join(f"{table.name} (a row for each {table.each})" for table in tables)
    what = f"these results are {len(tables)} tables, and a CSV file holds one: {listed}"
    remedy = f"Choose a table, such as {tables[0].name}; or take xlsx, which has each of them as a sheet."
    raise InvalidInput.one("several_tables", what, remedy, path="table")


def _lines(column: Column, array: Array) -> Iterator[list[bytes]]:
    """Yield the numbers of each row of a table, of these rows of an array, in parts to be joined by commas."""
    if not (column.rows and column.rows.by_letter):
        yield number_lines(array)
        return
    letters = len(CANONICAL)
    by_letter = array.reshape(len(array), -1, letters).transpose(0, 2, 1)  # [rows, letters, contexts]
    yield number_lines(by_letter.reshape(len(array) * letters, -1))
    if column.probabilities:
        shares = np.exp(log_softmax(array)).astype(np.float32)
        yield number_lines(shares.reshape(-1, 1))


def number_lines(array: Array) -> list[bytes]:
    """Return each row of an array [rows, width] as decimals with commas between them.

    Each number has the shortest decimals that read back to it. One that is not finite is empty.
    """
    if not len(array):
        return []
    dumped = orjson.dumps(np.ascontiguousarray(array), option=orjson.OPT_SERIALIZE_NUMPY)
    return dumped[2:-2].replace(b"null", b"").split(b"],[")
