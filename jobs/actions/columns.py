"""The arrays that an action stores of each item. Names in files, CSV cells, sizes and estimates follow from them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from e1protocol import CANONICAL
from jobs.actions.item_keys import ItemKeys
from jobs.actions.layouts import LETTERS, Layout

FLOAT, DOUBLE = "<f4", "<f8"
SPREAD, SINGLE = "_sd", "_by"
"""Endings of kinds: the spread over contexts, and the values under each context, side by side."""


@dataclass(frozen=True, slots=True)
class Column:
    """One array of every succeeded item: `name` in files, (`kind`, `layer`) in the database.

    An item has one row of `width` numbers. If `rows` is set, it has several, the column is ragged, and the layout says
    what they are. `scalar` marks a single number, which files store without a second axis. `letters` marks rows with a
    number for each canonical residue, whose order files then state in `vocab_tokens`. `keys` name an item beside its
    name; one column of an action has them.

    The others are about tables (CSV, XLSX) of a ragged column. `cell` is the title of one number, if it differs from
    `name`. `probabilities` adds the softmax over the canonical residues of each row. `position` marks the 1-based
    positions of the rows, which tables have among the keys.
    """

    name: str
    kind: str
    layer: int = -1
    dtype: str = FLOAT
    width: int = 1
    rows: Layout | None = None
    scalar: bool = False
    letters: bool = False
    cell: str = ""
    probabilities: bool = False
    position: bool = False
    keys: ItemKeys | None = None

    @property
    def ragged(self) -> bool:
        return self.rows is not None

    @property
    def numpy_dtype(self) -> np.dtype[np.generic]:
        return np.dtype(self.dtype)

    @property
    def itemsize(self) -> int:
        """Bytes of one number."""
        return self.numpy_dtype.itemsize

    @property
    def cells(self) -> list[str]:
        """The titles of the numbers of one row of a table."""
        if self.rows is None:
            return [self.name] if self.scalar else [f"{self.name}_{n}" for n in range(self.width)]
        title, count = self.cell or self.name, self.width // (len(CANONICAL) if self.rows.by_letter else 1)
        titles = [title] if count == 1 else [f"{title}_{n}" for n in range(count)]
        return [*titles, "probability"] if self.probabilities else titles

    def nbytes(self, sequence: str) -> int:
        """Return the most bytes that the array of one item takes."""
        return (self.rows.most(sequence) if self.rows else 1) * self.width * self.itemsize


def logits_column(dtype: str, rows: Layout = LETTERS) -> Column:
    """Return the column of logits, by default with a row for each residue."""
    width = len(CANONICAL)
    return Column("logits", "logits", -1, dtype, width, rows, letters=True, cell="logit", probabilities=True)


def number_column(name: str, keys: ItemKeys | None = None) -> Column:
    """Return the column of one float64 for each item."""
    return Column(name, name, dtype=DOUBLE, scalar=True, keys=keys)


def keys_in(columns: Sequence[Column]) -> ItemKeys | None:
    """Return what names the items of a job with these columns, beside index and name."""
    return next((column.keys for column in columns if column.keys is not None), None)


def result_bytes(columns: Sequence[Column], sequence: str) -> int:
    """Return the most bytes that the results of one item take in the database."""
    return sum(column.nbytes(sequence) for column in columns)
