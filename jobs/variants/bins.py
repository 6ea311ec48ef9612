"""The distribution of scores in bins with round edges."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

BINS = 30


@dataclass(frozen=True, slots=True)
class Bin:
    """The number of scores from `low` up to `high`, whose edges have `digits` decimals."""

    low: float
    high: float
    count: int
    digits: int = 2


def bins_of(scores: np.ndarray[Any, np.dtype[np.float64]]) -> list[Bin]:
    """Return the distribution of the scores in at most BINS + 1 equal bins."""
    if not len(scores):
        return []
    low, high = float(scores.min()), float(scores.max())
    if high - low <= 1e-9 * max(abs(low), abs(high)):
        return [Bin(low, high, len(scores))]
    step, digits = _round_step((high - low) / BINS)
    first, last = math.floor(low / step), math.floor(high / step) + 1
    edges = [round(number * step, digits) + 0.0 for number in range(first, last + 1)]
    counts, _ = np.histogram(np.clip(scores, edges[0], edges[-1]), bins=edges)
    return [Bin(*row, digits) for row in zip(edges, edges[1:], counts.tolist(), strict=False)]


def _round_step(least: float) -> tuple[float, int]:
    """Return the smallest of ..., 0.1, 0.2, 0.5, 1, 2, 5, ... that is at least `least`, and its number of decimals."""
    power = math.floor(math.log10(least))
    fits = (factor for factor in (1, 2, 5) if factor * 10.0**power >= least * (1 - 1e-9))
    factor = next(fits, 10)
    return factor * 10.0**power, max(0, -(power + (factor == 10)))
