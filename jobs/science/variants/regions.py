"""Finding the numbering of codes if no single offset fits: regions of the parent, each with an offset of its own.

TEM-1 in Ambler's scheme has three: 2 up to number 238, 3 from 240 on, 4 from 254 on. In antibodies numbers fall behind
where residues have insertion letters.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from jobs.science.variants.numbering import LARGEST_NUMBER, Label, Numbering

LEAST_GAIN = 3
"""Pairs that a further region must explain: fewer fit another offset by chance."""
REACH = 64
"""Most by which the offsets of two regions differ from the commonest one."""
_COST = LEAST_GAIN - 0.5  # of a change: no tie with staying
_LETTERS = 26

Pair = tuple[str, int]
"""A wild-type letter and a number."""


@dataclass(frozen=True, slots=True)
class Region:
    """A stretch of numbers, from `first` to `last` as codes name them, that are `offset` ahead of positions."""

    offset: int
    first: int
    last: int


def regions_of(pairs: Iterable[Pair], parent: str) -> list[Region]:
    """Return the regions that explain most of the pairs, in the order of numbers; none if no letter is in the parent.

    Each further region explains LEAST_GAIN pairs or more. If its numbers jump ahead, no pair has the skipped ones.
    """
    letters: dict[int, list[str]] = defaultdict(list)
    for letter, number in pairs:
        letters[number].append(letter)
    numbers = sorted(letters)
    offsets = _offsets(letters, parent)
    if not len(offsets):
        return []
    fits = np.array([_fits(letters[number], number, offsets, parent) for number in numbers])
    chosen = offsets[_best_path(numbers, fits)].tolist()
    return _joined(numbers, chosen)


def numbering_of_regions(regions: Sequence[Region], length: int) -> Numbering | None:
    """Return the numbering of a parent of `length` residues, or None if it would need more than 26 letters at once.

    If all regions are further ahead than the one before, it skips numbers. Otherwise residues between two regions get
    insertion letters after the last number before the second.
    """
    steps = [(later.offset - earlier.offset, later.first) for earlier, later in pairwise(regions)]
    if all(step > 0 for step, _ in steps):
        skip = [number for step, first in steps for number in range(first - step, first)]
        return Numbering.skipping(1 + regions[0].offset, skip)
    labels: list[Label] = []
    ends = [later.first - later.offset for later in regions[1:]] + [length + 1]
    for region, end, following in zip(regions, ends, [*regions[1:], None], strict=True):
        last = following.first - 1 if following else LARGEST_NUMBER
        for number in range(len(labels) + 1 + region.offset, end + region.offset):
            if number - last > _LETTERS:
                return None
            labels.append(Label(number) if number <= last else Label(last, chr(ord("A") + number - last - 1)))
    return Numbering.listed(labels) if len(set(labels)) == len(labels) == length else None


def _offsets(letters: dict[int, list[str]], parent: str) -> NDArray[np.int64]:
    """Return the candidates for offsets: those near the commonest one, in ascending order."""
    places = {letter: np.flatnonzero(np.array(list(parent)) == letter) + 1 for letter in set(parent)}
    none = np.empty(0, dtype=np.int64)
    votes = [number - places.get(letter, none) for number, named in letters.items() for letter in named]
    found, counts = np.unique(np.concatenate([none, *votes]), return_counts=True)
    if not len(found):
        return none
    near = found[np.abs(found - found[counts.argmax()]) <= REACH]
    return np.arange(near[0], near[-1] + 1)


def _fits(named: Sequence[str], number: int, offsets: NDArray[np.int64], parent: str) -> list[int]:
    """Return how many of the letters the parent has at a number, under each offset."""
    positions = (number - offsets).tolist()
    return [named.count(parent[at - 1]) if 1 <= at <= len(parent) else 0 for at in positions]


def _best_path(numbers: Sequence[int], fits: NDArray[np.int64]) -> NDArray[np.intp]:
    """Return the column of `fits` [numbers, offsets] for each number such that fits less costs of changes are most."""
    columns = np.arange(fits.shape[1])
    ahead = columns[None, :] - columns[:, None]
    costs = np.where(ahead == 0, 0.0, _COST)
    total, came = fits[0].astype(np.float64), [columns]
    for row, gap in enumerate(np.diff(numbers).tolist(), start=1):
        # Numbers jump ahead only over those that no code has, and fall behind anywhere.
        reached = np.where(ahead < gap, total[:, None] - costs, -np.inf)
        came.append(reached.argmax(axis=0))
        total = reached.max(axis=0) + fits[row]
    path = [int(total.argmax())]
    for sources in reversed(came[1:]):
        path.append(int(sources[path[-1]]))
    return np.array(path[::-1], dtype=np.intp)


def _joined(numbers: Sequence[int], offsets: Sequence[int]) -> list[Region]:
    """Return the runs of equal offsets."""
    regions: list[Region] = []
    for number, offset in zip(numbers, offsets, strict=True):
        if regions and regions[-1].offset == offset:
            regions[-1] = Region(offset, regions[-1].first, number)
        else:
            regions.append(Region(offset, number, number))
    return regions
