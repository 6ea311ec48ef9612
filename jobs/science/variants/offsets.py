"""Numbering offsets: which one puts most of the wild-type letters right that codes of variants name."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice

import numpy as np

from jobs.errors import Problem

MOST_PAIRS = 500
"""Letters and numbers that vote: each votes once for each place of its letter in the parent."""
_LEAST_VOTES = 2
"""Substitutions that must speak for an offset before it is suggested: a single letter fits somewhere by chance."""
_LEAST_SHARE = 0.9
"""Share of the substitutions that it must put right: a few may be mistyped."""


class Named:
    """Different pairs of wild-type letter and number, in the order in which codes name them, spread over the input.

    Beyond `MOST_PAIRS` every second one goes, and of those that come only as many are taken from then on.
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
    """The offset under which the parent has the wild-type letters that codes name at their numbers.

    `named` are (letter, number) pairs, of which `Named` keeps some. The offset is given only if it suits at least nine
    tenths of them, at least two, and more than any other offset does; otherwise None.
    """
    pairs = Named(named)
    letters = np.array(list(parent))
    votes = [number - 1 - np.flatnonzero(letters == letter) for letter, number in pairs]
    offsets, counts = np.unique(np.concatenate([np.empty(0, dtype=np.int64), *votes]), return_counts=True)
    most = counts.max(initial=0)
    winners = offsets[counts == most]
    return int(winners[0]) if most >= max(_LEAST_VOTES, _LEAST_SHARE * len(pairs)) and len(winners) == 1 else None


def wrong_offset(named: Named, parent: str, offset: int, path: str) -> Problem | None:
    """The problem `wrong_offset`, where another one would put nearly all codes right."""
    better = suggest_offset(named, parent)
    if better is None or better == offset:
        return None
    letters = dict(enumerate(parent, start=1))
    right = sum(letters.get(number - better) == wild for wild, number in named)
    what = (
        f"The numbers seem shifted: with an offset of {better}, {right:,} of {len(named):,} wild-type letters that "
        f"were compared fit the parent"
    )
    return Problem("wrong_offset", what, f"Set the numbering offset to {better} instead of {offset}.", path=path)
