"""The gain of a model over its prior, and whether it is large enough for the model to rank.

The model ranks if it predicts held-out measurements better than a line on its prior does, and ranks them no worse.
"Better" means that the interval of the mean difference of squared errors is above 0. docs/learning.md has the choice.

Of errors that are paired by variant, the interval is that of a mean (Bayle et al. 2020, arXiv:2007.12671, for
cross-validation). Its units share no position, and it has Student's t with units - 1 degrees of freedom (Cameron and
Miller 2015, doi:10.3368/jhr.50.2.317). So few positions make a wide interval.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from jobs.learning.crossvalidation import Figure, Ranked
from jobs.learning.folds import independent_units
from jobs.learning.samples import Floats, Rows, Whole

CLAIM = 0.95
"""Level of the interval of a gain. Each of its sides is wrong in 2.5 %."""
LEAST_SHOWN = 48
"""Measured variants below which the prior ranks. There little can be gained, and a wrong choice costs most."""
FOUND = 0.8
"""Share of experiments in which a gain of the detectable size is shown."""


@dataclass(frozen=True, slots=True)
class Gain:
    """The share of the prior's squared error that the model removes, with an interval of CLAIM.

    `spearman` is the paired difference of the rank correlations. `detectable` is the smallest gain that n can show.
    """

    folds: str
    n: int
    error: Figure
    spearman: Figure
    detectable: float | None

    @property
    def shown(self) -> bool:
        """Whether the model may rank."""
        better, order = self.error.low, self.spearman.value
        return self.n >= LEAST_SHOWN and better is not None and better > 0 and order is not None and order > 0


def no_gain(n: int) -> Gain:
    """Return the gain of a model without folds: nothing is known."""
    unknown = Figure(None, None, None)
    return Gain("", n, unknown, unknown, None)


def gain_of(repeats: Sequence[Ranked], rows: Rows, measured: Floats, *, spearman: Figure) -> Gain:
    """Return the gain of the ranking `model`, whose numbers are predictions of the measurement.

    Errors are means over the repeats. Variants that no split tests don't count.
    """
    folds, n = repeats[0].folds.kind, len(rows)
    apart, line = (_mean(values) for values in zip(*(_errors(one, rows, measured) for one in repeats), strict=True))
    tested = ~np.isnan(apart)
    units = np.unique(independent_units(rows.variants)[tested], return_inverse=True)[1]
    whole = float(line[tested].mean()) if tested.any() else 0.0
    if spearman.value is None or whole <= 0 or int(units.max()) < 1:
        return Gain(folds, n, Figure(None, None, None), spearman, None)
    error, detectable = mean_interval(apart[tested] / whole, units)
    return Gain(folds, n, error, spearman, detectable)


def _errors(ranked: Ranked, rows: Rows, measured: Floats) -> tuple[Floats, Floats]:
    """Return the line's squared error less the model's [n], and the line's [n]. NaN if a variant is not tested."""
    apart, own = np.full(len(rows), np.nan), np.full(len(rows), np.nan)
    for split, predicted in zip(ranked.folds.splits, ranked.rankings["model"], strict=True):
        truth = measured[split.test]
        own[split.test] = (truth - _line(rows.prior, measured, split.training)[split.test]) ** 2
        apart[split.test] = own[split.test] - (truth - predicted) ** 2
    return apart, own


def _line(prior: Floats, measured: Floats, training: Whole) -> Floats:
    """Return the least-squares line on the prior [n], fitted to the training rows, with a slope >= 0."""
    x, y = prior[training] - prior[training].mean(), measured[training]
    slope = max(0.0, float(x @ y / max(float(x @ x), 1e-12)))
    return np.asarray(y.mean() + slope * (prior - prior[training].mean()))


def mean_interval(values: Floats, units: Whole) -> tuple[Figure, float | None]:
    """Return the mean of values [n] with its interval, and the mean that is detectable.

    `units` [n] count from 0, and there are at least two.
    """
    count, mean = int(units.max()) + 1, float(values.mean())
    sums = np.bincount(units, values - mean)
    error = float(np.sqrt(count / (count - 1) * (sums @ sums))) / len(values)
    wide = t_value((1 + CLAIM) / 2, count)
    return Figure(mean, mean - wide * error, mean + wide * error), detectable_of(error, count)


def detectable_of(error: float, units: int) -> float | None:
    """Return the smallest difference that is shown in FOUND of such experiments, from its standard error."""
    return error * (t_value((1 + CLAIM) / 2, units) + t_value(FOUND, units)) or None


def t_value(share: float, units: int) -> float:
    """Return the quantile of Student's t with units - 1 degrees of freedom."""
    from scipy.stats import t

    return float(t.ppf(share, units - 1))


def _mean(values: Sequence[Floats]) -> Floats:
    """Return the mean over the repeats [n], which all test the same variants."""
    return np.asarray(np.mean(np.stack(values), axis=0))
