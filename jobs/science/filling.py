"""Whole sequences from predictions at masked positions."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from e1protocol import CANONICAL


@dataclass(frozen=True, slots=True)
class Filled:
    """A sequence with a residue at each masked position. `residues` are those, and `probability` is their product."""

    sequence: str
    residues: tuple[str, ...]
    probability: float


def most_probable(sequence: str, masks: Sequence[int], probabilities: NDArray[np.float64]) -> Iterator[Filled]:
    """Yield the ways to fill the 0-based positions `masks`, the most probable first, by `probabilities` [masks, 20].

    The network predicts each masked position without knowing what is put at the others, so a sequence's probability is
    the product over its positions. It ranks candidates; it is not the probability of the whole sequence.

    Candidates come from a heap: after a sequence, one more step down the ranking is tried at each position. Steps go
    from left to right only, so none comes twice. This is best-first search (Lawler 1972, Management Science 18:401).
    """
    order = np.argsort(-probabilities, axis=1, kind="stable")
    logs = np.log(np.maximum(np.take_along_axis(probabilities, order, axis=1), np.finfo(np.float64).tiny))
    start = (0,) * len(masks)
    heap = [(-float(logs[:, 0].sum()), start, 0)]
    while heap:
        cost, ranks, first = heapq.heappop(heap)
        letters = tuple(CANONICAL[order[at, rank]] for at, rank in enumerate(ranks))
        filled = list(sequence)
        for place, letter in zip(masks, letters, strict=True):
            filled[place] = letter
        yield Filled("".join(filled), letters, float(np.exp(-cost)))
        for at in range(first, len(ranks)):
            if ranks[at] + 1 < order.shape[1]:
                step = float(logs[at, ranks[at]] - logs[at, ranks[at] + 1])
                heapq.heappush(heap, (cost + step, (*ranks[:at], ranks[at] + 1, *ranks[at + 1 :]), at))
