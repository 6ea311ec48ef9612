"""NPZ: the succeeded items of a job as numpy arrays, streamed.

The head of an array has its shape, so the first step is a snapshot of the chunks that are done, with their counts. A
done chunk never changes its packed items, so the file holds exactly that snapshot even if the job still runs. Memory
holds 8 bytes per chunk for the snapshot, and about as much for the order of the chunks. Everything else is read page by
page, once per array. If the items of each chunk follow each other, arrays with one row per item are read chunk by
chunk, without their items. Only a retry breaks that order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from django.db.models import Func, IntegerField, Max, Sum, Value
from django.db.models.functions import Length, Replace
from numpy.typing import NDArray

from e1protocol import CANONICAL, MASK
from jobs.actions import get_action
from jobs.actions.columns import Column, keys_in
from jobs.actions.item_keys import ItemKeys
from jobs.actions.predict import mask_positions
from jobs.files.labels import NAME as NUMBERS
from jobs.files.labels import Labels
from jobs.files.pieces import name_width, npy_header, zip_blocks
from jobs.models import Chunk, Item, Job, Output
from jobs.models.states import ChunkState
from jobs.results.export.chunkwise import ChunkOrder, chunk_arrays
from jobs.results.export.columns import columns_of
from jobs.results.export.reading import ExportBroken, ItemRow, groups, item_pages, load_packed, place

SNAPSHOT_PAGE = 4096
"""Chunks per query while the snapshot is taken."""
INT64 = np.dtype("<i8")


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The contents of one file: the done chunks by ascending id, and the counts of items, rows, masks and names."""

    chunk_ids: NDArray[np.int64]
    items: int
    ragged_rows: int
    masks: int
    name_length: int
    name_bytes: int

    def of(self, page: list[ItemRow]) -> list[ItemRow]:
        """Return the items of a page that this file holds."""
        done = [item for item in page if item.succeeded]
        if not done or not len(self.chunk_ids):
            return []
        ids = np.array([item.chunk_id for item in done], dtype=np.int64)
        nearest = np.minimum(np.searchsorted(self.chunk_ids, ids), len(self.chunk_ids) - 1)
        return [item for item, held in zip(done, self.chunk_ids[nearest] == ids, strict=True) if held]


def npz_blocks(job: Job) -> Iterator[bytes]:
    """Take the snapshot, and return blocks that are read while they are sent.

    They raise ExportBroken if something in the snapshot has vanished.
    """
    columns = columns_of(job)
    return zip_blocks(_members(job, columns, _snapshot(job, columns)))


def _members(job: Job, columns: tuple[Column, ...], snapshot: Snapshot) -> Iterator[tuple[str, Iterator[bytes]]]:
    n = snapshot.items
    pages = _Pages(job, snapshot)
    yield "index.npy", _array(INT64, (n,), pages.indices())
    names = _Texts("name", lambda item: item.name, snapshot.name_length, snapshot.name_bytes)
    yield from names.members(pages, n)
    if (keys := keys_in(columns)) is not None:
        items = _Pages(job, snapshot, sequences=True)
        for texts in _key_texts(items, keys):
            yield from texts.members(items, n)
    for column in columns:
        if column.scalar:
            shape: tuple[int, ...] = (n,)
        else:
            shape = (snapshot.ragged_rows if column.ragged else n, column.width)
        yield f"{column.name}.npy", _array(column.numpy_dtype, shape, pages.numbers(column))
    if (labels := Labels.of(columns)) is not None:
        packed = map(labels.packed, pages.numbers(labels.column))
        yield f"{NUMBERS}.npy", _array(labels.dtype, (snapshot.ragged_rows,), packed)
    ragged = [column for column in columns if column.ragged]
    if ragged:
        yield "offsets.npy", _array(INT64, (n + 1,), _running_total(pages.row_counts(ragged[0])))
    if any(column.letters for column in columns):
        letters = np.array(list(CANONICAL), dtype="<U1")
        yield "vocab_tokens.npy", _array(letters.dtype, letters.shape, iter([letters.tobytes()]))
    if get_action(job.action).needs_mask:
        masks = _Pages(job, snapshot, sequences=True)
        flat = masks.values(lambda item: mask_positions(item.sequence), INT64)
        yield "mask_positions.npy", _array(INT64, (snapshot.masks,), flat)
        counts = ([item.sequence.count(MASK) for item in page] for page in masks.pages())
        yield "mask_offsets.npy", _array(INT64, (n + 1,), _running_total(counts))


@dataclass(frozen=True, slots=True)
class _Texts:
    """A text of each item: the letters of the longest, and the UTF-8 bytes of all."""

    name: str
    of: Callable[[ItemRow], str]
    longest: int
    nbytes: int

    def members(self, pages: _Pages, count: int) -> Iterator[tuple[str, Iterator[bytes]]]:
        """Yield the array, and `NAME_utf8` with `NAME_offsets` if the array would be too wide for whole texts."""
        width = name_width(count, self.longest)
        dtype = np.dtype(f"<U{width}")
        yield f"{self.name}.npy", _array(dtype, (count,), pages.values(lambda item: [self.of(item)], dtype))
        if width < self.longest:
            whole = ("".join(map(self.of, page)).encode() for page in pages.pages())
            yield f"{self.name}_utf8.npy", _array(np.dtype("u1"), (self.nbytes,), whole)
            lengths = ([len(self.of(item).encode()) for item in page] for page in pages.pages())
            yield f"{self.name}_offsets.npy", _array(INT64, (count + 1,), _running_total(lengths))


