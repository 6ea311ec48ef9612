"""Outputs of chunks: arrays packed into rows of `Output`, stored and unpacked.

Numbers are little-endian and dense. A row of `Output` holds the arrays of its items one after the other; `rows` has the
number of rows of `width` numbers of each.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from psycopg.types.json import Jsonb

from jobs.actions.base import Action, Array, Stored
from jobs.database import copy_into
from jobs.models import Output

DTYPES: dict[str, np.dtype[np.floating[Any]]] = {name: np.dtype(name) for name in ("<f2", "<f4", "<f8")}
ALL_ITEMS = -1


@dataclass(frozen=True, slots=True)
class PackedOutput:
    """A row of `Output` before it has a chunk."""

    kind: str
    layer: int
    item_index: int
    dtype: str
    width: int
    rows: tuple[int, ...]
    data: bytes

    @property
    def checksum(self) -> bytes:
        """16 bytes of BLAKE2b over the data."""
        return checksum(self.data)


def checksum(data: bytes | memoryview) -> bytes:
    return hashlib.blake2b(data, digest_size=16).digest()


def pack_outputs(action: Action, items: Sequence[tuple[int, Sequence[Stored]]]) -> list[PackedOutput]:
    """Pack the arrays of a chunk's items, given as (index, arrays) in item order.

    All items have the same (kind, layer) pairs, which follow from the job's parameters.
    """
    packed: list[PackedOutput] = []
    for position, stored in enumerate(items[0][1]) if items else ():
        column = [(index, arrays[position].array) for index, arrays in items]
        if stored.kind in action.per_token_kinds:
            packed.extend(_row(stored, index, [array]) for index, array in column)
        else:
            packed.append(_row(stored, ALL_ITEMS, [array for _, array in column]))
    return packed


def _row(stored: Stored, item_index: int, arrays: Sequence[Array]) -> PackedOutput:
    dtype = arrays[0].dtype.newbyteorder("<").str
    joined = np.ascontiguousarray(np.concatenate(arrays), dtype=DTYPES[dtype])
    rows = tuple(len(array) for array in arrays)
    return PackedOutput(stored.kind, stored.layer, item_index, dtype, joined.shape[1], rows, joined.tobytes())


def unpack(data: bytes | memoryview, dtype: str, width: int, rows: Sequence[int]) -> Iterator[Array]:
    """Yield the arrays [rows, width] of each item in a row of `Output`, as read-only views of `data`."""
    whole = np.frombuffer(data, dtype=DTYPES[dtype]).reshape(-1, width)
    at = 0
    for count in rows:
        yield whole[at : at + count]
        at += count


def outputs_copy(rows: Iterable[tuple[int, PackedOutput]]) -> None:
    """Store outputs, each with its chunk's id, in the caller's transaction."""
    # An INSERT would be one message with hexadecimal values, and Postgres limits messages to 1 GiB. In binary the
    # largest row fits: one layer of 2,048 residues under 64 contexts has 640 MiB.
    columns = "chunk_id, kind, layer, item_index, dtype, width, rows, data, checksum"
    types = ("int8", "text", "int2", "int4", "text", "int4", "jsonb", "bytea", "bytea")
    with copy_into(Output._meta.db_table, columns, types) as copy:
        for chunk_id, one in rows:
            head = (chunk_id, one.kind, one.layer, one.item_index, one.dtype, one.width)
            copy.write_row((*head, Jsonb(list(one.rows)), one.data, one.checksum))
