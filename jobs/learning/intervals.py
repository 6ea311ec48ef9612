"""Intervals of predictions by CV+ (Barber et al. 2021, doi:10.1214/20-AOS1965), with folds of whole positions.

A new variant is predicted by the model of each fold, and widened by the errors of the variants that this model has not
seen. For exchangeable variants a nominal 90 % guarantees 80 %, and about 90 % is observed. Variants that were picked
because they are predicted high are not exchangeable: their coverage is lower, and is reported apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from jobs.learning.crossvalidation import Fitted, Learner
from jobs.learning.folds import Folds
from jobs.learning.samples import Floats, Rows

NOMINAL = 0.9
GUARANTEED = 2 * NOMINAL - 1
CELLS = 1_000_000
"""Numbers of a block, so that many variants at once take little memory."""


@dataclass(frozen=True, slots=True)
class Intervals:
    """The models of the folds, and the absolute errors of the variants that each has not seen."""

    models: tuple[Fitted, ...]
    errors: tuple[Floats, ...]

    @classmethod
    def learn(cls, learner: Learner, rows: Rows, measured: Floats, folds: Folds) -> Intervals:
        """Fit one model for each split. Raises ValueError if there are no splits."""
        if not folds.splits:
            raise ValueError(folds.reason)
        models = tuple(learner.fit(rows.take(one.training), measured[one.training]) for one in folds.splits)
        pairs = zip(models, folds.splits, strict=True)
        errors = tuple(np.abs(measured[one.test] - model.predict(rows.take(one.test))) for model, one in pairs)
        return cls(models, errors)

    @property
    def seen(self) -> int:
        """Variants with an error."""
        return sum(map(len, self.errors))

    def around(self, rows: Rows) -> tuple[Floats, Floats]:
        """Return lower and upper ends [n]. They are infinite if there are too few errors for NOMINAL."""
        predicted = [model.predict(rows) for model in self.models]
        rank = int(np.ceil(NOMINAL * (self.seen + 1)))
        if rank > self.seen:
            return np.full(len(rows), -np.inf), np.full(len(rows), np.inf)
        low, high = np.empty(len(rows)), np.empty(len(rows))
        step = max(1, CELLS // self.seen)
        for start in range(0, len(rows), step):
            block = slice(start, start + step)
            pairs = [(one[block, None], wide[None]) for one, wide in zip(predicted, self.errors, strict=True)]
            lows = np.concatenate([one - wide for one, wide in pairs], axis=1)
            highs = np.concatenate([one + wide for one, wide in pairs], axis=1)
            low[block] = np.partition(lows, self.seen - rank, axis=1)[:, self.seen - rank]
            high[block] = np.partition(highs, rank - 1, axis=1)[:, rank - 1]
        return low, high


def coverage(low: Floats, high: Floats, measured: Floats) -> float:
    """Return the share of measurements inside their intervals, NaN if there are none."""
    inside = (low <= measured) & (measured <= high)
    return float(inside.mean()) if len(inside) else float("nan")


def outer_coverage(learner: Learner, rows: Rows, measured: Floats, outer: Folds, inner: Sequence[Folds]) -> Coverage:
    """Return the observed coverage: intervals learnt without an outer fold, asked about it.

    `inner` has the folds of the training rows of each outer split. Splits without inner folds don't count.
    """
    inside, widths = [], []
    for split, folds in zip(outer.splits, inner, strict=True):
        if not folds.splits:
            continue
        made = Intervals.learn(learner, rows.take(split.training), measured[split.training], folds)
        low, high = made.around(rows.take(split.test))
        inside += ((low <= measured[split.test]) & (measured[split.test] <= high)).tolist()
        widths += (high - low).tolist()
    return Coverage(float(np.mean(inside)), float(np.median(widths))) if inside else Coverage(None, None)


@dataclass(frozen=True, slots=True)
class Coverage:
    """The share of held-out variants inside their interval, and the median width. None if it cannot be observed."""

    observed: float | None
    width: float | None
