"""`e1 run` into an NPZ file."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import numpy as np
import orjson

from e1protocol import CANONICAL
from jobs.actions import Action
from jobs.actions.predict import mask_positions
from jobs.files import SCALARS
from jobs.files.pieces import name_width, npy_header, zip_blocks
from worker.run_writer import Finished, Writer, is_ragged, name_of

BLOCK = 1 << 20


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
