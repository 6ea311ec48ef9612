"""Files that `e1 run` writes: the same rows and arrays as the service's downloads (docs/results.md)."""

from __future__ import annotations

import shutil
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Self

import numpy as np
import orjson

from jobs.actions import Action, ItemView, Stored
from jobs.actions.ensembles import SINGLE, SPREAD
from jobs.actions.predict import mask_positions
from jobs.arrayfiles import SCALARS, ArrayFile, Rows
from jobs.arrayfiles.hdf5 import Hdf5File
from jobs.arrayfiles.parquet import ParquetFile
from jobs.errors import InvalidInput, Problem
from jobs.formats import name_width, npy_header, text_cell, zip_blocks
from worker.protocol import CANONICAL

BLOCK = 1 << 20
BATCH_BYTES = 16 << 20
"""Bytes of arrays that a Parquet row group, or one step of an HDF5 file, gathers."""
RAGGED = frozenset(
    {
        *("logits", "logits_sd", "logits_by", "per_token", "per_token_sd", "per_token_by"),
        *("contacts", "contacts_sd", "contacts_by", "positions", "scores_sd", "scores_by"),
    }
)
"""Kinds with any number of rows an item. `scores` is one row of a variant, and a row a position of a scan."""


@dataclass(frozen=True, slots=True)
class Finished:
    """One record of the input with its arrays, or with the reason why it has none."""

    index: int
    name: str
    state: str
    view: ItemView
    stored: Sequence[Stored] = ()
    problem: Problem | None = None


class Writer(AbstractContextManager["Writer"], ABC):
    """Takes the records in input order. `close` completes the file; leaving the block without it leaves a torso."""

    def __init__(self, path: Path, *, action: Action, params: Mapping[str, Any]) -> None:
        self.file: IO[bytes] = path.open("wb")
        self.action = action
        self.params = params

    @abstractmethod
    def write(self, item: Finished) -> None: ...

    @abstractmethod
    def close(self, *, manifest: Mapping[str, Any]) -> None: ...

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.file.close()


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


@dataclass(slots=True)
class _Column:
    """One array of the file while it grows: its numbers lie in a temporary file."""

    spool: IO[bytes]
    dtype: np.dtype[Any]
    width: int
    rows: int = 0

    def blocks(self) -> Iterator[bytes]:
        self.spool.seek(0)
        while block := self.spool.read(BLOCK):
            yield block


@dataclass(slots=True)
class _Rows:
    """What is kept per succeeded item: small, whatever the arrays."""

    index: list[int] = field(default_factory=list)
    name: list[str] = field(default_factory=list)
    lengths: list[int] = field(default_factory=list)
    masks: list[list[int]] = field(default_factory=list)


class NpzWriter(Writer):
    """Arrays of the succeeded items; each grows in a temporary file beside the others and is copied in at the end."""

    def __init__(self, path: Path, *, action: Action, params: Mapping[str, Any]) -> None:
        super().__init__(path, action=action, params=params)
        self._folder = Path(tempfile.mkdtemp(prefix=".e1-run-", dir=path.parent))
        self._columns: dict[str, _Column] = {}
        self._kept = _Rows()

    def __exit__(self, *_: object) -> None:
        for column in self._columns.values():
            column.spool.close()
        shutil.rmtree(self._folder, ignore_errors=True)
        super().__exit__(*_)

    def write(self, item: Finished) -> None:
        if item.problem is not None:
            return
        self._kept.index.append(item.index)
        self._kept.name.append(item.name)
        for stored in item.stored:
            name = name_of(stored)
            if name not in self._columns:
                spool = (self._folder / name).open("w+b")
                self._columns[name] = _Column(spool, stored.array.dtype.newbyteorder("<"), stored.array.shape[1])
            column = self._columns[name]
            column.spool.write(np.ascontiguousarray(stored.array, dtype=column.dtype).tobytes())
            column.rows += len(stored.array)
        ragged = [stored for stored in item.stored if is_ragged(self.action, stored.kind)]
        if ragged:
            self._kept.lengths.append(len(ragged[0].array))
        if self.action.needs_mask:
            self._kept.masks.append(mask_positions(item.view.sequence))

    def close(self, *, manifest: Mapping[str, Any]) -> None:
        for block in zip_blocks(self._members(manifest)):
            self.file.write(block)
        self.file.flush()

    def _members(self, manifest: Mapping[str, Any]) -> Iterator[tuple[str, Iterator[bytes]]]:
        kept = self._kept
        yield _member("index", np.array(kept.index, dtype="<i8"))
        longest = max(map(len, kept.name), default=1)
        width = name_width(len(kept.name), longest)
        yield _member("name", np.array(kept.name, dtype=f"<U{width}"))
        if width < longest:
            whole = [name.encode() for name in kept.name]
            yield _member("name_utf8", np.frombuffer(b"".join(whole), dtype="u1"))
            yield _member("name_offsets", np.concatenate(([0], np.cumsum([len(one) for one in whole]))).astype("<i8"))
        for name, column in self._columns.items():
            shape = (column.rows,) if name in SCALARS and column.width == 1 else (column.rows, column.width)
            yield f"{name}.npy", _chain(npy_header(column.dtype, shape), column.blocks())
        if kept.lengths:
            yield _member("offsets", np.concatenate(([0], np.cumsum(kept.lengths))).astype("<i8"))
        if "logits" in self._columns:
            yield _member("vocab_tokens", np.array(list(CANONICAL), dtype="<U1"))
        if self.action.needs_mask:
            flat = [position for masks in kept.masks for position in masks]
            yield _member("mask_positions", np.array(flat, dtype="<i8"))
            counts = [len(masks) for masks in kept.masks]
            yield _member("mask_offsets", np.concatenate(([0], np.cumsum(counts))).astype("<i8"))
        yield _member("manifest", np.array(orjson.dumps(dict(manifest)).decode()))


def _member(name: str, array: np.ndarray[Any, Any]) -> tuple[str, Iterator[bytes]]:
    return f"{name}.npy", iter([npy_header(array.dtype, array.shape), array.tobytes()])


def _chain(head: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    yield head
    yield from rest


@dataclass(frozen=True, slots=True)
class _Field:
    """An array of a Parquet or HDF5 file, as the first item shows it."""

    name: str
    width: int
    ragged: bool
    numpy_dtype: np.dtype[Any]


class ArrayFileWriter(Writer):
    """Parquet or HDF5 (jobs.arrayfiles): batches of succeeded items; the fields are known from the first of them."""

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


def is_ragged(action: Action, kind: str) -> bool:
    """Whether items have any number of rows of this kind."""
    return kind in RAGGED or (kind == "scores" and action.name == "scan")


def name_of(stored: Stored) -> str:
    """The array's name in files, as downloads have it (jobs.export.columns)."""
    kind, mark = stored.kind, ""
    for ending, word in ((SPREAD, "_spread"), (SINGLE, "_single")):
        if kind.endswith(ending):
            kind, mark = kind.removesuffix(ending), word
    if kind == "scores" and mark:
        return mark.removeprefix("_")
    return kind + mark if stored.layer < 0 else f"{kind}_layer_{stored.layer}{mark}"


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
