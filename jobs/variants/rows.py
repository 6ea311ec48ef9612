"""The stored rows of a job of variants: texts of items, and numbers packed by chunks."""

from __future__ import annotations

from collections.abc import Container, Iterator, Sequence

import numpy as np
from django.db.models.functions import Left
from numpy.typing import NDArray

from e1protocol import CANONICAL
from jobs.database import binary_cursor
from jobs.library.outputs import DTYPES
from jobs.models import Chunk, Item, Job
from jobs.models.states import ChunkState
from jobs.science.variants.codes import Mutation, Variant
from jobs.science.variants.numbering import Numbering
from jobs.science.variants.overlays import key_of

Floats = NDArray[np.float64]

OTHER_LENGTH = -1
"""The number of mutations of a sequence of another length than the parent's."""

_CHUNKS = 1000
"""Chunks whose outputs are read at a time."""
_PAGE = 50_000
"""Items that are read at a time."""
NAME_SHOWN = 200
"""Characters of a name, which may have 4,096. Tables stay in memory."""

KINDS = ("score", "spread")
STORED = """
SELECT chunk_id, kind, dtype, data FROM jobs_output
WHERE chunk_id = ANY(%s) AND kind = ANY(%s) AND layer = -1 ORDER BY chunk_id, item_index
"""
_Item = tuple[int, int | None, str, str]


def scored_items(job: Job, scored: Container[int | None]) -> Iterator[_Item]:
    """Yield index, chunk, name and text of the items in chunks that are scored, in input order.

    A name is cut to NAME_SHOWN characters, which pages show and search. Downloads have the whole name.
    """
    # Pages by key and no join, for which the planner would read the chunks of all jobs.
    rows = Item.objects.filter(job=job, error_code__isnull=True).order_by("index")
    name, last = Left("name", NAME_SHOWN), -1
    while page := list(rows.filter(index__gt=last).values_list("index", "chunk_id", name, "sequence")[:_PAGE]):
        yield from (item for item in page if item[1] in scored)
        last = page[-1][0]


def stored_numbers(job: Job, kinds: Sequence[str] = KINDS) -> dict[str, dict[int | None, Floats]]:
    """Return, by kind, one number for each item of each done chunk, in item order."""
    chunks = Chunk.objects.filter(job=job, state=ChunkState.DONE, n_items__gt=0).values_list("pk", flat=True)
    return numbers_of(list(chunks), kinds)


def numbers_of(chunks: list[int], kinds: Sequence[str] = KINDS) -> dict[str, dict[int | None, Floats]]:
    """Return, by kind, the numbers of these chunks."""
    # By the keys of a page of chunks: for a join the planner may read the outputs of all jobs.
    found: dict[str, dict[int | None, Floats]] = {kind: {} for kind in kinds}
    with binary_cursor() as cursor:
        for start in range(0, len(chunks), _CHUNKS):
            cursor.execute(STORED, [chunks[start : start + _CHUNKS], list(kinds)], binary=True)
            for chunk_id, kind, dtype, data in cursor:
                numbers = np.frombuffer(data, dtype=DTYPES[dtype]).astype(np.float64)
                held = found[kind].get(chunk_id)
                found[kind][chunk_id] = numbers if held is None else np.concatenate([held, numbers])
    return found


class MutationColumns:
    """Codes, mutated positions and columns of the new residues of variants, from texts that the intake has checked."""

    def __init__(self, parent: str, numbering: Numbering) -> None:
        self._parent, self._numbering = parent, numbering
        self._letters = np.frombuffer(parent.encode(), dtype=np.uint8)
        self.codes: list[str] = []
        self.count: list[int] = []
        self.positions: list[int] = []
        self.mutants: list[int] = []
        self.starts: list[int] = [0]

    def add(self, text: str) -> None:
        mutations = self._mutations(text)
        if mutations is None:
            self.codes.append(text)
            self.count.append(OTHER_LENGTH)
        else:
            self.codes.append(Variant(mutations).code(self._numbering))
            self.count.append(len(mutations))
            self.positions += [mutation.position for mutation in mutations]
            self.mutants += [CANONICAL.index(mutation.mutant) for mutation in mutations]
        self.starts.append(len(self.positions))

    def _mutations(self, text: str) -> tuple[Mutation, ...] | None:
        """Return substitutions in the order of their positions, or None for a sequence of another length."""
        parent = self._parent
        if len(text) == len(parent) and text.isascii() and text.isalpha():  # faster than `key_of`
            differ = np.flatnonzero(np.frombuffer(text.encode(), dtype=np.uint8) != self._letters).tolist()
            return tuple(Mutation(at + 1, parent[at], text[at]) for at in differ)
        key = key_of(text, parent, self._numbering)
        return key.mutations if isinstance(key, Variant) else None
