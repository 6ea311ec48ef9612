"""Mean embeddings of a job's succeeded items, in input order, in blocks of bounded memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from django.db.models.functions import Length
from numpy.typing import NDArray

from jobs.actions.columns import Column
from jobs.errors import TooLarge
from jobs.models import Item, Job
from jobs.results.export.columns import columns_of
from jobs.results.export.reading import groups, item_pages, load, place

MAX_NAME_LETTERS = 256_000_000
"""Characters of the names of all items, which are held in memory: 256 each for a million items."""


@dataclass(frozen=True, slots=True)
class Block:
    """Consecutive succeeded items: input indices [n], names, and vectors float32 [n, H]."""

    index: list[int]
    name: list[str]
    vectors: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Spool:
    """All vectors of a job in a file of raw float32, with the indices and names of their items in the same order."""

    path: Path
    width: int
    index: NDArray[np.int64]
    name: list[str]

    def __len__(self) -> int:
        return len(self.index)


def mean_column(job: Job, layer: int) -> Column:
    """Return the column of the mean embeddings of a layer, with their width."""
    return next(column for column in columns_of(job) if (column.kind, column.layer) == ("mean", layer))


def vector_blocks(job: Job, layer: int) -> Iterator[Block]:
    """Yield the items that have succeeded when their page is read. Raises ExportBroken like `jobs.results.export`."""
    column = mean_column(job, layer)
    for page in item_pages(job, sequences=False, problems=False):
        for group in groups(place([item for item in page if item.succeeded], [column])):
            vectors = np.concatenate([array for (array,) in load(group)]).astype(np.float32, copy=False)
            yield Block([one.item.index for one in group], [one.item.name for one in group], vectors)


def spool_vectors(job: Job, layer: int, path: Path, *, report: Callable[[int], None]) -> Spool:
    """Write the vectors to `path`; `report` receives their number so far.

    Raises TooLarge for names that would take too much memory.
    """
    index: list[int] = []
    name: list[str] = []
    letters = 0
    with path.open("wb") as file:
        for block in vector_blocks(job, layer):
            file.write(np.ascontiguousarray(block.vectors, dtype="<f4").data)
            index += block.index
            name += block.name
            letters += sum(map(len, block.name))
            if letters > MAX_NAME_LETTERS:
                what = f"the names of the first {len(index):,} items have {letters:,} characters"
                raise TooLarge(f"{what}, and an analysis holds {MAX_NAME_LETTERS:,}; give the library shorter names")
            report(len(index))
    return Spool(path, mean_column(job, layer).width, np.array(index, dtype=np.int64), name)


def residues_of(job: Job, index: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the lengths of the sequences of these items, given by ascending indices."""
    lengths = np.zeros(len(index), dtype=np.int64)
    rows = Item.objects.filter(job=job).order_by("index").values_list("index", Length("sequence"))
    last, page_size = -1, 50_000
    while page := list(rows.filter(index__gt=last)[:page_size]):
        last = page[-1][0]
        found = np.array(page, dtype=np.int64)
        places = np.searchsorted(index, found[:, 0])
        held = (places < len(index)) & (index[np.minimum(places, len(index) - 1)] == found[:, 0])
        lengths[places[held]] = found[held, 1]
    return lengths
