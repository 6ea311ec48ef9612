"""Learners beside the Gaussian process: ridge, augmented ridge and a random forest.

- `Ridge` learns from one-hot mutations, on the rest that the prior leaves, or on the measurement itself.
- `AugmentedRidge` is that of Hsu et al. 2022 (doi:10.1038/s41587-021-01146-5): one-hot columns, and the prior as one
  more column with next to no penalty.
- `Forest` is a random forest on the description of the site, summed over mutations, and the prior.

The penalty is chosen by leave-one-out errors inside the training set.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from jobs.learning.samples import Floats, Rows, incidence, mutations_of
from jobs.science.variants.codes import Mutation

PENALTIES = (0.01, 0.1, 1.0, 10.0, 100.0)
FREE = 1e3
"""Scale of the prior's column. A penalty on a column of this scale is next to none."""


@dataclass(frozen=True, slots=True)
class LinearFit:
    """A fitted linear model. `mutations` are those of its training set; others count as nothing."""

    mutations: tuple[Mutation, ...]
    slope: float
    centre: float
    spread: float
    free: bool
    _model: Any

    def predict(self, rows: Rows) -> Floats:
        """Return the prediction [n]."""
        prior = (rows.prior - self.centre) / self.spread
        columns = incidence(rows.variants, self.mutations)
        if self.free:
            columns = np.column_stack([columns, FREE * prior])
        return np.asarray(self._model.predict(columns) + self.slope * prior)


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
        model = _ridge(incidence(rows.variants, mutations), measured - slope * prior)
        return LinearFit(mutations, slope, centre, spread, False, model)


@dataclass(frozen=True, slots=True)
class AugmentedRidge:
    """A learner of one-hot mutations with the prior as a column that is hardly penalised."""

    def fit(self, rows: Rows, measured: Floats) -> LinearFit:
        """Fit any number of variants."""
        centre, spread = _scale(rows.prior)
        mutations = tuple(mutations_of(rows.variants))
        prior = FREE * (rows.prior - centre) / spread
        model = _ridge(np.column_stack([incidence(rows.variants, mutations), prior]), measured)
        return LinearFit(mutations, 0.0, centre, spread, True, model)


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


def _summed(rows: Rows) -> Floats:
    width = len(next(iter(rows.sites.values()), ()))
    sums = [sum((rows.sites[one] for one in variant.mutations), np.zeros(width)) for variant in rows.variants]
    return np.column_stack([np.array(sums).reshape(len(rows), width), rows.prior])


def _scale(prior: Floats) -> tuple[float, float]:
    return float(prior.mean()), float(prior.std()) or 1.0


def _ridge(columns: Floats, measured: Floats) -> Any:
    from sklearn.linear_model import RidgeCV

    return RidgeCV(alphas=PENALTIES).fit(columns, measured)
