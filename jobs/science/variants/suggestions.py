"""What is wrong with a numbering if codes don't fit the parent, and the numbering that would correct it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from itertools import pairwise

from jobs.errors import Problem
from jobs.science.variants.numbering import Numbering
from jobs.science.variants.numbering_forms import json_of
from jobs.science.variants.offsets import Named, suggest_offset
from jobs.science.variants.regions import Pair, Region, numbering_of_regions, regions_of

LEAST_SHARE = 0.9
"""Least share of the pairs that must fit a numbering of several regions: a few may be mistyped."""
_AROUND = 4
"""Neighbours on each side that a code is compared with."""
_LEAST_NEIGHBOURS, _MOST_FITTING = 4, 0.25
"""A code fits by accident if at least so many neighbours are known, and at most this share of them fits."""
_LISTED = 5


def suggest_numbering(named: Iterable[Pair], parent: str) -> Numbering | None:
    """Return the numbering under which nearly all letters are in the parent at their numbers, or None."""
    pairs = Named(named)
    regions = regions_of(pairs, parent)
    if len(regions) > 1:
        numbering = numbering_of_regions(regions, len(parent))
        if numbering is not None and len(_fitting(pairs, parent, numbering)) >= LEAST_SHARE * len(pairs):
            return numbering
    offset = suggest_offset(pairs, parent)
    return None if offset is None else Numbering.shifted(offset)


def wrong_numbering(named: Named, parent: str, numbering: Numbering, prefix: str = "") -> Problem | None:
    """Return the problem that another numbering would correct nearly all codes, or None.

    The code is `wrong_offset`, or `wrong_numbering` if no offset corrects them. `prefix` is put before the paths
    `offset` and `numbering`.
    """
    better = suggest_numbering(named, parent)
    if better is None or better == numbering:
        return None
    compared = f"{len(_fitting(named, parent, better)):,} of {len(named):,} wild-type letters compared fit the parent"
    if better.offset is not None:
        what = f"The numbers seem shifted: with an offset of {better.offset}, {compared}"
        return Problem("wrong_offset", what, _remedy(better, numbering), path=f"{prefix}offset")
    regions = regions_of(named, parent)
    what = f"The numbers are not ahead of the positions by the same everywhere: {_described(regions)}"
    what = f"{what}. With that, {compared}{_untold(regions)}"
    return Problem("wrong_numbering", what, _remedy(better, numbering), path=f"{prefix}numbering")


def accidental_fit(named: Named, parent: str, numbering: Numbering) -> Problem | None:
    """Return the warning about codes that fit the parent though those around them don't, or None.

    A letter is at a wrong number by chance once in twenty times.
    """
    pairs = sorted(named, key=lambda pair: pair[1])
    better = suggest_numbering(named, parent)
    fits = set(_fitting(pairs, parent, numbering))
    if better is None or better == numbering:
        suspicious = [at for at in sorted(fits) if _is_alone(at, fits, len(pairs))]
    else:
        suspicious = [at for at in sorted(fits) if better.position(pairs[at][1]) != numbering.position(pairs[at][1])]
    if not suspicious:
        return None
    first = [f"{letter}{number}" for letter, number in (pairs[at] for at in suspicious[:_LISTED])]
    more = f" and {len(suspicious) - _LISTED:,} more" if len(suspicious) > _LISTED else ""
    what = (
        f"{', '.join(first)}{more} may fit the parent by accident, because the codes around do not fit: "
        f"{first[0]} is taken for position {numbering.position(pairs[suspicious[0]][1])}"
    )
    remedy = "Check the numbering." if better is None or better == numbering else _remedy(better, numbering)
    return Problem("accidental_fit", what, remedy)


def _fitting(pairs: Iterable[Pair], parent: str, numbering: Numbering) -> list[int]:
    """Return the indices of the pairs that fit."""
    letters = dict(enumerate(parent, start=1))
    return [at for at, (wild, number) in enumerate(pairs) if letters.get(numbering.position(number) or 0) == wild]


def _is_alone(at: int, fits: set[int], count: int) -> bool:
    around = [near for near in range(max(0, at - _AROUND), min(count, at + _AROUND + 1)) if near != at]
    return len(around) >= _LEAST_NEIGHBOURS and sum(near in fits for near in around) <= _MOST_FITTING * len(around)


def _described(regions: Sequence[Region]) -> str:
    """Return the offset of each region in words."""
    first, *others = regions
    parts = [f"by {first.offset} up to {first.last}", *(f"by {one.offset} from {one.first} on" for one in others)]
    if len(parts) > _LISTED:
        parts[_LISTED:] = [f"and so on in {len(parts) - _LISTED} more regions"]
    return ", ".join(parts)


def _untold(regions: Sequence[Region]) -> str:
    """Return which skipped numbers the codes leave open."""
    open_ = []
    for earlier, later in pairwise(regions):
        step, free = later.offset - earlier.offset, range(earlier.last + 1, later.first)
        if 0 < step < len(free):
            open_.append(f"{step} of the numbers {free[0]} to {free[-1]} are skipped, and the codes do not tell which")
    return f". {'; '.join(open_)}" if open_ else ""


def _remedy(better: Numbering, numbering: Numbering) -> str:
    """Return how to give the numbering, in a request or in the fields of a page."""
    if better.offset is not None:
        now = "" if numbering.offset is None else f" of {numbering.offset}"
        return f"Set the numbering offset to {better.offset} instead{now}."
    form = json.dumps(json_of(better))
    if better.skip:
        skipped = ", ".join(map(str, better.skip))
        return f"Set the numbering offset to {better.start - 1} and skip the numbers {skipped}: {form}."
    return f"Give the number of each residue: {form}."
