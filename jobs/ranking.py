"""The scores of a job of variants as columns: read once, then sorted, searched and filtered with numpy.

A few tables are remembered, each under the fingerprint of the results that it was read from. A table of 100,000
variants takes some 30 MB; larger jobs are shown up to MAX_RANKED variants, and downloaded whole.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from threading import Lock
from typing import NamedTuple

import numpy as np
import psycopg
from django.db import connection
from numpy.typing import NDArray

from jobs.models import Item, Job
from jobs.outputs import DTYPES
from jobs.science.overlays import key_of
from jobs.science.variants import Mutation, Variant
from jobs.selectors import results_fingerprint
from jobs.states import ChunkState

Floats = NDArray[np.float64]
Rows = NDArray[np.intp]

MAX_RANKED = 250_000
"""Variants of one job that are ranked."""
_KEPT = 3
"""Tables that a process remembers."""

OTHER_LENGTH = -1
"""Number of mutations of a sequence whose length is not the parent's."""

SORTS = ("best", "worst", "spread", "position", "name", "index")


class Row(NamedTuple):
    """A variant as a page shows it. `place` is its rank by score among all of the job, from 1."""

    index: int  # type: ignore[assignment]  # hides tuple.index, which nobody calls on a row
    name: str
    code: str
    mutations: int
    score: float
    spread: float
    place: int


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which variants, in which order. `position` counts as the job's codes do."""

    sort: str = "best"
    search: str = ""
    position: int | None = None
    wild: str = ""
    mutations: int | None = None


