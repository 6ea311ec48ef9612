"""Parquet: one row per succeeded item; embeddings are lists of fixed length, per-residue arrays lists of those."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import IO, TYPE_CHECKING, Any

import numpy as np
import orjson

from jobs.actions.columns import Column, keys_in
from jobs.files import Rows, joined, offsets
from jobs.files.labels import NAME as NUMBERS
from jobs.files.labels import Labels

if TYPE_CHECKING:
    import pyarrow as pa

METADATA_KEY = "e1"
"""The key of the facts, as JSON, in the metadata of the file."""


class ParquetFile:
    """Writes to a stream that cannot seek. Every `write` is one row group."""

    def __init__(self, sink: IO[bytes] | Any, fields: Sequence[Column], *, masked: bool) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        self._pa = pa
        self._fields = fields
        self._masked = masked
        schema = [pa.field("index", pa.int64()), pa.field("name", pa.string())]
        schema += [pa.field(one.name, _type_of(pa, one)) for one in fields]
        self._labels = Labels.of(fields)
        if self._labels is not None:
            schema.append(pa.field(NUMBERS, pa.list_(pa.string())))
        keys = keys_in(fields)
        self._keys = keys.heads if keys else ()
        schema += [pa.field(head, pa.string()) for head in self._keys]
        if masked:
            schema.append(pa.field("mask_positions", pa.list_(pa.int64())))
        self._schema = pa.schema(schema)
        self._writer = pq.ParquetWriter(
            pa.PythonFile(sink, mode="w"),
            self._schema,
            compression="none",  # saves a few percent of float32, and costs most of the speed
            use_dictionary=False,
            write_statistics=["index", "name"],
        )

    def write(self, rows: Rows) -> None:
        pa = self._pa
        columns: list[Any] = [pa.array(rows.index, pa.int64()), pa.array(rows.name, pa.string())]
        columns += [self._column(rows, position, one) for position, one in enumerate(self._fields)]
        if self._labels is not None:
            texts = [self._labels.texts(arrays[self._labels.place]) for arrays in rows.arrays]
            columns.append(pa.array(texts, pa.list_(pa.string())))
        columns += [pa.array([texts[at] for texts in rows.keys], pa.string()) for at in range(len(self._keys))]
        if self._masked:
            columns.append(pa.array([list(masks) for masks in rows.masks], pa.list_(pa.int64())))
        self._writer.write_batch(pa.record_batch(columns, schema=self._schema))

    def _column(self, rows: Rows, position: int, one: Column) -> Any:
        pa = self._pa
        flat = joined(rows, position, one)
        if one.scalar:
            return pa.array(flat.ravel())
        lists = pa.FixedSizeListArray.from_arrays(pa.array(flat.ravel()), one.width)
        if not one.ragged:
            return lists
        ends = offsets([len(arrays[position]) for arrays in rows.arrays])
        return pa.ListArray.from_arrays(pa.array(np.concatenate(([0], ends)), pa.int32()), lists)

    def close(self, facts: Mapping[str, Any]) -> None:
        self._writer.add_key_value_metadata({METADATA_KEY: orjson.dumps(dict(facts)).decode()})
        self._writer.close()


def _type_of(pa: Any, one: Column) -> pa.DataType:
    number = pa.from_numpy_dtype(one.numpy_dtype)
    if one.scalar:
        return number
    row = pa.list_(number, one.width)
    return pa.list_(row) if one.ragged else row
