"""Items and their arrays in input order, page by page, for every format.

Each page takes a few short queries by key. No cursor or transaction lives as long as a slow client. Memory holds one
page of items and PAGE_BYTES of arrays, or the arrays of one item if they are larger.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from django.db.models import TextField, Value

from jobs.actions.base import Array
from jobs.actions.columns import Column
from jobs.database import binary_cursor
from jobs.errors import ServiceError
from jobs.library.outputs import ALL_ITEMS, checksum, unpack
from jobs.library.selectors import ITEM_STATE
from jobs.models import Item, Job, Output
from jobs.models.states import ItemState

PAGE_ITEMS = 2048
PAGE_BYTES = 4 * 1024 * 1024

ITEM_FIELDS = (
    "index",
    "name",
    "line",
    "state",
    "error__0",
    "chunk_id",
    "chunk__n_succeeded",
    "context_id",
    "context__tokens",
)


NOTHING = Value(None, output_field=TextField())
"""A null of a type that Django doesn't convert row by row."""


class ExportBroken(ServiceError):
    """Results cannot be read: the job was deleted during the transfer, or stored bytes are damaged.

    It is raised between blocks and breaks off the transfer, so that a short file isn't taken for a complete one.
    """

    status_code = 500
    code = "export_broken"


class ItemRow(NamedTuple):
    """An item as downloads read it, in the order of `ITEM_FIELDS`. `packed` counts the succeeded items of its chunk."""

    # A tuple, because a large file takes a million of them per array.

    index: int  # type: ignore[assignment]  # hides tuple.index, which has no use here
    name: str
    line: int | None
    state: str
    problem: dict[str, Any] | None
    chunk_id: int | None
    packed: int | None
    context_id: int | None
    context_tokens: int | None
    sequence: str = ""

    @property
    def succeeded(self) -> bool:
        return self.state == ItemState.SUCCEEDED


@dataclass(frozen=True, slots=True)
class StoredRow:
    """A row of `Output` without its bytes."""

    id: int
    column: tuple[str, int]
    dtype: str
    width: int
    rows: tuple[int, ...]
    checksum: bytes

    @property
    def nbytes(self) -> int:
        return sum(self.rows) * self.width * np.dtype(self.dtype).itemsize


@dataclass(frozen=True, slots=True)
class Placed:
    """A succeeded item and the places of its arrays: (stored row, position in it) per column."""

    item: ItemRow
    places: tuple[tuple[StoredRow, int], ...]

    def rows(self, position: int) -> int:
        """Return the rows of numbers of the item in the column at this position."""
        stored, at = self.places[position]
        return stored.rows[at]


def item_pages(job: Job, *, sequences: bool, problems: bool = True, only: int | None = None) -> Iterator[list[ItemRow]]:
    """Yield all items of the job in input order, or the one with the index `only`.

    Items have a sequence or a problem only if the arguments ask for it.

    Raises ExportBroken if the job is gone after the last page.
    """
    fields: tuple[Any, ...] = (*ITEM_FIELDS, "sequence") if sequences else ITEM_FIELDS
    if not problems:
        # Decoding JSON would take a quarter of the time of a row.
        fields = tuple(NOTHING if field == "error__0" else field for field in fields)
    rows = Item.objects.filter(job_id=job.pk).annotate(state=ITEM_STATE).order_by("index").values_list(*fields)
    rows = rows if only is None else rows.filter(index=only)
    last = -1
    while page := [ItemRow(*values) for values in rows.filter(index__gt=last)[:PAGE_ITEMS]]:
        last = page[-1].index
        yield page
        if len(page) < PAGE_ITEMS:
            break
    if not Job.objects.filter(pk=job.pk).exists():
        raise ExportBroken(f"job {job.pk} was deleted while its results were sent")


def place(items: Sequence[ItemRow], columns: Sequence[Column]) -> list[Placed]:
    """Return the places of the arrays of succeeded items.

    Raises ExportBroken if a stored row is missing or has another shape.
    """
    if not items:
        return []
    positions = _positions(items)
    stored = _stored_rows({item.chunk_id for item in items if item.chunk_id is not None}, columns)
    return [Placed(item, tuple(_place_one(item, c, positions[item.index], stored) for c in columns)) for item in items]


def _place_one(
    item: ItemRow, column: Column, position: int, stored: Mapping[tuple[int | None, str, int, int], StoredRow]
) -> tuple[StoredRow, int]:
    whole = stored.get((item.chunk_id, column.kind, column.layer, ALL_ITEMS))
    row, at = (whole, position) if whole else (stored.get((item.chunk_id, column.kind, column.layer, item.index)), 0)
    if row is None or at >= len(row.rows):
        raise ExportBroken(f"item {item.index} succeeded but its {column.name} is not stored; was the job deleted?")
    if (row.dtype, row.width) != (column.dtype, column.width) or (row.rows[at] != 1 and not column.ragged):
        raise ExportBroken(
            f"item {item.index} has {column.name} of {row.rows[at]} x {row.width} {row.dtype}, "
            "unlike other items of its job"
        )
    return row, at


