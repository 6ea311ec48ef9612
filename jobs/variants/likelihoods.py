"""The log-probabilities of a job as columns, which are read once, then sorted and searched by numpy.

A process keeps a few tables, as `jobs.variants.table` does. Pages rank the first MAX_RANKED sequences of a job.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain, islice
from typing import NamedTuple

import numpy as np
from django.db.models.functions import Left, Length
from numpy.typing import NDArray

from jobs.files.lines import BOM, csv_head, csv_lines
from jobs.files.pieces import in_blocks
from jobs.files.tables import ItemRows, number_lines
from jobs.files.xlsx import Sheet, facts_sheet, workbook_blocks
from jobs.models import Item, Job
from jobs.queue.progress import results_fingerprint
from jobs.results.export.arrays import facts_of
from jobs.variants.rows import NAME_SHOWN, stored_numbers
from jobs.variants.table import MAX_RANKED

KIND = "log_prob"
HEADS = ("rank", "name", "index", "residues", "log_prob", "per_residue", "perplexity")
SORTS = {
    "best": "Best per residue first",
    "worst": "Worst per residue first",
    "total": "Best in total first",
    "longest": "Longest first",
    "shortest": "Shortest first",
    "name": "By name",
    "index": "In the order of the input",
}
_PAGE = 50_000
_BLOCK = 1000
Floats = NDArray[np.float64]
Rows = NDArray[np.intp]


class Row(NamedTuple):
    """A sequence as a page shows it. `place` is its rank per residue among all of the job, from 1."""

    index: int  # type: ignore[assignment]  # hides tuple.index, which no row needs
    name: str
    residues: int
    log_prob: float
    per_residue: float
    perplexity: float
    place: int


@dataclass(frozen=True, slots=True)
class LikelihoodTable:
    """Columns of n sequences in input order. `cut` is true if the job has more than are ranked."""

    index: NDArray[np.int64]
    names: Sequence[str]
    residues: NDArray[np.int64]
    log_prob: Floats
    places: NDArray[np.int64]
    cut: bool

    def __len__(self) -> int:
        return len(self.index)

    @property
    def per_residue(self) -> Floats:
        return np.asarray(self.log_prob / np.maximum(self.residues, 1))

    def select(self, sort: str, search: str = "") -> Rows:
        """Return the row numbers of the names that hold `search`, in the order `sort`; ties keep that of the input."""
        text = search.upper()
        found = np.flatnonzero(np.fromiter((text in name.upper() for name in self.names), bool, count=len(self)))
        if sort == "name":
            return np.array(sorted(found.tolist(), key=self.names.__getitem__), dtype=np.intp)
        return np.asarray(found[np.argsort(self._key(sort)[found], kind="stable")])

    def _key(self, sort: str) -> NDArray[np.generic]:
        match sort:
            case "index":
                return self.index
            case "total":
                return -self.log_prob
            case "longest":
                return -self.residues
            case "shortest":
                return self.residues
            case "worst":
                return self.per_residue
            case _:
                return -self.per_residue

    def rows(self, wanted: Rows) -> list[Row]:
        """Return the rows of these numbers."""
        each = self.per_residue
        return [
            Row(
                int(self.index[at]),
                self.names[at],
                int(self.residues[at]),
                float(self.log_prob[at]),
                float(each[at]),
                float(np.exp(-each[at])),
                int(self.places[at]),
            )
            for at in wanted.tolist()
        ]


def is_ranked(job: Job) -> bool:
    """Return whether the results of a job are log-probabilities."""
    return job.action == KIND


def likelihood_table(job: Job) -> LikelihoodTable:
    """Return the table of a job of log-probabilities, of the results that it has now."""
    return _table(job, results_fingerprint(job))


@lru_cache(maxsize=3)
def _table(job: Job, fingerprint: str) -> LikelihoodTable:
    return read_likelihoods(job)


def read_likelihoods(job: Job) -> LikelihoodTable:
    """Read the packed numbers, and the items that have one."""
    stored = stored_numbers(job, (KIND,))[KIND]
    items = list(islice((item for item in _items(job) if item[1] in stored), MAX_RANKED + 1))
    cut, items = len(items) > MAX_RANKED, items[:MAX_RANKED]
    taken: dict[int | None, int] = {}
    log_prob = np.zeros(len(items))
    for at, (_, chunk_id, _, _) in enumerate(items):
        place = taken.get(chunk_id, 0)
        taken[chunk_id] = place + 1
        log_prob[at] = stored[chunk_id][place]
    residues = np.array([length for *_, length in items], dtype=np.int64)
    places = np.empty(len(items), dtype=np.int64)
    places[np.argsort(-log_prob / np.maximum(residues, 1), kind="stable")] = np.arange(1, len(items) + 1)
    index = np.array([index for index, *_ in items], dtype=np.int64)
    return LikelihoodTable(index, [name for _, _, name, _ in items], residues, log_prob, places, cut)


def _items(job: Job) -> Iterator[tuple[int, int | None, str, int]]:
    """Yield index, chunk, name and length of the items without an error, in input order, by pages of keys."""
    rows = Item.objects.filter(job=job, error_code__isnull=True).order_by("index")
    columns = ("index", "chunk_id", Left("name", NAME_SHOWN), Length("sequence"))
    last = -1
    while page := list(rows.filter(index__gt=last).values_list(*columns)[:_PAGE]):
        yield from page
        last = page[-1][0]


def likelihood_blocks(job: Job, table: LikelihoodTable, rows: Rows, format: str, *, bom: bool) -> Iterator[bytes]:
    """Yield these rows as a file in blocks; `format` is csv or xlsx."""
    items = _item_rows(table, rows)
    if format == "xlsx":
        return workbook_blocks([(KIND, Sheet(HEADS).all(items)), ("about", facts_sheet(facts_of(job)))])
    lines = (line for item in items for line in csv_lines(item))
    return in_blocks(chain([BOM] if bom else [], [csv_head(HEADS)], lines))


def _item_rows(table: LikelihoodTable, rows: Rows) -> Iterator[ItemRows]:
    for start in range(0, len(rows), _BLOCK):
        found = table.rows(rows[start : start + _BLOCK])
        numbers = number_lines(np.array([[row.log_prob, row.per_residue, row.perplexity] for row in found]))
        for row, cells in zip(found, numbers, strict=True):
            yield ItemRows((row.place, row.name, row.index, row.residues), [((), cells)], ())


def best_fasta(job: Job, table: LikelihoodTable, rows: Rows) -> str:
    """Return the sequences of these rows as FASTA, in their order."""
    indices = table.index[rows].tolist()
    texts = dict(Item.objects.filter(job=job, index__in=indices).values_list("index", "sequence"))
    names = dict(Item.objects.filter(job=job, index__in=indices).values_list("index", "name"))
    return "".join(f">{names[index]}\n{texts[index]}\n" for index in indices)
