"""Cross-validation: predictions of variants that the model has not seen, and how well they rank.

Everything that learns (fit, choice of settings, scales) happens in `Learner.fit` on the training rows of a split.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from jobs.learning.folds import Folds, independent_units
from jobs.learning.samples import Floats, Rows, Whole
from jobs.science.variants.metrics import spearman

DRAWS = 1_000
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


@dataclass(frozen=True, slots=True)
class Ranked:
    """One assignment of variants to folds, and how each ranking, by name, orders the test rows of each split."""

    folds: Folds
    rankings: Mapping[str, Sequence[Floats]]


def compare(repeats: Sequence[Ranked], rows: Rows, measured: Floats, *, seed: int) -> Compared:
    """Compare rankings of the test rows of each split. One of them is named `prior`.

    Each figure is the mean over the repeats: with few variants, one assignment to folds decides much by chance.
    Intervals come from a bootstrap over groups of variants that share positions, with the same draws for every ranking
    and repeat. If such groups make no folds, single variants are drawn.
    """
    counts = resampled(independent_units(rows.variants), np.random.default_rng(seed))
    names = list(repeats[0].rankings)
    value = {name: np.array([_value(one, name, measured) for one in repeats]) for name in names}
    table = {name: np.stack([counted_within(one, name, measured, counts) for one in repeats]) for name in names}
    others = [name for name in names if name != "prior"]
    return Compared(
        {name: Figure.of(float(mean_of_known(value[name])), mean_of_known(table[name])) for name in names},
        {
            name: Figure.of(
                float(mean_of_known(value[name] - value["prior"])), mean_of_known(table[name] - table["prior"])
            )
            for name in others
        },
    )


def mean_of_known(values: Floats) -> Floats:
    """Return the mean over the first axis of what is defined, NaN if nothing is."""
    known = ~np.isnan(values)
    count = known.sum(axis=0)
    total = np.where(known, values, 0.0).sum(axis=0)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _value(ranked: Ranked, name: str, measured: Floats) -> float:
    return within_folds(ranked.rankings[name], [measured[split.test] for split in ranked.folds.splits])


def resampled(groups: Whole, generator: np.random.Generator, draws: int = DRAWS) -> Floats:
    """Return how often each variant is drawn [draws, n]: whole groups with replacement, as many as there are."""
    _, own = np.unique(groups, return_inverse=True)
    count = int(own.max()) + 1
    return generator.multinomial(count, np.full(count, 1 / count), size=draws)[:, own].astype(float)


def counted_within(ranked: Ranked, name: str, measured: Floats, counts: Floats) -> Floats:
    """Return `within_folds` [draws] of variants that are drawn `counts` [draws, n] times."""
    total, weights = np.zeros(len(counts)), np.zeros(len(counts))
    for predicted, split in zip(ranked.rankings[name], ranked.folds.splits, strict=True):
        drawn = counts[:, split.test]
        sizes, found = drawn.sum(axis=1), counted_spearman(predicted, measured[split.test], drawn)
        good = (sizes >= LEAST_FOLD) & ~np.isnan(found)
        total += np.where(good, found * (sizes - 1), 0.0)
        weights += np.where(good, sizes - 1, 0.0)
    return _ratio(total, weights)


def _ratio(above: Floats, below: Floats) -> Floats:
    """Return quotients, NaN if the divisor is not above 0."""
    return np.asarray(np.divide(above, below, out=np.full(len(below), np.nan), where=below > 0))


def counted_spearman(a: Floats, b: Floats, counts: Floats) -> Floats:
    """Return Spearman's correlation [draws] of pairs that are repeated `counts` [draws, n] times."""
    x, y = _centred_ranks(a, counts), _centred_ranks(b, counts)
    scale = np.sqrt((counts * x * x).sum(axis=1) * (counts * y * y).sum(axis=1))
    shared = (counts * x * y).sum(axis=1)
    return _ratio(shared, scale)


def _centred_ranks(values: Floats, counts: Floats) -> Floats:
    """Return midranks [draws, n] without their mean."""
    order = np.argsort(values, kind="stable")
    distinct, first, group = np.unique(values[order], return_index=True, return_inverse=True)
    sizes = np.add.reduceat(counts[:, order], first, axis=1) if len(distinct) else counts
    middle = np.cumsum(sizes, axis=1) - (sizes - 1) / 2
    found = np.empty_like(counts)
    found[:, order] = middle[:, group]
    return np.asarray(found - (counts.sum(axis=1, keepdims=True) + 1) / 2)
