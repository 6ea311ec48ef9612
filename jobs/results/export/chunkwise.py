"""Arrays with one row for each item, read chunk by chunk. Skipping the rows of items saves most of the work."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence

from jobs.actions.columns import Column
from jobs.database import binary_cursor
from jobs.library.outputs import ALL_ITEMS
from jobs.limits import CHUNK_ITEMS
from jobs.results.export import reading
from jobs.results.export.reading import ExportBroken, ItemRow, check_bytes


class ChunkOrder:
    """The chunks in the order of their items, noted page by page, at 10 bytes each.

    `whole` is true if the packed items of each chunk follow each other. Only a retry breaks that.
    """

    def __init__(self) -> None:
        self.whole = False
        self.chunk_ids = array("q")
        self.items = array("B")
        self._packed = array("B")

    def note(self, page: Sequence[ItemRow]) -> None:
        """Note the next succeeded items in input order."""
        for item in page:
            if not self.chunk_ids or self.chunk_ids[-1] != item.chunk_id:
                self.chunk_ids.append(item.chunk_id or 0)
                self.items.append(0)
                self._packed.append(item.packed or 0)
            self.items[-1] += 1

    def close(self) -> None:
        """Finish after the last page."""
        # A chunk that came twice had fewer items each time than are packed in it.
        self.whole = self.items == self._packed


def chunk_arrays(order: ChunkOrder, column: Column) -> Iterator[bytes]:
    """Yield the numbers of a column as they are stored, in blocks of about PAGE_BYTES. `order.whole` must be true.

    Raises ExportBroken as `reading.load` does.
    """
    row_bytes = column.width * column.numpy_dtype.itemsize
    step = max(1, reading.PAGE_BYTES // (row_bytes * CHUNK_ITEMS))
    for start in range(0, len(order.chunk_ids), step):
        wanted = order.chunk_ids[start : start + step]
        with binary_cursor() as cursor:
            cursor.execute(
                "SELECT chunk_id, id, dtype, checksum, data FROM jobs_output "
                "WHERE chunk_id = ANY(%s) AND kind = %s AND layer = %s AND item_index = %s",
                [list(wanted), column.kind, column.layer, ALL_ITEMS],
                binary=True,
            )
            found = {row[0]: row[1:] for row in cursor.fetchall()}
        pieces = []
        for chunk_id, count in zip(wanted, order.items[start : start + step], strict=True):
            if chunk_id not in found:
                raise ExportBroken(
                    f"chunk {chunk_id} is done but its {column.name} is not stored; was the job deleted?"
                )
            row_id, dtype, digest, data = found[chunk_id]
            if dtype != column.dtype:
                raise ExportBroken(f"output row {row_id} holds {dtype}, unlike other rows of its job")
            check_bytes(row_id, (column.kind, column.layer), data, digest, count * row_bytes)
            pieces.append(data)
        yield b"".join(pieces)
