"""Files that `e1 run` writes: the same rows and arrays as the service's downloads (docs/results.md)."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from e1protocol import CANONICAL
from jobs.actions import Action, Stored
from jobs.actions.predict import mask_positions
from jobs.errors import InvalidInput, Problem
from jobs.files import ArrayFile, Rows
from jobs.files.hdf5 import Hdf5File
from jobs.files.parquet import ParquetFile
from jobs.files.pieces import text_cell
from worker.run_npz import NpzWriter
from worker.run_writer import RAGGED, Finished, Writer, is_ragged, name_of

BATCH_BYTES = 16 << 20
"""Bytes of arrays that a Parquet row group, or one step of an HDF5 file, gathers."""


class JsonLinesWriter(Writer):
    def write(self, item: Finished) -> None:
        row: dict[str, Any] = {"index": item.index, "name": item.name, "state": item.state}
        if item.problem is not None:
            row["error"] = item.problem.as_dict()
        else:
            outputs = {(stored.kind, stored.layer): stored.array for stored in item.stored}
            row["result"] = self.action.result(item.view, self.params, outputs)
        self.file.write(orjson.dumps(row, option=orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_APPEND_NEWLINE))

    def close(self, *, manifest: Mapping[str, Any]) -> None:
        self.file.flush()


class CsvWriter(Writer):
    """Scalars and mean embeddings; the header is written when the first arrays show their widths."""

    _columns: list[str] | None = None
    _waiting: list[Finished]

    def __init__(self, path: Path, *, action: Action, params: Mapping[str, Any]) -> None:
        super().__init__(path, action=action, params=params)
        self._waiting = []

    def write(self, item: Finished) -> None:
        if self._columns is None:
            self._waiting.append(item)
            if item.problem is None:
                self._start(item.stored)
            return
        cells = b"," * len(self._columns)
        reason = ""
        if item.problem is None:
            values = (orjson.dumps(s.array[0], option=orjson.OPT_SERIALIZE_NUMPY)[1:-1] for s in item.stored)
            cells = b"".join(b"," + value.replace(b"null", b"") for value in values)
        else:
            reason = f"{item.problem.code}: {item.problem.message}"
        self.file.write(
            f"{item.index},{text_cell(item.name)},{item.state},{text_cell(reason)}".encode() + cells + b"\n"
        )

    def _start(self, stored: Sequence[Stored]) -> None:
        self._columns = []
        for one in stored:
            name = name_of(one)
            width = one.array.shape[1]
            self._columns += [name] if width == 1 else [f"{name}_{i}" for i in range(width)]
        self.file.write(",".join(["index", "name", "state", "error", *self._columns]).encode() + b"\n")
        waiting, self._waiting = self._waiting, []
        for item in waiting:
            self.write(item)

    def close(self, *, manifest: Mapping[str, Any]) -> None:
        if self._columns is None:
            self._start(())
        self.file.flush()


@dataclass(frozen=True, slots=True)
class _Field:
    """An array of a Parquet or HDF5 file, as the first item shows it."""

    name: str
    width: int
    ragged: bool
    numpy_dtype: np.dtype[Any]


class ArrayFileWriter(Writer):
    """Parquet or HDF5 (jobs.files): batches of succeeded items; the fields are known from the first of them."""

    def __init__(self, path: Path, *, action: Action, params: Mapping[str, Any]) -> None:
        super().__init__(path, action=action, params=params)
        self._path = path
        self._rows = Rows()
        self._size = 0
        self._fields: list[_Field] = []
        self._into: ArrayFile | None = None

    def write(self, item: Finished) -> None:
        if item.problem is not None:
            return
        if not self._fields:
            self._fields = [_field_of(self.action, stored) for stored in item.stored]
        self._rows.index.append(item.index)
        self._rows.name.append(item.name)
        self._rows.arrays.append([stored.array for stored in item.stored])
        if self.action.needs_mask:
            self._rows.masks.append(mask_positions(item.view.sequence))
        self._size += sum(stored.array.nbytes for stored in item.stored)
        if self._size >= BATCH_BYTES:
            self._flush()

    def _flush(self) -> ArrayFile:
        if self._into is None:
            self._into = self.open_file(self._fields)
        if len(self._rows):
            self._into.write(self._rows)
            self._rows, self._size = Rows(), 0
        return self._into

    @abstractmethod
    def open_file(self, fields: Sequence[_Field]) -> ArrayFile: ...

    def close(self, *, manifest: Mapping[str, Any]) -> None:
        self._flush().close({**manifest, "vocab_tokens": list(CANONICAL)})


class ParquetWriter(ArrayFileWriter):
    def open_file(self, fields: Sequence[_Field]) -> ArrayFile:
        return ParquetFile(self.file, fields, masked=self.action.needs_mask)


class Hdf5Writer(ArrayFileWriter):
    def open_file(self, fields: Sequence[_Field]) -> ArrayFile:
        return Hdf5File(self._path, fields, masked=self.action.needs_mask)


def _field_of(action: Action, stored: Stored) -> _Field:
    return _Field(name_of(stored), stored.array.shape[1], is_ragged(action, stored.kind), stored.array.dtype)


def open_writer(path: Path, suffix: str, *, action: Action, params: Mapping[str, Any]) -> Writer:
    """The writer for a suffix such as ".npz".

    Raises InvalidInput `unknown_format`, or `ragged_results` where CSV cannot hold what the action gives.
    """
    writers: dict[str, type[Writer]] = {
        ".jsonl": JsonLinesWriter,
        ".csv": CsvWriter,
        ".npz": NpzWriter,
        ".parquet": ParquetWriter,
        ".h5": Hdf5Writer,
    }
    if suffix not in writers:
        raise InvalidInput.of(
            Problem("unknown_format", f"{suffix!r} names no result format", f"Choose from {', '.join(writers)}.")
        )
    ragged = action.name in ("predict", "scan", "contacts") or RAGGED & set(params.get("include", ()))
    if suffix == ".csv" and ragged:
        raise InvalidInput.of(
            Problem(
                "ragged_results",
                "CSV cannot hold arrays with a row per position",
                "Choose .jsonl, .npz, .parquet or .h5.",
            )
        )
    return writers[suffix](path, action=action, params=params)
