"""Learners beside the Gaussian process: ridge, augmented ridge, a random forest and the mean of the position.

- `Ridge` learns from one-hot mutations, on the rest that the prior leaves, or on the measurement itself.
- `AugmentedRidge` is that of Hsu et al. 2022 (doi:10.1038/s41587-021-01146-5): one-hot columns, and the prior as one
  more column without a penalty.
- `PositionMean` knows where a mutation is, and nothing else.
- `Forest` is a random forest on the description of the site, summed over mutations, and the prior.

The penalty is chosen inside the training set.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from jobs.learning.samples import Floats, Rows, mutations_of, positions_of, sparse_incidence
from jobs.science.variants.codes import Mutation

PENALTIES = (0.01, 0.1, 1.0, 10.0, 100.0)
SMALL = 500
"""Mutations up to which a sparse factor is quick however full it is."""
SHARED = 2
"""Pairs of mutations in the same variant, for each mutation, up to which a factor stays sparse."""


@dataclass(frozen=True, slots=True)
class LinearFit:
    """A fitted linear model. `mutations` are those of its training set; others count as nothing."""

    mutations: tuple[Mutation, ...]
    effects: tuple[float, ...]
    intercept: float
    slope: float
    centre: float
    spread: float

    def predict(self, rows: Rows) -> Floats:
        """Return the prediction [n]."""
        effect = dict(zip(self.mutations, self.effects, strict=True))
        known = [sum(effect.get(one, 0.0) for one in variant.mutations) for variant in rows.variants]
        return np.asarray(self.intercept + np.array(known) + self.slope * (rows.prior - self.centre) / self.spread)


@dataclass(frozen=True, slots=True)
class Ridge:
    """A learner of one-hot mutations on the rest of the prior, whose slope is fitted first and is >= 0."""

    use_prior: bool = True

    def fit(self, rows: Rows, measured: Floats) -> LinearFit:
        """Fit any number of variants."""
        centre, spread = _scale(rows.prior)
        prior = (rows.prior - centre) / spread
        slope = max(0.0, float(prior @ (measured - measured.mean()) / max(prior @ prior, 1e-12))) * self.use_prior
        mutations = tuple(mutations_of(rows.variants))
        effects, (intercept,) = _ridge(rows, mutations, np.ones((len(rows), 1)), measured - slope * prior)
        return LinearFit(mutations, effects, intercept, slope, centre, spread)


@dataclass(frozen=True, slots=True)
class AugmentedRidge:
    """A learner of one-hot mutations with the prior as a column that is not penalised."""

    def fit(self, rows: Rows, measured: Floats) -> LinearFit:
        """Fit any number of variants."""
        centre, spread = _scale(rows.prior)
        mutations = tuple(mutations_of(rows.variants))
        free = np.column_stack([np.ones(len(rows)), (rows.prior - centre) / spread])
        effects, (intercept, slope) = _ridge(rows, mutations, free, measured)
        return LinearFit(mutations, effects, intercept, slope, centre, spread)


@dataclass(frozen=True, slots=True)
class ForestFit:
    _model: Any

    def predict(self, rows: Rows) -> Floats:
        """Return the prediction [n]."""
        return np.asarray(self._model.predict(_summed(rows)))


@dataclass(frozen=True, slots=True)
class Forest:
    """A learner of 200 trees. `seed` determines them."""

    seed: int = 0

    def fit(self, rows: Rows, measured: Floats) -> ForestFit:
        """Fit any number of variants."""
        from sklearn.ensemble import RandomForestRegressor

        model = RandomForestRegressor(200, min_samples_leaf=2, max_features=0.3, random_state=self.seed)
        return ForestFit(model.fit(_summed(rows), measured))


@dataclass(frozen=True, slots=True)
class PositionFit:
    """The mean of all measurements, and of those with a mutation at a position."""

    mean: float
    means: Mapping[int, float]

    def predict(self, rows: Rows) -> Floats:
        """Return the prediction [n]: the mean over the known positions, else that of all."""
        known = [[self.means[at] for at in positions_of(one) if at in self.means] for one in rows.variants]
        return np.array([np.mean(one) if one else self.mean for one in known], dtype=float)


@dataclass(frozen=True, slots=True)
class PositionMean:
    """A learner of means. Folds by position leave it nothing to say."""

    def fit(self, rows: Rows, measured: Floats) -> PositionFit:
        """Fit any number of variants."""
        found: dict[int, list[float]] = {}
        for variant, value in zip(rows.variants, measured, strict=True):
            for at in positions_of(variant):
                found.setdefault(at, []).append(float(value))
        return PositionFit(float(measured.mean()), {at: float(np.mean(values)) for at, values in found.items()})


def _summed(rows: Rows) -> Floats:
    width = len(next(iter(rows.sites.values()), ()))
    sums = [sum((rows.sites[one] for one in variant.mutations), np.zeros(width)) for variant in rows.variants]
    return np.column_stack([np.array(sums).reshape(len(rows), width), rows.prior])


def _scale(prior: Floats) -> tuple[float, float]:
    return float(prior.mean()), float(prior.std()) or 1.0


def _ridge(
    rows: Rows, mutations: tuple[Mutation, ...], free: Floats, measured: Floats
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return the penalised effect of each mutation, and the weights of the `free` columns [n, k].

    The penalty is that with the smallest error on held-out thirds of these rows.
    """
    columns = sparse_incidence(rows.variants, mutations)
    third = np.arange(len(rows)) % 3
    errors = []
    for penalty in PENALTIES:
        error = 0.0
        for one in range(3):
            fit, test = third != one, third == one
            effects, weights = _solved(columns[fit], free[fit], measured[fit], penalty)
            error += float(((measured[test] - columns[test] @ effects - free[test] @ weights) ** 2).sum())
        errors.append(error)
    effects, weights = _solved(columns, free, measured, PENALTIES[int(np.argmin(errors))])
    return tuple(effects.tolist()), tuple(weights.tolist())


