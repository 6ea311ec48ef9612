"""CSV and XLSX: which tables a job has, whether a workbook can hold them, and their blocks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

from jobs.errors import InvalidInput
from jobs.files.lines import BOM, csv_head, csv_lines
from jobs.files.pieces import in_blocks
from jobs.files.tables import Table, chosen_tables, only_table
from jobs.files.xlsx import MAX_ROWS, Sheet, SheetFull, facts_sheet, too_large, workbook_blocks
from jobs.models import Chunk, Item, Job, Output
from jobs.models.states import ChunkState
from jobs.queue.progress import job_counts
from jobs.results.export.arrays import facts_of
from jobs.results.export.columns import columns_of
from jobs.results.export.reading import ExportBroken
from jobs.results.export.rows import table_rows

PAGE_CHUNKS = 4096
"""Chunks per query while rows are counted."""


@dataclass(frozen=True, slots=True)
class Part:
    """What a request chooses: one of several tables, one item, and the mark by which Excel recognises UTF-8."""

    table: str = ""
    item: int | None = None
    bom: bool = False


WHOLE = Part()


def csv_blocks(job: Job, part: Part = WHOLE) -> Iterator[bytes]:
    """Yield a header and the rows of a table.

    Raises InvalidInput `several_tables` if the job has several and none is chosen, or `unknown_table`.
    """
    table = only_table(chosen_tables(columns_of(job), part.table))
    lines = (line for item in table_rows(job, table, part.item) for line in csv_lines(item))
    return in_blocks(chain([BOM] if part.bom else [], [csv_head(table.heads)], lines))


def xlsx_blocks(job: Job, part: Part = WHOLE) -> Iterator[bytes]:
    """Yield a workbook with a sheet for each table, or for the chosen one, and a sheet about the job.

    Raises InvalidInput `sheet_too_large` before the first block, or `unknown_table`. What an unfinished job will add
    counts too, because it may be added while the workbook is written.
    """
    tables = chosen_tables(columns_of(job), part.table)
    counts = job_counts(job) if part.item is None else {}
    length = _lengths(job, part, counts)
    for table in tables:
        rows = length(table)
        if reason := too_large(table, rows) or outgrown(job, table, rows, counts):
            raise InvalidInput.one("sheet_too_large", reason, _remedy(tables), path="format")
    return _unbroken(_workbook(job, tables, part))


def outgrown(job: Job, table: Table, rows: int, counts: Mapping[str, int]) -> str:
    """Return why a sheet cannot hold a table of `rows` rows and those of unfinished items, "" if it can."""
    if not counts.get("pending"):
        return ""
    more = counts["pending"] if table.layout is None else _rows_to_come(job, table, MAX_ROWS - rows)
    later = too_large(table, rows + more)
    return f"once the job is over, {later}" if later else ""


def _lengths(job: Job, part: Part, counts: Mapping[str, int]) -> Callable[[Table], int]:
    """Return how to count the rows of a table."""
    if part.item is not None:
        sequence = Item.objects.values_list("sequence", flat=True).get(job=job, index=part.item)
        return lambda table: table.most(sequence)
    return lambda table: table_length(job, table, counts)


def table_length(job: Job, table: Table, counts: Mapping[str, int]) -> int:
    """Return the rows of a table now, without the header; if a sheet cannot hold them, a number beyond MAX_ROWS."""
    rows = counts["failed"] + counts["skipped"] + counts["cancelled"]
    if table.layout is None:
        return rows + counts["succeeded"]
    first, last = table.columns[0], 0
    done = Chunk.objects.filter(job_id=job.pk, state=ChunkState.DONE, n_succeeded__gt=0).order_by("id")
    while rows < MAX_ROWS and (ids := list(done.filter(id__gt=last).values_list("id", flat=True)[:PAGE_CHUNKS])):
        last = ids[-1]
        stored = Output.objects.filter(chunk_id__in=ids, kind=first.kind, layer=first.layer)
        rows += sum(table.shown(one) for counted in stored.values_list("rows", flat=True) for one in counted)
    return rows


def _rows_to_come(job: Job, table: Table, enough: int) -> int:
    """Return the most rows that unfinished items will add to a table; counting stops beyond `enough`."""
    waiting = Item.objects.filter(job_id=job.pk, chunk__state__in=ChunkState.open()).order_by("index")
    rows, last = 0, -1
    while rows <= enough and (page := waiting.filter(index__gt=last).values_list("index", "sequence")[:PAGE_CHUNKS]):
        rows += sum(table.most(sequence) for _, sequence in page)
        last = page[len(page) - 1][0]
    return rows


def _workbook(job: Job, tables: Sequence[Table], part: Part) -> Iterator[bytes]:
    sheets = [(table.name, Sheet(table.heads).all(table_rows(job, table, part.item))) for table in tables]
    return workbook_blocks([*sheets, ("about", facts_sheet(facts_of(job)))])


def _unbroken(blocks: Iterator[bytes]) -> Iterator[bytes]:
    """Yield the same blocks. Raises ExportBroken if a running job outgrew a sheet meanwhile."""
    try:
        yield from blocks
    except SheetFull as error:
        raise ExportBroken(f"{error}; download CSV or Parquet", code="sheet_too_large") from error


def _remedy(tables: Sequence[Table]) -> str:
    if len(tables) == 1:
        return "Choose csv, which has the same table without a limit, or parquet."
    names = ", ".join(table.name for table in tables)
    return f"Choose one table ({names}), or csv, which has them without a limit."
