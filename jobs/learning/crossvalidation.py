"""Cross-validation: predictions of variants that the model has not seen, and how well they rank.

Everything that learns (fit, choice of settings, scales) happens in `Learner.fit` on the training rows of a split.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from jobs.learning.folds import Folds, position_groups
from jobs.learning.samples import Floats, Rows, Whole
from jobs.science.variants.metrics import spearman

DRAWS = 500
"""Bootstrap draws of an interval."""
LEVEL = 0.95
LEAST_FOLD = 3
"""Variants of a fold whose ranking counts."""


class Fitted(Protocol):
    def predict(self, rows: Rows) -> Floats: ...


class Learner(Protocol):
    def fit(self, rows: Rows, measured: Floats) -> Fitted: ...


@dataclass(frozen=True, slots=True)
class Figure:
    """A number with its interval. Each is None if it is not defined."""

    value: float | None
    low: float | None
    high: float | None

    @classmethod
    def of(cls, value: float, draws: Floats) -> Figure:
        """Return the value with the middle LEVEL of the draws."""
        known = draws[~np.isnan(draws)]
        if np.isnan(value) or len(known) < len(draws) / 2:
            return cls(None if np.isnan(value) else float(value), None, None)
        low, high = np.quantile(known, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
        return cls(float(value), float(low), float(high))


def out_of_fold(learner: Learner, rows: Rows, measured: Floats, folds: Folds) -> list[Floats]:
    """Return the predictions of the test rows of each split."""
    return [
        learner.fit(rows.take(split.training), measured[split.training]).predict(rows.take(split.test))
        for split in folds.splits
    ]


def within_folds(predicted: Sequence[Floats], measured: Sequence[Floats]) -> float:
    """Return the mean of the folds' Spearman, weighted by their sizes.

    Predictions of different folds are not compared. Each fold has its own mean. With permuted labels this mean is low
    if the labels of the test variants are high, so that pooled folds correlate below 0. Folds with fewer than
    LEAST_FOLD variants or constant values don't count. Returns NaN if none counts.
    """
    pairs = [(a, b) for a, b in zip(predicted, measured, strict=True) if len(a) >= LEAST_FOLD]
    found = [(spearman(a, b), len(a) - 1) for a, b in pairs]
    good = [(value, weight) for value, weight in found if not np.isnan(value)]
    return sum(value * weight for value, weight in good) / sum(w for _, w in good) if good else float("nan")


@dataclass(frozen=True, slots=True)
class Compared:
    """Each ranking's Spearman within folds, and the paired differences to the prior, all with intervals."""

    spearman: Mapping[str, Figure]
    difference: Mapping[str, Figure]
    deviation: Mapping[str, float]
    """Standard deviation of each difference over the bootstrap."""


def compare(
    rankings: Mapping[str, Sequence[Floats]], rows: Rows, measured: Floats, folds: Folds, *, seed: int
) -> Compared:
    """Compare rankings of the test rows of each split. One of them is named `prior`.

    Intervals come from a bootstrap over groups of variants that share positions, inside each fold, with the same draws
    for every ranking.
    """
    groups = position_groups(rows.variants)
    truth = [measured[split.test] for split in folds.splits]
    value = {name: within_folds(found, truth) for name, found in rankings.items()}
    draws: dict[str, list[float]] = {name: [] for name in rankings}
    generator = np.random.default_rng(seed)
    members = [_members(groups[split.test]) for split in folds.splits]
    for _ in range(DRAWS):
        chosen = [_resampled(one, generator) for one in members]
        picked = [one[at] for one, at in zip(truth, chosen, strict=True)]
        for name, found in rankings.items():
            again = [one[at] for one, at in zip(found, chosen, strict=True)]
            draws[name].append(within_folds(again, picked))
    table = {name: np.array(found) for name, found in draws.items()}
    others = [name for name in rankings if name != "prior"]
    return Compared(
        {name: Figure.of(value[name], table[name]) for name in rankings},
        {name: Figure.of(value[name] - value["prior"], table[name] - table["prior"]) for name in others},
        {name: float(np.nanstd(table[name] - table["prior"])) for name in others},
    )


def _members(groups: Whole) -> list[Whole]:
    return [np.flatnonzero(groups == one) for one in np.unique(groups)]


def _resampled(members: Sequence[Whole], generator: np.random.Generator) -> Whole:
    drawn = generator.integers(len(members), size=len(members))
    return np.concatenate([members[at] for at in drawn])
