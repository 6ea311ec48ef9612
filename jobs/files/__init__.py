"""Array formats as files: Parquet and HDF5, written row by row. Needs no database; downloads and `e1 run` share it.

What each file holds stands in `docs/results.md`. Memory is flat in the number of items: a file keeps what one
call of `write` was given, and its own table of contents.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from jobs.actions.base import Array
from jobs.actions.columns import Column


@dataclass(slots=True)
class Rows:
    """Succeeded items in input order: `arrays` has for each item one array [rows, width] per field of the file;
    `masks`, 0-based places of `?`, is used where the file was opened with `masked`.
    """

    index: list[int] = field(default_factory=list)
    name: list[str] = field(default_factory=list)
    arrays: list[Sequence[Array]] = field(default_factory=list)
    masks: list[Sequence[int]] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.index)

    @property
    def nbytes(self) -> int:
        return sum(array.nbytes for arrays in self.arrays for array in arrays)


class ArrayFile(Protocol):
    """A file that grows. `close` completes it and writes into it where its numbers come from (names to anything that
    JSON can say).
    """

    def write(self, rows: Rows) -> None: ...
    def close(self, facts: Mapping[str, Any]) -> None: ...


def joined(rows: Rows, position: int, one: Column) -> Array:
    """The arrays of all items in one field, one after the other: [total rows, width], little-endian and dense."""
    arrays = [arrays[position] for arrays in rows.arrays]
    whole = np.concatenate(arrays) if arrays else np.empty((0, one.width))
    return np.ascontiguousarray(whole, dtype=one.numpy_dtype.newbyteorder("<"))


def offsets(counts: Sequence[int], start: int = 0) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Ends of runs of these lengths, counted from `start`: as many as there are counts."""
    return start + np.cumsum(np.asarray(counts, dtype=np.int64), dtype=np.int64)
