"""The scores of a job of variants as columns, which are read once, then sorted, searched and filtered by numpy.

A process keeps a few tables, each under the fingerprint of the results that it was read from. A table of 100,000
variants takes about 30 MB. Pages rank the first MAX_RANKED variants of a job; downloads have all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from jobs.models import Job
from jobs.queue.progress import results_fingerprint
from jobs.science.variants.codes import Mutation, Variant
from jobs.science.variants.numbering import Numbering
from jobs.science.variants.numbering_forms import numbering_of
from jobs.science.variants.overlays import ScoreOf
from jobs.variants.rows import OTHER_LENGTH, MutationColumns, scored_items, stored_numbers

Floats = NDArray[np.float64]
Rows = NDArray[np.intp]

MAX_RANKED = 250_000
"""Variants of one job that are ranked."""


class Row(NamedTuple):
    """A variant as a page shows it. `place` is its rank by score among all variants of the job, from 1."""

    index: int  # type: ignore[assignment]  # hides tuple.index, which no row needs
    name: str
    code: str
    mutations: int
    score: float
    spread: float
    place: int
    positions: str
    """The mutated positions in the parent, with blanks between them."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A selection of variants and their order. `position` counts from 1 in the parent."""

    sort: str = "best"
    search: str = ""
    position: int | None = None
    wild: str = ""
    mutations: int | None = None


@dataclass(frozen=True, slots=True)
class VariantTable:
    """Columns of n variants in input order.

    The positions (1-based) of variant i are `positions[starts[i] : starts[i + 1]]`, and the columns of the new residues
    those of `mutants`. `cut` is true if the job has more variants than are ranked.
    """

    parent: str
    numbering: Numbering
    index: NDArray[np.int64]
    names: Sequence[str]
    codes: Sequence[str]
    score: Floats
    spread: Floats
    count: NDArray[np.int32]
    positions: NDArray[np.int32]
    mutants: NDArray[np.int8]
    starts: NDArray[np.int64]
    places: NDArray[np.int64]
    cut: bool

    def __len__(self) -> int:
        return len(self.index)

    def select(self, wanted: Wanted, beside: Mapping[str, Floats] = MappingProxyType({})) -> Rows:
        """Return the row numbers of the variants that fit, in their order. Ties keep the order of the input.

        `beside` has more columns [n] by name, whose highest numbers come first. Variants without one come last.
        """
        keep = np.ones(len(self), dtype=bool)
        if wanted.mutations is not None:
            keep &= self.count == wanted.mutations
        if wanted.position is not None:
            keep &= self._any(self.positions == wanted.position)
        if wanted.wild:
            letters = np.frombuffer(self.parent.encode(), dtype=np.uint8)
            keep &= self._any(letters[self.positions - 1] == ord(wanted.wild))
        if wanted.search:
            text = wanted.search.upper()
            both = zip(self.codes, self.names, strict=True)
            found = (text in code.upper() or text in name.upper() for code, name in both)
            keep &= np.fromiter(found, dtype=bool, count=len(self))
        rows = np.flatnonzero(keep)
        if wanted.sort in beside:
            return np.asarray(rows[np.argsort(-beside[wanted.sort][rows], kind="stable")])
        return np.asarray(rows[self._order(rows, wanted.sort)])

    def _any(self, mutated: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Return the variants [n] that have a mutation among these [m]."""
        sums = np.concatenate([[0], np.cumsum(mutated)])
        return np.asarray(sums[self.starts[1:]] > sums[self.starts[:-1]])

    def _order(self, rows: Rows, sort: str) -> Rows:
        """Return places in `rows` in display order."""
        if sort == "index":
            return np.arange(len(rows))
        if sort == "name":
            names = [self.names[at] for at in rows.tolist()]
            return np.array(sorted(range(len(names)), key=names.__getitem__), dtype=np.intp)
        return np.argsort(self._key(sort)[rows], kind="stable")

    def _key(self, sort: str) -> NDArray[Any]:
        """Return numbers [n] to sort by, the smallest first."""
        last = np.iinfo(np.int32).max
        match sort:
            case "worst":
                return self.score
            case "spread":
                return -self.spread
            case "position":
                first = np.append(self.positions, last)[self.starts[:-1]]
                return np.where(self.count > 0, first, 0)
            case "mutations":
                return np.where(self.count == OTHER_LENGTH, last, self.count)
            case _:
                return -self.score

    def rows(self, wanted: Rows) -> list[Row]:
        """Return the rows of these numbers."""
        columns = (self.index, self.names, self.codes, self.count, self.score, self.spread, self.places)
        return [Row._make((*(column[at] for column in columns), self._mutated(at))) for at in wanted.tolist()]

    def _mutated(self, at: int) -> str:
        return " ".join(map(str, self.positions[self.starts[at] : self.starts[at + 1]].tolist()))

    def variant(self, at: int) -> Variant | None:
        """Return the substitutions of a row, or None for a sequence of another length."""
        if self.count[at] == OTHER_LENGTH:
            return None
        codes = self.codes[at].split(":")
        positions = self.positions[self.starts[at] : self.starts[at + 1]].tolist()
        return Variant(
            tuple(Mutation(n, self.parent[n - 1], code[-1]) for n, code in zip(positions, codes, strict=False))
        )

    def sequence(self, at: int) -> str:
        """Return the full sequence of a row."""
        variant = self.variant(at)
        return self.codes[at] if variant is None else variant.sequence(self.parent)


def variant_table(job: Job) -> VariantTable:
    """Return the table of a job of the action score, of the results that it has now."""
    return _table(job, results_fingerprint(job))


@lru_cache(maxsize=3)
def _table(job: Job, fingerprint: str) -> VariantTable:
    return read_table(job)


def scores_of(job: Job) -> ScoreOf:
    """Return a function from a variant to its score: the first if the job names the variant several times."""
    table = variant_table(job)
    named = list(zip(table.codes, table.score.tolist(), strict=True))
    scores = dict(reversed(named))
    return lambda key: scores.get(key.code(table.numbering) if isinstance(key, Variant) else key)


def read_table(job: Job) -> VariantTable:
    """Read the packed scores, and the items that have one."""
    parent, numbering = str(job.params["parent"]), numbering_of(job.params)
    stored = stored_numbers(job)
    items = list(islice(scored_items(job, stored["score"]), MAX_RANKED + 1))
    cut = len(items) > MAX_RANKED
    taken: dict[int | None, int] = {}
    score, spread = np.zeros(len(items)), np.zeros(len(items))
    for at, (_, chunk_id, _, _) in enumerate(items):
        place = taken.get(chunk_id, 0)
        taken[chunk_id] = place + 1
        score[at] = stored["score"][chunk_id][place]
        spread[at] = stored["spread"][chunk_id][place]
    columns = MutationColumns(parent, numbering)
    for *_, text in items:
        columns.add(text)
    places = np.empty(len(items), dtype=np.int64)
    places[np.argsort(-score, kind="stable")] = np.arange(1, len(items) + 1)
    return VariantTable(
        parent=parent,
        numbering=numbering,
        index=np.array([index for index, *_ in items], dtype=np.int64),
        names=[name for _, _, name, _ in items],
        codes=columns.codes,
        score=score,
        spread=spread,
        count=np.array(columns.count, dtype=np.int32),
        positions=np.array(columns.positions, dtype=np.int32),
        mutants=np.array(columns.mutants, dtype=np.int8),
        starts=np.array(columns.starts, dtype=np.int64),
        places=places,
        cut=cut,
    )
