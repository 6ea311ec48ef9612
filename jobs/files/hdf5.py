"""HDF5: the same arrays as NPZ, as datasets that grow. The library seeks, so the file is written to a disk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from e1protocol import CANONICAL
from jobs.actions.columns import Column, keys_in
from jobs.files import Rows, joined, offsets
from jobs.files.labels import NAME as NUMBERS
from jobs.files.labels import Labels

CHUNK_BYTES = 64 * 1024
CHUNK_ROWS = 512
"""Limits of one block of a dataset: reading one row reads a block, and a small file has one for each dataset."""


class Hdf5File:
    """Writes a new file at `path`. Facts become attributes of the file."""

    def __init__(self, path: Path, fields: Sequence[Column], *, masked: bool) -> None:
        import h5py

        self._fields = fields
        self._masked = masked
        self._ragged = next((position for position, one in enumerate(fields) if one.ragged), None)
        # NFS and Lustre often have no locks. None is needed: only this object knows the file until it is complete.
        self._file = h5py.File(path, "w", locking=False)
        self._grow("index", np.dtype("<i8"))
        self._grow("name", h5py.string_dtype("utf-8"))
        for one in fields:
            self._grow(one.name, one.numpy_dtype, () if one.scalar else (one.width,))
        self._labels = Labels.of(fields)
        if self._labels is not None:
            self._grow(NUMBERS, h5py.string_dtype("utf-8"))
        keys = keys_in(fields)
        self._keys = keys.heads if keys else ()
        for head in self._keys:
            self._grow(head, h5py.string_dtype("utf-8"))
        if self._ragged is not None:
            self._grow("offsets", np.dtype("<i8"))
            self._append("offsets", np.zeros(1, dtype="<i8"))
        if any(one.letters for one in fields):
            self._file.create_dataset("vocab_tokens", data=list(CANONICAL), dtype=h5py.string_dtype("utf-8"))
        if masked:
            self._grow("mask_positions", np.dtype("<i8"))
            self._grow("mask_offsets", np.dtype("<i8"))
            self._append("mask_offsets", np.zeros(1, dtype="<i8"))

    def write(self, rows: Rows) -> None:
        if not len(rows):
            return
        self._append("index", np.asarray(rows.index, dtype="<i8"))
        self._append("name", np.asarray(rows.name, dtype=object))
        for position, one in enumerate(self._fields):
            flat = joined(rows, position, one)
            self._append(one.name, flat.ravel() if one.scalar else flat)
        if self._labels is not None:
            texts = self._labels.texts(joined(rows, self._labels.place, self._labels.column))
            self._append(NUMBERS, np.asarray(texts, dtype=object))
        for at, head in enumerate(self._keys):
            self._append(head, np.asarray([texts[at] for texts in rows.keys], dtype=object))
        if self._ragged is not None:
            self._append_ends("offsets", [len(arrays[self._ragged]) for arrays in rows.arrays])
        if self._masked:
            flat_masks = [position for masks in rows.masks for position in masks]
            self._append("mask_positions", np.asarray(flat_masks, dtype="<i8"))
            self._append_ends("mask_offsets", [len(masks) for masks in rows.masks])

    def close(self, facts: Mapping[str, Any]) -> None:
        for name, value in facts.items():
            # h5py rejects subclasses of str, such as PyTorch's version.
            plain = str(value) if isinstance(value, str) else value
            self._file.attrs[name] = (
                plain if isinstance(plain, str | bool | int | float) else orjson.dumps(value).decode()
            )
        self._file.close()

    def abandon(self) -> None:
        """Close a file that will not be completed."""
        self._file.close()

    def _grow(self, name: str, dtype: Any, row: tuple[int, ...] = ()) -> None:
        """Create an empty dataset of rows of this shape."""
        row_bytes = getattr(dtype, "itemsize", 16) * int(np.prod(row, dtype=np.int64))
        chunk = (max(1, min(CHUNK_ROWS, CHUNK_BYTES // max(1, row_bytes))), *row)
        self._file.create_dataset(name, shape=(0, *row), maxshape=(None, *row), dtype=dtype, chunks=chunk)

    def _append(self, name: str, values: np.ndarray[Any, Any]) -> None:
        dataset = self._file[name]
        start = dataset.shape[0]
        dataset.resize(start + len(values), axis=0)
        if len(values):
            dataset[start:] = values

    def _append_ends(self, name: str, counts: Sequence[int]) -> None:
        dataset = self._file[name]
        self._append(name, offsets(counts, start=int(dataset[-1])))
