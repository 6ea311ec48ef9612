"""Outputs on their way into the database."""

from __future__ import annotations

from collections.abc import Iterable

from psycopg.types.json import Jsonb

from jobs.database import copy_into
from jobs.library.outputs import PackedOutput
from jobs.models import Output


def outputs_copy(rows: Iterable[tuple[int, PackedOutput]]) -> None:
    """Store what chunks gave, each row with its chunk's id, in the caller's transaction. The rows stream: an INSERT of
    all would be one message, which Postgres ends at 1 GiB, with the values in it as hexadecimal text. In binary the
    largest single row fits: one layer of 2,048 residues under 64 contexts has 640 MiB.
    """
    columns = "chunk_id, kind, layer, item_index, dtype, width, rows, data, checksum"
    types = ("int8", "text", "int2", "int4", "text", "int4", "jsonb", "bytea", "bytea")
    with copy_into(Output._meta.db_table, columns, types) as copy:
        for chunk_id, one in rows:
            head = (chunk_id, one.kind, one.layer, one.item_index, one.dtype, one.width)
            copy.write_row((*head, Jsonb(list(one.rows)), one.data, one.checksum))
