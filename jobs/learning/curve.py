"""The learning curve: how well a model ranks held-out variants after so many measurements.

Folds are those of the headline. Inside each training set a model learns from the first few variants of a random order.
So larger sets have the smaller ones in them. The prior ranks the same held-out variants.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from jobs.learning.crossvalidation import Figure, Learner, Ranked, compare
from jobs.learning.folds import Folds, folds_of
from jobs.learning.samples import Floats, Rows

SIZES = (12, 24, 48, 96, 192, 384, 768)
REPEATS = 3
"""Assignments to folds, with a random order each."""
MOST_REPEATED = 400
"""Measured variants up to which folds are repeated. Of more, one assignment differs little from another."""
APART = 1_000_003
"""Between the seeds of these assignments, so that those of neighbouring seeds differ."""


@dataclass(frozen=True, slots=True)
class Step:
    """Spearman within folds of model and prior, after learning from `count` variants."""

    count: int
    spearman: dict[str, Figure]


def learning_curve(
    learner: Learner, rows: Rows, measured: Floats, rounds: Sequence[int], *, kind: str, seed: int
) -> tuple[Step, ...]:
    """Return the steps of SIZES below the smallest training set, and that of its size. There is none without folds."""
    repeats = REPEATS if len(rows) <= MOST_REPEATED else 1
    every = [folds_of(kind, rows.variants, rounds, seed=seed + repeat * APART) for repeat in range(repeats)]
    every = [one for one in every if one.splits]
    if not every:
        return ()
    least = min(len(split.training) for folds in every for split in folds.splits)
    counts = [one for one in SIZES if one < least] + [least]
    orders = [_orders(folds, seed + at) for at, folds in enumerate(every)]
    found = []
    for count in counts:
        ranked = [
            Ranked(folds, _rankings(learner, rows, measured, folds, order, count=count))
            for folds, order in zip(every, orders, strict=True)
        ]
        found.append(Step(count, dict(compare(ranked, rows, measured, seed=seed).spearman)))
    return tuple(found)


def _orders(folds: Folds, seed: int) -> list[np.ndarray]:
    generator = np.random.default_rng(seed)
    return [generator.permutation(split.training) for split in folds.splits]


def _rankings(
    learner: Learner, rows: Rows, measured: Floats, folds: Folds, orders: Sequence[np.ndarray], *, count: int
) -> dict[str, list[Floats]]:
    model = [
        learner.fit(rows.take(order[:count]), measured[order[:count]]).predict(rows.take(split.test))
        for split, order in zip(folds.splits, orders, strict=True)
    ]
    return {"model": model, "prior": [rows.prior[split.test] for split in folds.splits]}