@dataclass(frozen=True, slots=True)
class VariantTable:
    """Columns of n variants in input order. The positions (1-based) of variant i are
    `positions[starts[i] : starts[i + 1]]`. `cut` says that the job has more variants than are ranked.
    """

    parent: str
    offset: int
    index: NDArray[np.int64]
    names: Sequence[str]
    codes: Sequence[str]
    score: Floats
    spread: Floats
    count: NDArray[np.int32]
    positions: NDArray[np.int32]
    starts: NDArray[np.int64]
    places: NDArray[np.int64]
    cut: bool

    def __len__(self) -> int:
        return len(self.index)

    def select(self, wanted: Wanted) -> Rows:
        """Row numbers of the variants that fit, in the order asked for. Ties keep the order of the input."""
        keep = np.ones(len(self), dtype=bool)
        if wanted.mutations is not None:
            keep &= self.count == wanted.mutations
        if wanted.position is not None:
            keep &= self._any(self.positions == wanted.position - self.offset)
        if wanted.wild:
            letters = np.frombuffer(self.parent.encode(), dtype=np.uint8)
            keep &= self._any(letters[self.positions - 1] == ord(wanted.wild))
        if wanted.search:
            text = wanted.search.upper()
            both = zip(self.codes, self.names, strict=True)
            found = (text in code.upper() or text in name.upper() for code, name in both)
            keep &= np.fromiter(found, dtype=bool, count=len(self))
        rows = np.flatnonzero(keep)
        return np.asarray(rows[self._order(rows, wanted.sort)])

    def _any(self, mutated: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Variants [n] of which any mutation [m] fits."""
        sums = np.concatenate([[0], np.cumsum(mutated)])
        return np.asarray(sums[self.starts[1:]] > sums[self.starts[:-1]])

    def _order(self, rows: Rows, sort: str) -> Rows:
        match sort:
            case "worst":
                return np.argsort(self.score[rows], kind="stable")
            case "spread":
                return np.argsort(-self.spread[rows], kind="stable")
            case "position":
                first = np.append(self.positions, np.iinfo(np.int32).max)[self.starts[:-1]]
                first = np.where(self.count > 0, first, 0)
                return np.argsort(first[rows], kind="stable")
            case "name":
                names = [self.names[at] for at in rows.tolist()]
                return np.array(sorted(range(len(names)), key=names.__getitem__), dtype=np.intp)
            case "index":
                return np.arange(len(rows))
            case _:
                return np.argsort(-self.score[rows], kind="stable")

    def rows(self, wanted: Rows) -> list[Row]:
        """The rows of these numbers."""
        return [
            Row(
                int(self.index[at]),
                self.names[at],
                self.codes[at],
                int(self.count[at]),
                float(self.score[at]),
                float(self.spread[at]),
                int(self.places[at]),
            )
            for at in wanted.tolist()
        ]

    def variant(self, at: int) -> Variant | None:
        """The substitutions of a row; None for a sequence of another length."""
        if self.count[at] == OTHER_LENGTH:
            return None
        codes = self.codes[at].split(":")
        positions = self.positions[self.starts[at] : self.starts[at + 1]].tolist()
        return Variant(
            tuple(Mutation(n, self.parent[n - 1], code[-1]) for n, code in zip(positions, codes, strict=False))
        )

    def sequence(self, at: int) -> str:
        """The full sequence of a row."""
        variant = self.variant(at)
        return self.codes[at] if variant is None else variant.sequence(self.parent)


_tables: OrderedDict[tuple[str, str], VariantTable] = OrderedDict()
_lock = Lock()


def variant_table(job: Job) -> VariantTable:
    """The table of a job of the action score, of the results that it has now."""
    key = (str(job.pk), results_fingerprint(job))
    with _lock:
        if key in _tables:
            _tables.move_to_end(key)
            return _tables[key]
    table = read_table(job)
    with _lock:
        _tables[key] = table
        while len(_tables) > _KEPT:
            _tables.popitem(last=False)
    return table


def scores_of(job: Job) -> dict[Variant | str, float]:
    """The score of each variant of the job; the first where one is named more than once."""
    table = variant_table(job)
    scores: dict[Variant | str, float] = {}
    for at in range(len(table)):
        scores.setdefault(table.variant(at) or table.codes[at], float(table.score[at]))
    return scores


def read_table(job: Job) -> VariantTable:
    """The table from the database: items and packed scores, each in one query."""
    parent, offset = str(job.params["parent"]), int(job.params.get("offset", 0))
    items = list(
        Item.objects.filter(job=job, error_code__isnull=True, chunk__state=ChunkState.DONE)
        .order_by("index")
        .values_list("index", "chunk_id", "name", "sequence")[: MAX_RANKED + 1]
    )
    cut = len(items) > MAX_RANKED
    stored = {kind: _stored(job, kind) for kind in ("score", "spread")}
    taken: dict[int | None, int] = {}
    score, spread = np.zeros(len(items)), np.zeros(len(items))
    for at, (_, chunk_id, _, _) in enumerate(items):
        place = taken.get(chunk_id, 0)
        taken[chunk_id] = place + 1
        score[at] = stored["score"][chunk_id][place]
        spread[at] = stored["spread"][chunk_id][place]
    columns = _Columns(parent, offset)
    for *_, text in items:
        columns.add(text)
    places = np.empty(len(items), dtype=np.int64)
    places[np.argsort(-score, kind="stable")] = np.arange(1, len(items) + 1)
    return VariantTable(
        parent=parent,
        offset=offset,
        index=np.array([index for index, *_ in items], dtype=np.int64),
        names=[name for _, _, name, _ in items],
        codes=columns.codes,
        score=score,
        spread=spread,
        count=np.array(columns.count, dtype=np.int32),
        positions=np.array(columns.positions, dtype=np.int32),
        starts=np.array(columns.starts, dtype=np.int64),
        places=places,
        cut=cut,
    )


def _stored(job: Job, kind: str) -> dict[int | None, Floats]:
    """Numbers of the items of each chunk, one each, in item order."""
    # As in jobs.export.reading: Django's cursor would give bytes as hexadecimal text.
    with connection.cursor(), connection.wrap_database_errors, psycopg.Cursor(connection.connection) as cursor:
        cursor.execute(
            "SELECT chunk.id, output.dtype, output.data FROM jobs_output output JOIN jobs_chunk chunk "
            "ON chunk.id = output.chunk_id WHERE chunk.job_id = %s AND chunk.state = 'done' AND output.kind = %s "
            "ORDER BY chunk.id, output.item_index",
            [job.pk, kind],
            binary=True,
        )
        found: dict[int | None, Floats] = {}
        for chunk_id, dtype, data in cursor:
            numbers = np.frombuffer(data, dtype=DTYPES[dtype]).astype(np.float64)
            found[chunk_id] = np.concatenate([found[chunk_id], numbers]) if chunk_id in found else numbers
    return found


_CODE = re.compile(r"[A-Z]-?[0-9]+[A-Z](?::[A-Z]-?[0-9]+[A-Z])*")


class _Columns:
    """Codes and mutated positions of variants, from the texts that were checked when they came in."""

    def __init__(self, parent: str, offset: int) -> None:
        self._parent, self._offset = parent, offset
        self._letters = np.frombuffer(parent.encode(), dtype=np.uint8)
        self.codes: list[str] = []
        self.count: list[int] = []
        self.positions: list[int] = []
        self.starts: list[int] = [0]

    def add(self, text: str) -> None:
        mutations = self._mutations(text)
        if mutations is None:
            self.codes.append(text)
            self.count.append(OTHER_LENGTH)
        else:
            self.codes.append(Variant(mutations).code(self._offset))
            self.count.append(len(mutations))
            self.positions += [mutation.position for mutation in mutations]
        self.starts.append(len(self.positions))

    def _mutations(self, text: str) -> tuple[Mutation, ...] | None:
        """Substitutions in the order of their positions; None for a sequence of another length."""
        parent = self._parent
        if _CODE.fullmatch(text):
            found = [
                Mutation(int(part[1:-1]) - self._offset, part[0], part[-1])
                for part in text.split(":")
                if part[0] != part[-1]
            ]
            return tuple(sorted(found))
        if len(text) == len(parent) and text.isascii() and text.isalpha():
            differ = np.flatnonzero(np.frombuffer(text.encode(), dtype=np.uint8) != self._letters).tolist()
            return tuple(Mutation(at + 1, parent[at], text[at]) for at in differ)
        key = key_of(text, parent, self._offset)
        return key.mutations if isinstance(key, Variant) else None
