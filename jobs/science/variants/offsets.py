"""Numbering offsets: finding the one under which the codes of variants name the residues of the parent."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice

import numpy as np

MOST_PAIRS = 500
"""Pairs of letter and number that vote. A pair votes once for each place of its letter in the parent."""
_LEAST_VOTES = 2
"""Least number of pairs that must fit: a single letter fits somewhere by chance."""
_LEAST_SHARE = 0.9
"""Least share of the pairs that must fit: a few may be mistyped."""


class Named:
    """A sample of the distinct pairs of wild-type letter and number in codes, in order, spread over the input.

    Beyond `MOST_PAIRS`, every second pair is dropped, and from then on only half as many new ones are kept.
    """

    def __init__(self, pairs: Iterable[tuple[str, int]] = ()) -> None:
        self._pairs: dict[tuple[str, int], None] = {}
        self._seen, self._step = 0, 1
        for letter, number in pairs:
            self.add(letter, number)

    def __len__(self) -> int:
        return len(self._pairs)

    def __iter__(self) -> Iterator[tuple[str, int]]:
        return iter(self._pairs)

    def add(self, letter: str, number: int) -> None:
        if (letter, number) in self._pairs:
            return
        self._seen += 1
        if self._seen % self._step:
            return
        self._pairs[letter, number] = None
        if len(self._pairs) > MOST_PAIRS:
            self._pairs = dict.fromkeys(islice(self._pairs, 1, None, 2))
            self._step *= 2


def suggest_offset(named: Iterable[tuple[str, int]], parent: str) -> int | None:
    """Return the offset under which the parent has the letters of `named` at their numbers, or None.

    `named` are (letter, number) pairs; `Named` keeps a sample. The offset must fit at least nine tenths of the sample
    and at least two pairs, and more of them than any other offset.
    """
    pairs = Named(named)
    letters = np.array(list(parent))
    votes = [number - 1 - np.flatnonzero(letters == letter) for letter, number in pairs]
    offsets, counts = np.unique(np.concatenate([np.empty(0, dtype=np.int64), *votes]), return_counts=True)
    most = counts.max(initial=0)
    winners = offsets[counts == most]
    return int(winners[0]) if most >= max(_LEAST_VOTES, _LEAST_SHARE * len(pairs)) and len(winners) == 1 else None
