"""The arrays that an action stores of each item. Names in files, CSV cells, sizes and estimates follow from them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from e1protocol import CANONICAL, MASK

FLOAT, DOUBLE = "<f4", "<f8"
SPREAD, SINGLE = "_sd", "_by"
"""Endings of kinds: the spread over contexts, and the values under each context, side by side."""


@dataclass(frozen=True, slots=True)
class Column:
    """One array of every succeeded item: `name` in files, (`kind`, `layer`) in the database.

    An item has one row of `width` numbers. If `rows` is set, it has up to `rows(sequence)` of them, and the column is
    ragged. `scalar` marks a single number, which files store without a second axis. `letters` marks rows with a number
    for each canonical residue, whose order files then state in `vocab_tokens`.
    """

    name: str
    kind: str
    layer: int = -1
    dtype: str = FLOAT
    width: int = 1
    rows: Callable[[str], int] | None = None
    scalar: bool = False
    letters: bool = False

    @property
    def ragged(self) -> bool:
        return self.rows is not None

    @property
    def numpy_dtype(self) -> np.dtype[np.generic]:
        return np.dtype(self.dtype)

    @property
    def cells(self) -> list[str]:
        """The columns of a CSV file for the one row of an item."""
        return [self.name] if self.scalar else [f"{self.name}_{n}" for n in range(self.width)]

    def nbytes(self, sequence: str) -> int:
        """Return the most bytes that the array of one item takes."""
        return (self.rows(sequence) if self.rows else 1) * self.width * self.numpy_dtype.itemsize


def logits_column(dtype: str, rows: Callable[[str], int] = len) -> Column:
    """Return the column of logits, by default with a row for each residue."""
    return Column("logits", "logits", dtype=dtype, width=len(CANONICAL), rows=rows, letters=True)


def number_column(name: str) -> Column:
    """Return the column of one float64 for each item."""
    return Column(name, name, dtype=DOUBLE, scalar=True)


def masks_in(sequence: str) -> int:
    """Return the number of masked residues."""
    return sequence.count(MASK)


def result_bytes(columns: Sequence[Column], sequence: str) -> int:
    """Return the most bytes that the results of one item take in the database."""
    return sum(column.nbytes(sequence) for column in columns)
