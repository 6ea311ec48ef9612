"""Comparison of two runs that scored the same variants: rank agreement with an interval, and differences."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from jobs.science.variants.metrics import ranks, spearman

Floats = NDArray[np.float64]

DRAWS = 1_000
LEVEL = 0.95
MOST_RESAMPLED = 50_000
"""Pairs up to which there is an interval: each draw ranks all of them again."""
_NUMBERS = 5_000_000
"""Numbers that all draws together rank; fewer draws are made of more pairs, but at least `_LEAST`."""
_LEAST = 200


@dataclass(frozen=True, slots=True)
class Agreement:
    """Spearman's correlation of `pairs` scores, with a bootstrap interval of `draws` resamples. NaN if unknown."""

    pairs: int
    spearman: float
    low: float
    high: float
    draws: int


def agreement(first: Floats, second: Floats, groups: NDArray[np.intp] | None = None, *, seed: int = 0) -> Agreement:
    """Return how alike two runs rank the same variants.

    The interval is that of the percentile bootstrap (Efron and Tibshirani 1993, An Introduction to the Bootstrap,
    chapter 13). Pairs are drawn with replacement, so both scores of a variant stay together. `groups` [n] are drawn as
    wholes. The substitutions of one position are such a group, because they are not independent (Davison and Hinkley
    1997, section 3.8). Draws without a correlation are left out. The seed alone determines the draws.
    """
    pairs = len(first)
    whole = spearman(first, second)
    ids = np.arange(pairs) if groups is None else np.unique(groups, return_inverse=True)[1]
    count = int(ids.max()) + 1 if pairs else 0
    if not np.isfinite(whole) or count < 2 or pairs > MOST_RESAMPLED:
        return Agreement(pairs, whole, float("nan"), float("nan"), 0)
    order = np.argsort(ids, kind="stable")
    starts = np.searchsorted(ids[order], np.arange(count + 1))
    members = [order[starts[at] : starts[at + 1]] for at in range(count)]
    rng = np.random.default_rng(seed)
    draws = max(_LEAST, min(DRAWS, _NUMBERS // pairs))
    found = []
    for _ in range(draws):
        rows = np.concatenate([members[at] for at in rng.integers(0, count, count)])
        found.append(_correlation(ranks(first[rows]), ranks(second[rows])))
    known = np.array(found)[np.isfinite(found)]
    if not len(known):
        return Agreement(pairs, whole, float("nan"), float("nan"), 0)
    low, high = np.quantile(known, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Agreement(pairs, whole, float(low), float(high), len(known))


def _correlation(a: Floats, b: Floats) -> float:
    a, b = a - a.mean(), b - b.mean()
    scale = np.sqrt((a @ a) * (b @ b))
    return float(a @ b / scale) if scale else float("nan")