def _positions(items: Sequence[ItemRow]) -> dict[int, int]:
    """Return the position of each item among the packed ones of its chunk."""
    # Chunks with all their items in the page need no query. Others do: those at its border, and those of a retry,
    # whose items are far apart.
    members: dict[int | None, list[int]] = defaultdict(list)
    for item in items:
        members[item.chunk_id].append(item.index)
    packed = {item.chunk_id: item.packed or 0 for item in items}
    cut = [pk for pk, indices in members.items() if pk is not None and len(indices) < packed[pk]]
    for chunk_id in cut:
        members[chunk_id] = []
    rows = Item.objects.filter(chunk_id__in=cut, error_code__isnull=True).order_by("index")
    for chunk_id, index in rows.values_list("chunk_id", "index") if cut else ():
        members[chunk_id].append(index)
    return {index: position for indices in members.values() for position, index in enumerate(indices)}


def _stored_rows(
    chunk_ids: Collection[int], columns: Sequence[Column]
) -> dict[tuple[int | None, str, int, int], StoredRow]:
    """Return the `Output` rows of these chunks and columns by (chunk, kind, layer, item index), without their bytes."""
    rows = Output.objects.filter(
        chunk_id__in=chunk_ids, kind__in={c.kind for c in columns}, layer__in={c.layer for c in columns}
    ).values_list("id", "chunk_id", "kind", "layer", "item_index", "dtype", "width", "rows", "checksum")
    return {
        (chunk_id, kind, layer, item_index): StoredRow(
            row_id, (kind, layer), dtype, width, tuple(counts), bytes(digest)
        )
        for row_id, chunk_id, kind, layer, item_index, dtype, width, counts, digest in rows
    }


def groups(placed: Sequence[Placed]) -> Iterator[list[Placed]]:
    """Cut items, in order, into groups whose stored rows, contexts and sequences fit in PAGE_BYTES.

    A group has at least one item. Items that add nothing, because they share its rows, stay in it.
    """
    group: list[Placed] = []
    held: set[int] = set()
    size = 0
    for one in placed:
        more = _new_bytes(one, held)
        if group and more and size + more > PAGE_BYTES:
            yield group
            group, held, size = [], set(), 0
            more = _new_bytes(one, held)
        group.append(one)
        held.update(stored.id for stored, _ in one.places)
        size += more
    if group:
        yield group


def _new_bytes(one: Placed, held: Collection[int]) -> int:
    """Return the bytes that this item adds to a group with these rows."""
    rows = {stored.id: stored.nbytes for stored, _ in one.places if stored.id not in held}
    return sum(rows.values()) + (one.item.context_tokens or 0) + len(one.item.sequence)


def load(group: Sequence[Placed]) -> list[tuple[Array, ...]]:
    """Return the arrays of each item of the group, in the order of its places: read-only views [rows, width].

    Raises ExportBroken if a row is gone or its bytes don't match their checksum.
    """
    data, wanted = _checked(group)
    arrays = {pk: list(unpack(data[pk], row.dtype, row.width, row.rows)) for pk, row in wanted.items()}
    return [tuple(arrays[stored.id][at] for stored, at in one.places) for one in group]


def load_packed(group: Sequence[Placed]) -> bytes:
    """Return the numbers of items with one place each, one after the other. Complete rows are not copied.

    Raises ExportBroken as `load` does.
    """
    data, _ = _checked(group)
    pieces: list[bytes | memoryview] = []
    at = 0
    while at < len(group):
        stored, position = group[at].places[0]
        last = at + len(stored.rows) - 1
        # Positions ascend: if the last one of a row is this far behind the first, all others are between them.
        if position == 0 and last < len(group) and group[last].places[0] == (stored, len(stored.rows) - 1):
            pieces.append(data[stored.id])
            at = last + 1
        else:
            row_bytes = stored.width * np.dtype(stored.dtype).itemsize
            start = sum(stored.rows[:position]) * row_bytes
            end = start + stored.rows[position] * row_bytes
            pieces.append(memoryview(data[stored.id])[start:end])
            at += 1
    return pieces[0] if len(pieces) == 1 and isinstance(pieces[0], bytes) else b"".join(pieces)


def check_bytes(row_id: int, column: tuple[str, int], data: bytes, digest: bytes, size: int) -> None:
    """Raise ExportBroken if the bytes of a stored row have changed."""
    if len(data) != size or checksum(data) != digest:
        kind, layer = column
        raise ExportBroken(
            f"output row {row_id} ({kind}, layer {layer}) does not match its checksum: the stored bytes are damaged",
            code="bad_checksum",
        )


def _checked(group: Sequence[Placed]) -> tuple[dict[int, bytes], dict[int, StoredRow]]:
    """Return the bytes of the group's stored rows, and the rows, by id."""
    wanted = {stored.id: stored for one in group for stored, _ in one.places}
    found = _bytes_of(list(wanted))
    for row_id, stored in wanted.items():
        data = found.get(row_id)
        if data is None:
            raise ExportBroken("stored results vanished while they were sent; was the job deleted?")
        check_bytes(row_id, stored.column, data, stored.checksum, stored.nbytes)
    return found, wanted


def _bytes_of(row_ids: list[int]) -> dict[int, bytes]:
    """Return the data of those of these `Output` rows that exist."""
    with binary_cursor() as cursor:
        cursor.execute("SELECT id, data FROM jobs_output WHERE id = ANY(%s)", [row_ids], binary=True)
        return dict(cursor.fetchall())