def _key_texts(pages: _Pages, keys: ItemKeys) -> list[_Texts]:
    """Return the keys of items as texts. Their sizes are not stored, so all items are read for them."""
    longest, nbytes = [1] * len(keys.heads), [0] * len(keys.heads)
    for page in pages.pages():
        for item in page:
            for at, text in enumerate(keys.texts(item.sequence)):
                longest[at] = max(longest[at], len(text))
                nbytes[at] += len(text.encode())
    return [
        _Texts(head, lambda item, at=at: keys.texts(item.sequence)[at], longest[at], nbytes[at])  # type: ignore[misc]
        for at, head in enumerate(keys.heads)
    ]


def _array(dtype: np.dtype[np.generic], shape: tuple[int, ...], pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Yield one .npy member. Raises ExportBroken if the pieces are shorter or longer than the head states."""
    yield npy_header(dtype, shape)
    promised = dtype.itemsize * int(np.prod(shape, dtype=np.int64))
    sent = 0
    for piece in pieces:
        sent += len(piece)
        yield piece
    if sent != promised:
        raise ExportBroken(f"an array of {promised} bytes ended after {sent}; was the job deleted meanwhile?")


class _Pages:
    """The items of the snapshot in input order, read again for each array."""

    def __init__(self, job: Job, snapshot: Snapshot, *, sequences: bool = False) -> None:
        self._job = job
        self._snapshot = snapshot
        self._sequences = sequences
        self._order = ChunkOrder()

    def indices(self) -> Iterator[bytes]:
        """Yield the index of each item, and note the order of the chunks."""
        order = ChunkOrder()
        for page in self.pages():
            order.note(page)
            yield np.array([item.index for item in page], dtype=INT64).tobytes()
        order.close()
        self._order = order

    def pages(self) -> Iterator[list[ItemRow]]:
        for page in item_pages(self._job, sequences=self._sequences, problems=False):
            yield self._snapshot.of(page)

    def values(self, of: Callable[[ItemRow], list[int] | list[str]], dtype: np.dtype[np.generic]) -> Iterator[bytes]:
        """Yield the values that `of` returns for each item."""
        for page in self.pages():
            yield np.array([value for item in page for value in of(item)], dtype=dtype).tobytes()

    def numbers(self, column: Column) -> Iterator[bytes]:
        """Yield the arrays of one column as they are stored."""
        if self._order.whole and not column.ragged:
            yield from chunk_arrays(self._order, column)
            return
        for page in self.pages():
            for group in groups(place(page, [column])):
                yield load_packed(group)

    def row_counts(self, column: Column) -> Iterator[list[int]]:
        """Yield the rows of each item in a ragged column, page by page."""
        for page in self.pages():
            yield [placed.rows(0) for placed in place(page, [column])]


def _running_total(pages: Iterator[list[int]]) -> Iterator[bytes]:
    """Yield offsets from row counts: 0, then the end of each item."""
    total = 0
    yield np.zeros(1, dtype=INT64).tobytes()
    for counts in pages:
        ends = total + np.cumsum(counts, dtype=INT64)
        total = int(ends[-1]) if len(ends) else total
        yield ends.tobytes()


def _snapshot(job: Job, columns: tuple[Column, ...]) -> Snapshot:
    """Return the chunks that are done now, and their counts."""
    # A chunk that finishes between two of these short queries is either in the snapshot or not, never half.
    ragged = next((column for column in columns if column.ragged), None)
    pages: list[NDArray[np.int64]] = []
    items = ragged_rows = masks = last = 0
    name_length, name_bytes = 1, 0  # numpy has no shorter text
    masked = get_action(job.action).needs_mask
    # Chunks of work units hold no items: without results they have no place here.
    done = Chunk.objects.filter(job_id=job.pk, state=ChunkState.DONE, n_succeeded__gt=0).order_by("id")
    while page := list(done.filter(id__gt=last).values_list("id", "n_succeeded")[:SNAPSHOT_PAGE]):
        ids = [chunk_id for chunk_id, _ in page]
        last = ids[-1]
        pages.append(np.array(ids, dtype=np.int64))
        items += sum(succeeded for _, succeeded in page)
        if ragged is not None:
            ragged_rows += _rows_in(ids, ragged)
        found = _items_in(ids, masked=masked)
        masks += found.get("masks") or 0
        name_length, name_bytes = max(name_length, found["longest"] or 0), name_bytes + (found["size"] or 0)
    return Snapshot(
        chunk_ids=np.concatenate(pages) if pages else np.empty(0, dtype=np.int64),
        items=items,
        ragged_rows=ragged_rows,
        masks=masks,
        name_length=name_length,
        name_bytes=name_bytes,
    )


def _rows_in(chunk_ids: list[int], column: Column) -> int:
    """Return the rows of numbers of these chunks in a ragged column."""
    rows = Output.objects.filter(chunk_id__in=chunk_ids, kind=column.kind, layer=column.layer)
    return sum(sum(counts) for counts in rows.values_list("rows", flat=True))


def _items_in(chunk_ids: list[int], *, masked: bool) -> dict[str, Any]:
    """Return sums over the succeeded items of these chunks: letters of the longest name, UTF-8 bytes of all, masks."""
    wanted: dict[str, Any] = {
        "longest": Max(Length("name")),
        "size": Sum(Func("name", function="octet_length", output_field=IntegerField())),
    }
    if masked:
        wanted["masks"] = Sum(Length("sequence") - Length(Replace("sequence", Value(MASK))))
    return Item.objects.filter(chunk_id__in=chunk_ids, error_code__isnull=True).aggregate(**wanted)
