"""Two models on the variants that both predicted out of fold: paired differences, and the smallest that can be shown.

The difference of squared errors has the interval of a gain (`jobs.learning.gains`). Those of rank metrics come from a
bootstrap over groups of variants that share positions, with the same draws for both models. Each model is looked at
within its own folds, because predictions of different folds are not compared.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from jobs.learning.crossvalidation import DRAWS, Figure, Ranked, counted_within, resampled
from jobs.learning.folds import Folds, Split, independent_units
from jobs.learning.gains import LEAST_SHOWN, detectable_of, mean_interval
from jobs.learning.samples import Floats, Whole
from jobs.learning.tops import METRICS, folds_drawn
from jobs.learning.training import LEAST
from jobs.science.variants.codes import Variant

BETTER, WORSE, NONE, MIXED = "better", "worse", "none", "mixed"
SQUARED_ERROR, SPEARMAN = "squared_error", "spearman"
MOST_NUMBERS = 2_000_000
"""Numbers that all draws of a metric look at together: of more variants there are fewer draws, but LEAST_DRAWS."""
LEAST_DRAWS = 200


@dataclass(frozen=True, slots=True)
class Difference:
    """A difference with its interval, and the smallest that so many variants can show. None if it is not defined."""

    figure: Figure
    detectable: float | None

    @property
    def shown(self) -> bool:
        """Whether the interval excludes 0."""
        low, high = self.figure.low, self.figure.high
        return low is not None and high is not None and (low > 0 or high < 0)


@dataclass(frozen=True, slots=True)
class Paired:
    """One model against another on `n` common variants, in `units` groups that share no position.

    `differences` are positive if the one is better. That of squared errors is the share of the other's error that the
    one removes. The others are differences of Spearman, NDCG and top-10 % recall.
    """

    n: int
    units: int
    differences: Mapping[str, Difference]

    @property
    def verdict(self) -> str:
        """Return what is shown, by the rule for a gain over the prior: errors must differ, and the order agree.

        `mixed` means that squared errors differ, and the order does not follow.
        """
        error, order = self.differences[SQUARED_ERROR], self.differences[SPEARMAN].figure.value
        if self.n < LEAST_SHOWN or not error.shown or error.figure.value is None:
            return NONE
        if order is None or order * error.figure.value <= 0:
            return MIXED
        return BETTER if error.figure.value > 0 else WORSE


@dataclass(frozen=True, slots=True)
class HeldOut:
    """Out-of-fold predictions [n] of a model, and the number [n] of the fold that tests each variant."""

    predicted: Floats
    fold: Whole


def too_few(common: int, *, one: int, other: int) -> str:
    """Return why so many common variants are not compared, "" if they suffice. `one` and `other` name the models."""
    if common >= LEAST:
        return ""
    return f"models {one} and {other} both predicted {common} variants out of fold, and {LEAST} are needed"


def paired(variants: Sequence[Variant], measured: Floats, one: HeldOut, other: HeldOut, *, seed: int = 0) -> Paired:
    """Compare two models on variants that both predicted out of fold. All arrays are [n], in the unit of the models."""
    units = np.unique(independent_units(variants), return_inverse=True)[1]
    count = int(units.max()) + 1
    ranked = [_ranked(found) for found in (one, other)]
    draws = min(DRAWS, max(LEAST_DRAWS, MOST_NUMBERS // len(variants)))
    counts = resampled(units, np.random.default_rng(seed), draws)
    whole = np.ones((1, len(variants)))
    found = {SQUARED_ERROR: _errors(measured, one.predicted, other.predicted, units)}
    for name in (SPEARMAN, *METRICS):
        value = [_metric(name, each, measured, whole)[0] for each in ranked]
        drawn = [_metric(name, each, measured, counts) for each in ranked]
        figure = Figure.of(float(value[0] - value[1]), drawn[0] - drawn[1])
        known = (drawn[0] - drawn[1])[~np.isnan(drawn[0] - drawn[1])]
        spread = float(np.std(known, ddof=1)) if figure.low is not None and count > 1 else 0.0
        found[name] = Difference(figure, detectable_of(spread, count) if spread else None)
    return Paired(len(variants), count, found)


def _ranked(found: HeldOut) -> Ranked:
    tests = [np.flatnonzero(found.fold == one) for one in np.unique(found.fold)]
    folds = Folds("", tuple(Split(np.zeros(0, dtype=np.int64), test) for test in tests))
    return Ranked(folds, {"model": [found.predicted[test] for test in tests]})


def _metric(name: str, ranked: Ranked, measured: Floats, counts: Floats) -> Floats:
    """Return a rank metric [draws] within the folds."""
    if name == SPEARMAN:
        return counted_within(ranked, "model", measured, counts)
    return folds_drawn(METRICS[name], ranked, "model", measured, counts)


def _errors(measured: Floats, one: Floats, other: Floats, units: Whole) -> Difference:
    """Return the share of the other's squared error that the one removes."""
    theirs = (measured - other) ** 2
    whole = float(theirs.mean())
    if whole <= 0 or int(units.max()) < 1:
        return Difference(Figure(None, None, None), None)
    return Difference(*mean_interval((theirs - (measured - one) ** 2) / whole, units))
