"""The numbers of residues beside an array of positions, as text: the array `numbers` of scans."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from jobs.actions.columns import Column
from jobs.actions.layouts import Substitutions
from jobs.science.variants.numbering import Numbering

NAME = "numbers"


@dataclass(frozen=True, slots=True)
class Labels:
    """The labels of the positions in `column`, which is at `place` among the columns of a file."""

    place: int
    column: Column
    numbering: Numbering

    @classmethod
    def of(cls, columns: Sequence[Column]) -> Self | None:
        """Return the labels of a file with these columns, or None if none has positions."""
        for place, column in enumerate(columns):
            if column.position and isinstance(column.rows, Substitutions):
                return cls(place, column, column.rows.numbering)
        return None

    @property
    def dtype(self) -> np.dtype[np.str_]:
        """The type of text that is as wide as the longest label."""
        return np.dtype(f"<U{self.numbering.width}")

    def texts(self, positions: NDArray[Any]) -> list[str]:
        """Return the labels of positions of any shape, in their order."""
        return [str(self.numbering.label(int(position))) for position in positions.ravel().tolist()]

    def packed(self, stored: bytes) -> bytes:
        """Return the labels of positions that are packed as the column stores them."""
        return np.array(self.texts(np.frombuffer(stored, self.column.numpy_dtype)), dtype=self.dtype).tobytes()
