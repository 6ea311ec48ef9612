"""Predictions as tables: best first, as lines of CSV and as Parquet, with the same numbers of six digits in both."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from jobs.campaigns.predicting import Values
from jobs.campaigns.selections import Selection
from jobs.campaigns.selectors import Scale
from jobs.files.lines import BOM, csv_head
from jobs.files.parquet import METADATA_KEY
from jobs.files.pieces import in_blocks, text_cell
from jobs.learning.samples import Whole
from jobs.science.variants.numbering import Numbering

HEADS = ("rank", "variant", "mean", "low", "high", "prior")
STEP = 10_000
"""Rows in memory at a time, and of a row group."""
FORMATS = ("csv", "parquet")


@dataclass(frozen=True, slots=True)
class Row:
    """A variant of a table. Its numbers have six digits, and are "" for what is not known."""

    rank: int
    variant: str
    numbers: tuple[str, ...]

    @classmethod
    def of(cls, rank: int, variant: str, numbers: Iterable[float | None]) -> Row:
        return cls(rank, variant, tuple("" if one is None else f"{one:.6g}" for one in numbers))

    def line(self) -> bytes:
        return (",".join([str(self.rank), text_cell(self.variant), *self.numbers]) + "\n").encode()


@dataclass(frozen=True, slots=True)
class Table:
    """Predictions of a selection. `order` has the numbers of its variants, best first."""

    selection: Selection
    values: Values
    order: Whole
    scale: Scale
    numbering: Numbering
    facts: Mapping[str, Any]

    def rows(self, start: int) -> list[Row]:
        """Return at most STEP rows from this place."""
        chosen = self.order[start : start + STEP].tolist()
        found = []
        for rank, at in enumerate(chosen, start=start + 1):
            numbers = (*self.values.shown(at, self.scale), float(self.values.prior[at]))
            found.append(Row.of(rank, self.selection.source[at].code(self.numbering), numbers))
        return found


def csv_blocks(rows: Iterable[Row]) -> Iterator[bytes]:
    """Yield rows as CSV."""
    return in_blocks(_lines(rows))


def _lines(rows: Iterable[Row]) -> Iterator[bytes]:
    yield BOM
    yield csv_head(HEADS)
    for row in rows:
        yield row.line()


def written(table: Table, folder: Path, *, report: Callable[[float], None]) -> dict[str, Path]:
    """Write the table in every format to `folder`, and return the files by format."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    paths = {format: folder / f"predictions.{format}" for format in FORMATS}
    schema = pa.schema([(HEADS[0], pa.int64()), (HEADS[1], pa.string()), *((one, pa.float64()) for one in HEADS[2:])])
    schema = schema.with_metadata({METADATA_KEY: orjson.dumps(dict(table.facts)).decode()})
    with paths["csv"].open("wb") as text, pq.ParquetWriter(paths["parquet"], schema, compression="zstd") as packed:
        text.write(BOM + csv_head(HEADS))
        for start in range(0, len(table.order), STEP):
            rows = table.rows(start)
            text.writelines(row.line() for row in rows)
            columns: list[Any] = [pa.array([row.rank for row in rows]), pa.array([row.variant for row in rows])]
            for at in range(len(HEADS) - 2):
                numbers = [float(row.numbers[at]) if row.numbers[at] else None for row in rows]
                columns.append(pa.array(numbers, pa.float64()))
            packed.write_batch(pa.record_batch(columns, schema=schema))
            report((start + len(rows)) / len(table.order))
    return paths
