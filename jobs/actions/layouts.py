"""What the rows of an item's array are, and the cells that name each of them in a table (docs/results.md).

`Column.rows` is the layout of an array. Columns of equal layout share a table (`jobs.files.tables`).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from math import isqrt
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from e1protocol import CANONICAL, MASK
from jobs.science.variants.numbering import SEQUENTIAL, Numbering

Keys = tuple[int | str, ...]
"""Cells that name one row: whole numbers, and text of plain letters and digits."""
Order = NDArray[np.intp]
Numbers = NDArray[np.floating[Any]]


class Layout(ABC):
    """What the rows of an array are.

    `heads` are the titles of the keys, `each` says what a row of a table is. `per` is what the preview in the browser
    counts, "" if it cannot. If `by_letter`, each row of the array has numbers for every canonical residue, and a
    table has a row for each of them.
    """

    heads: ClassVar[tuple[str, ...]]
    each: ClassVar[str]
    per: ClassVar[str] = ""
    by_letter: ClassVar[bool] = False

    @abstractmethod
    def most(self, sequence: str) -> int:
        """Return the most rows that the array of an item has."""

    def shown(self, rows: int) -> int:
        """Return the rows of a table for an array of `rows` rows."""
        return rows * len(CANONICAL) if self.by_letter else rows

    def order(self, rows: int, first: Numbers) -> Order:
        """Return which rows of the array a table shows, in its order. `first` is the first array of the table."""
        return np.arange(rows)

    def positions(self, sequence: str) -> Sequence[int]:
        """Return the 1-based positions of the rows, if no stored array has them."""
        return range(1, len(sequence) + 1)

    @abstractmethod
    def keys(self, sequence: str, positions: Sequence[int], rows: Sequence[int]) -> list[Keys]:
        """Return the keys of these rows of the array. `positions` are those of all rows."""

    def letter_keys(self, row: Keys, letter: str) -> Keys:
        """Return the keys of one canonical residue in a row with these keys."""
        return (*row, letter)


class Residues(Layout):
    """A row for each residue."""

    heads: ClassVar[tuple[str, ...]] = ("position", "residue")
    each = "residue"
    per = "residue"

    def most(self, sequence: str) -> int:
        return len(sequence)

    def keys(self, sequence: str, positions: Sequence[int], rows: Sequence[int]) -> list[Keys]:
        return [(positions[row], sequence[positions[row] - 1]) for row in rows]


class Letters(Residues):
    """A row for each residue, with a number for each canonical one."""

    heads = ("position", "wild_type", "residue")
    each = "amino acid at a position"
    by_letter = True


class MaskedLetters(Letters):
    """A row for each `?`, with a number for each canonical residue."""

    per = "mask"

    def most(self, sequence: str) -> int:
        return sequence.count(MASK)

    def positions(self, sequence: str) -> Sequence[int]:
        return [place for place, letter in enumerate(sequence, start=1) if letter == MASK]


@dataclass(frozen=True, slots=True)
class Substitutions(Layout):
    """A row for each of the `chosen` positions, or for each canonical residue if that is None.

    An array stores the positions, because a sequence alone doesn't tell them. Codes have the labels of the `numbering`.
    """

    chosen: int | None = None
    numbering: Numbering = SEQUENTIAL

    heads = ("position", "number", "wild_type", "mutant", "variant")
    each = "substitution"
    by_letter = True

    def most(self, sequence: str) -> int:
        return len(sequence) if self.chosen is None else self.chosen

    def keys(self, sequence: str, positions: Sequence[int], rows: Sequence[int]) -> list[Keys]:
        labels = [(positions[row], self.numbering.label(positions[row])) for row in rows]
        return [(at, str(label) if label.letter else label.number, sequence[at - 1]) for at, label in labels]

    def letter_keys(self, row: Keys, letter: str) -> Keys:
        _, number, wild_type = row
        return (*row, letter, f"{wild_type}{number}{letter}")


class Pairs(Layout):
    """A row for each ordered pair of residues. Tables show each pair once, best first: the map is symmetric."""

    heads = ("first", "second", "first_residue", "second_residue", "separation")
    each = "pair of residues"

    def most(self, sequence: str) -> int:
        return len(sequence) ** 2

    def shown(self, rows: int) -> int:
        return (rows - isqrt(rows)) // 2

    def order(self, rows: int, first: Numbers) -> Order:
        length = isqrt(rows)
        i, j = np.triu_indices(length, k=1)
        flat = i * length + j
        return np.asarray(flat[np.argsort(-first[flat, 0], kind="stable")])

    def keys(self, sequence: str, positions: Sequence[int], rows: Sequence[int]) -> list[Keys]:
        pairs = (divmod(row, len(sequence)) for row in rows)
        return [(i + 1, j + 1, sequence[i], sequence[j], j - i) for i, j in pairs]


RESIDUES, LETTERS, MASKED_LETTERS, PAIRS = Residues(), Letters(), MaskedLetters(), Pairs()