def _solved(columns: Any, free: Floats, measured: Floats, penalty: float) -> tuple[Floats, Floats]:
    """Minimise the squares of measured - columns x effects - free x weights, plus penalty x squares of effects.

    With H = columns (columns' columns + penalty)^-1 columns', the weights are those of least squares in the metric
    I - H.
    """
    effects_of = _effects_of(columns, penalty)

    def rest(values: Floats) -> Floats:
        return np.asarray(values - columns @ effects_of(values))

    weights = np.linalg.lstsq(free.T @ rest(free), free.T @ rest(measured), rcond=None)[0]
    return effects_of(measured - free @ weights), np.asarray(weights, dtype=float)


def _effects_of(columns: Any, penalty: float) -> Callable[[Floats], Floats]:
    """Return the function from values to (C'C + penalty)^-1 C' values, which are the effects. C are the columns.

    With few mutations a variant the matrices stay sparse, so that thousands of mutations take little memory. Factors of
    other sparse matrices fill up, and are slower than dense ones. A dense one has the smaller side: the mutations, or
    the variants by the identity (C'C + penalty)^-1 C' = C' (CC' + penalty)^-1.
    """
    from scipy.linalg import cho_factor, cho_solve
    from scipy.sparse import identity
    from scipy.sparse.linalg import splu

    count, width = columns.shape
    if is_sparse(columns):
        normal = splu((columns.T @ columns + penalty * identity(width)).tocsc())
        return lambda values: np.asarray(normal.solve(columns.T @ values))
    if width <= count:
        square = (columns.T @ columns).toarray()
        square[np.diag_indices(width)] += penalty
        factor = cho_factor(square, overwrite_a=True, check_finite=False)
        return lambda values: np.asarray(cho_solve(factor, columns.T @ values, check_finite=False))
    square = (columns @ columns.T).toarray()
    square[np.diag_indices(count)] += penalty
    factor = cho_factor(square, overwrite_a=True, check_finite=False)
    return lambda values: np.asarray(columns.T @ cho_solve(factor, values, check_finite=False))


def is_sparse(columns: Any) -> bool:
    """Return whether factors of columns' columns stay sparse, or are small in any case."""
    shared = int((columns.getnnz(axis=1) * (columns.getnnz(axis=1) - 1)).sum())
    return bool(columns.shape[1] <= SMALL or shared <= SHARED * columns.shape[1])
