"""Files of arrays: Parquet and HDF5, written batch by batch. Downloads and `e1 run` share them; no database is needed.

`docs/results.md` describes the contents of each file. Memory does not grow with the number of items: a writer holds one
batch and the file's own table of contents.
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
    """A batch of succeeded items in input order.

    `arrays` has one array [rows, width] per item and column. `masks` has the 0-based positions of `?`; it is empty
    unless the file was opened with `masked`. `keys` has the texts of each item (`jobs.actions.item_keys`), if a column
    has keys.
    """

    index: list[int] = field(default_factory=list)
    name: list[str] = field(default_factory=list)
    arrays: list[Sequence[Array]] = field(default_factory=list)
    masks: list[Sequence[int]] = field(default_factory=list)
    keys: list[Sequence[str]] = field(default_factory=list)
    nbytes: int = 0
    """Bytes of all arrays."""

    def add(
        self,
        index: int,
        name: str,
        arrays: Sequence[Array],
        mask: Sequence[int] | None = None,
        keys: Sequence[str] | None = None,
    ) -> None:
        """Add one item; `mask` is its positions of `?` and `keys` its texts, if the file has them."""
        self.index.append(index)
        self.name.append(name)
        self.arrays.append(arrays)
        self.nbytes += sum(array.nbytes for array in arrays)
        if mask is not None:
            self.masks.append(mask)
        if keys is not None:
            self.keys.append(keys)

    def __len__(self) -> int:
        return len(self.index)


class ArrayFile(Protocol):
    """A file that grows. `close` completes it and stores `facts` in it: names to JSON values."""

    def write(self, rows: Rows) -> None: ...
    def close(self, facts: Mapping[str, Any]) -> None: ...


def joined(rows: Rows, position: int, one: Column) -> Array:
    """Return the arrays of all items in the column at `position`: [total rows, width], little-endian and dense."""
    arrays = [arrays[position] for arrays in rows.arrays]
    whole = np.concatenate(arrays) if arrays else np.empty((0, one.width))
    return np.ascontiguousarray(whole, dtype=one.numpy_dtype.newbyteorder("<"))


def offsets(counts: Sequence[int], start: int = 0) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Return the end of each of the runs of these lengths, counted from `start`."""
    return start + np.cumsum(np.asarray(counts, dtype=np.int64), dtype=np.int64)
