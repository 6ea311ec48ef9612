"""A fast copy of the Gaussian process, for proofs over many draws from the same variants.

The covariances of all variants are computed once. A fit only takes the rows of its training set from them.
`test_quick.py` compares it with the process itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from jobs.learning.gaussian import LENGTHS, PAIRS, PLACES, SIGNALS, SUPPORT
from jobs.learning.kernels import Likeness
from jobs.learning.samples import Floats, Rows, Whole, positions_of

Place = tuple[float, float, float]
"""Length scale, weight of pairs, weight of positions."""


@dataclass(frozen=True)
class QuickFit:
    """A fitted process, which predicts variants of the same set."""

    process: QuickProcess
    training: Whole
    chosen: Place
    intercept: float
    slope: float
    weights: Floats

    def predict(self, rows: Rows) -> Floats:
        near = self.process.total(self.chosen, self.process.at(rows), self.training)
        return np.asarray(self.intercept + self.slope * rows.prior + near @ self.weights)


class QuickProcess:
    """A learner for subsets of `rows`, with the prior as mean."""

    def __init__(self, rows: Rows) -> None:
        likeness = Likeness(rows.variants, rows.variants, rows.sites)
        self._additive = {length: likeness.additive(length).copy() for length in LENGTHS}
        self._shared = likeness.shared
        self._many = np.array([len(one.mutations) > 1 for one in rows.variants])
        self._positions = [set(positions_of(one)) for one in rows.variants]
        self._mutations = [set(one.mutations) for one in rows.variants]
        self._number = {one: at for at, one in enumerate(rows.variants)}

    def at(self, rows: Rows) -> Whole:
        return np.array([self._number[one] for one in rows.variants], dtype=np.int64)

    def total(self, chosen: Place, left: Whole, right: Whole) -> Floats:
        """Return the covariance [left, right] of sums of effects."""
        length, pairs, place = chosen
        found = self._additive[length][np.ix_(left, right)]
        if pairs:
            found = found + pairs * found**2 * np.outer(self._many[left], self._many[right])
        return found + place * self._shared[np.ix_(left, right)] if place else found

    def fit(self, rows: Rows, measured: Floats) -> QuickFit:
        at = self.at(rows)
        columns = np.column_stack([np.ones(len(at)), rows.prior])

        def best(lengths: Sequence[float], pairs: Sequence[float], places: Sequence[float]) -> tuple:
            found = (self._along(one, at, columns, measured) for one in product(lengths, pairs, places))
            return max((one for several in found for one in several), key=lambda one: one[0])

        several = self._many[at].sum() >= 2
        plain = best(LENGTHS, PAIRS if several else (0.0,), (0.0,))
        mutations = set().union(*(self._mutations[one] for one in at))
        if len({one.position for one in mutations}) < len(mutations):
            length, pairs, _ = plain[1]
            placed = best((length,), (pairs,), PLACES)
            if placed[0] >= plain[0] + SUPPORT:
                plain = best(LENGTHS, (pairs,), (placed[1][2],))
        _, chosen, intercept, slope, weights = plain
        return QuickFit(self, at, chosen, intercept, slope, weights)

    def _along(self, chosen: Place, at: Whole, columns: Floats, measured: Floats) -> list[tuple]:
        """Return likelihood, place, intercept, slope and weights of the training rows for each signal."""
        values, vectors = np.linalg.eigh(self.total(chosen, at, at))
        values, x, y = np.maximum(values, 0.0), vectors.T @ columns, vectors.T @ measured
        found = []
        for signal in SIGNALS:
            spread = signal * values + 1
            line = _least_squares(x, y, spread)
            if line[1] < 0:
                line = np.append(_least_squares(x[:, :1], y, spread), 0.0)
            rest = y - x @ line
            noise = max(float((rest * rest / spread).mean()), 1e-12)
            likelihood = -0.5 * float(len(y) * np.log(noise) + np.log(spread).sum())
            weights = signal * (vectors @ (rest / spread))
            found.append((likelihood, chosen, float(line[0]), float(line[1]), weights))
        return found


def _least_squares(columns: Floats, measured: Floats, spread: Floats) -> Floats:
    scaled = columns / np.sqrt(spread)[:, None]
    return np.asarray(np.linalg.lstsq(scaled, measured / np.sqrt(spread), rcond=None)[0])
