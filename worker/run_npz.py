"""The NPZ file of `e1 run`."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import IO, Any

import numpy as np
import orjson

from e1protocol import CANONICAL
from jobs.actions.columns import keys_in
from jobs.actions.predict import mask_positions
from jobs.files import Rows, offsets
from jobs.files.labels import NAME as NUMBERS
from jobs.files.labels import Labels
from jobs.files.pieces import name_width, npy_header, zip_blocks
from worker.run_writer import Finished, Writer

BLOCK = 1 << 20


class NpzWriter(Writer):
    """Arrays of the succeeded items. Each grows in a temporary file, which `close` copies into the NPZ."""

    def start(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix=".e1-run-", dir=self.path.parent))
        self._spools: list[IO[bytes]] = [(self._folder / column.name).open("w+b") for column in self.columns]
        self._rows = Rows()
        self._ragged = next((position for position, column in enumerate(self.columns) if column.ragged), None)
        self._lengths: list[int] = []

    def __exit__(self, *_: object) -> None:
        for spool in self._spools:
            spool.close()
        shutil.rmtree(self._folder, ignore_errors=True)
        super().__exit__(*_)

    def write(self, item: Finished) -> None:
        if item.problem is not None:
            return
        arrays = self.arrays(item)
        self._rows.add(
            item.index,
            item.name,
            (),
            mask_positions(item.view.sequence) if self.action.needs_mask else None,
            self.keys(item),
        )
        for column, spool, array in zip(self.columns, self._spools, arrays, strict=True):
            spool.write(np.ascontiguousarray(array, dtype=column.numpy_dtype).tobytes())
        if self._ragged is not None:
            self._lengths.append(len(arrays[self._ragged]))

    def close(self, *, manifest: Mapping[str, Any]) -> None:
        for block in zip_blocks(self._members(manifest)):
            self.file.write(block)
        self.file.flush()

    def _members(self, manifest: Mapping[str, Any]) -> Iterator[tuple[str, Iterator[bytes]]]:
        names = self._rows.name
        yield _member("index", np.array(self._rows.index, dtype="<i8"))
        yield from _text_members("name", names)
        for at, head in enumerate(keys.heads if (keys := keys_in(self.columns)) else ()):
            yield from _text_members(head, [texts[at] for texts in self._rows.keys])
        for column, spool in zip(self.columns, self._spools, strict=True):
            rows = sum(self._lengths) if column.ragged else len(names)
            shape = (rows,) if column.scalar else (rows, column.width)
            yield f"{column.name}.npy", chain([npy_header(column.numpy_dtype, shape)], _blocks(spool))
        if (labels := Labels.of(self.columns)) is not None:
            shape = (sum(self._lengths),)
            packed = map(labels.packed, _blocks(self._spools[labels.place]))
            yield f"{NUMBERS}.npy", chain([npy_header(labels.dtype, shape)], packed)
        if self._ragged is not None:
            yield _member("offsets", offsets([0, *self._lengths]))
        if any(column.letters for column in self.columns):
            yield _member("vocab_tokens", np.array(list(CANONICAL), dtype="<U1"))
        if self.action.needs_mask:
            masks = self._rows.masks
            yield _member("mask_positions", np.array([at for one in masks for at in one], dtype="<i8"))
            yield _member("mask_offsets", _offsets(masks))
        yield _member("manifest", np.array(orjson.dumps(dict(manifest)).decode()))


def _text_members(name: str, texts: Sequence[str]) -> Iterator[tuple[str, Iterator[bytes]]]:
    """Yield an array of text, and the whole texts if it would be too wide for them."""
    longest = max(map(len, texts), default=1)
    width = name_width(len(texts), longest)
    yield _member(name, np.array(texts, dtype=f"<U{width}"))
    if width < longest:
        whole = [text.encode() for text in texts]
        yield _member(f"{name}_utf8", np.frombuffer(b"".join(whole), dtype="u1"))
        yield _member(f"{name}_offsets", _offsets(whole))


def _member(name: str, array: np.ndarray[Any, Any]) -> tuple[str, Iterator[bytes]]:
    return f"{name}.npy", iter([npy_header(array.dtype, array.shape), array.tobytes()])


def _offsets(parts: Sequence[Sequence[int]]) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Return the start of each part among all of them, and the end of the last."""
    return offsets([0, *map(len, parts)])


def _blocks(spool: IO[bytes]) -> Iterator[bytes]:
    spool.seek(0)
    while block := spool.read(BLOCK):
        yield block
