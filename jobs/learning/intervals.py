"""Intervals of predictions by CV+ (Barber et al. 2021, doi:10.1214/20-AOS1965), with folds of whole positions.

A new variant is predicted by the model of each fold, and widened by the errors of the variants that this model has not
seen. For exchangeable variants a nominal 90 % guarantees 80 %, and about 90 % is observed. Variants that were picked
because they are predicted high are not exchangeable: their coverage is lower, and is reported apart.

The same errors, with their signs, say how probable a value is. A measurement is the prediction of a fold's model plus
an error that this model has made. These shares are calibrated by what held-out variants reached
(`jobs.learning.calibrating`), because errors of good variants may be smaller than those of others.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from jobs.learning.calibrating import calibrated
from jobs.learning.crossvalidation import Fitted, Learner
from jobs.learning.folds import Folds
from jobs.learning.samples import Floats, Rows

NOMINAL = 0.9
GUARANTEED = 2 * NOMINAL - 1
CELLS = 1_000_000
"""Numbers of a block, so that many variants at once take little memory."""


@dataclass(frozen=True, slots=True)
class Intervals:
    """The models of the folds, and what is known of the variants that each has not seen.

    `measured` are their values, and `errors` are measured less predicted.
    """

    models: tuple[Fitted, ...]
    errors: tuple[Floats, ...]
    measured: tuple[Floats, ...]

    @classmethod
    def learn(cls, learner: Learner, rows: Rows, measured: Floats, folds: Folds) -> Intervals:
        """Fit one model for each split. Raises ValueError if there are no splits."""
        if not folds.splits:
            raise ValueError(folds.reason)
        models = tuple(learner.fit(rows.take(one.training), measured[one.training]) for one in folds.splits)
        pairs = zip(models, folds.splits, strict=True)
        errors = tuple(measured[one.test] - model.predict(rows.take(one.test)) for model, one in pairs)
        return cls(models, errors, tuple(measured[one.test] for one in folds.splits))

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
            pairs = [(one[block, None], np.abs(wide)[None]) for one, wide in zip(predicted, self.errors, strict=True)]
            lows = np.concatenate([one - wide for one, wide in pairs], axis=1)
            highs = np.concatenate([one + wide for one, wide in pairs], axis=1)
            low[block] = np.partition(lows, self.seen - rank, axis=1)[:, self.seen - rank]
            high[block] = np.partition(highs, rank - 1, axis=1)[:, rank - 1]
        return low, high

    def chances(self, rows: Rows, threshold: float) -> Floats:
        """Return the probability [n] that a measurement reaches the threshold, calibrated on held-out variants."""
        if len(self.models) < 2:
            return self.shares(rows, threshold)
        reached = np.concatenate([values >= threshold for values in self.measured]).astype(float)
        return calibrated(self.shares(rows, threshold), self._known_shares(threshold), reached)

    def shares(self, rows: Rows, threshold: float) -> Floats:
        """Return the share [n] of the errors that would lift a prediction to the threshold.

        Steps are smoothed so that the shares order variants without ties.
        """
        found = np.zeros(len(rows))
        step = max(1, CELLS // self.seen)
        for model, errors in zip(self.models, self.errors, strict=True):
            above = model.predict(rows) - threshold
            for start in range(0, len(rows), step):
                block = slice(start, start + step)
                found[block] += self._lifted(above[block], errors).sum(axis=1)
        return found / self.seen

    def _known_shares(self, threshold: float) -> Floats:
        """Return the shares of the held-out variants, from errors of the other folds."""
        found = []
        for fold, (values, errors) in enumerate(zip(self.measured, self.errors, strict=True)):
            others = np.concatenate([one for other, one in enumerate(self.errors) if other != fold])
            above, step = values - errors - threshold, max(1, CELLS // max(1, len(others)))
            found += [self._lifted(above[at : at + step], others).mean(axis=1) for at in range(0, len(above), step)]
        return np.concatenate(found)

    def _lifted(self, above: Floats, errors: Floats) -> Floats:
        """Return about 1 if an error lifts a prediction to the threshold, and about 0 if not [above, errors]."""
        from scipy.special import ndtr

        smooth = max(float(np.std(np.concatenate(self.errors))) / np.sqrt(self.seen), 1e-12)
        return np.asarray(ndtr((above[:, None] + errors[None]) / smooth))

    def drawn(self, rows: Rows, draws: int, seed: int) -> Iterator[Floats]:
        """Yield possible measurements [n], once for each draw: a prediction plus an error of its model."""
        predicted = np.stack([model.predict(rows) for model in self.models])
        fold = np.repeat(np.arange(len(self.models)), [len(one) for one in self.errors])
        every, generator = np.concatenate(self.errors), np.random.default_rng(seed)
        for _ in range(draws):
            chosen = generator.integers(self.seen, size=len(rows))
            yield predicted[fold[chosen], np.arange(len(rows))] + every[chosen]


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
