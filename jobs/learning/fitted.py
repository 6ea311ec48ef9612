"""A fitted model as plain JSON, and back: settings of each fit, folds and their errors. Nothing is fitted again.

A model is one fit on all measured variants for means, and one for each fold for intervals (CV+).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, cast

import numpy as np

from jobs.learning.crossvalidation import Fitted
from jobs.learning.gaussian import GaussianFit, GaussianProcess, Settings, gram, process_of
from jobs.learning.intervals import Intervals
from jobs.learning.samples import Floats, Rows
from jobs.learning.training import grouped_folds, learner_for

_NORMAL_90 = 1.645


@dataclass(frozen=True, slots=True)
class Ready:
    """A model that can predict. `intervals` is None if there were too few variants for folds."""

    whole: Fitted
    intervals: Intervals | None

    def means(self, rows: Rows) -> tuple[Floats, Floats]:
        """Return mean and standard deviation [n] of the true value."""
        if isinstance(self.whole, GaussianFit):
            return self.whole.predict_with_spread(rows)
        low, high = self.around(rows)
        spread = (high - low) / (2 * _NORMAL_90)
        return self.whole.predict(rows), np.where(np.isfinite(spread), spread, 1.0)

    def around(self, rows: Rows) -> tuple[Floats, Floats]:
        """Return the ends [n] of the intervals, infinite without them."""
        if self.intervals is None:
            return np.full(len(rows), -np.inf), np.full(len(rows), np.inf)
        return self.intervals.around(rows)


def fit(rows: Rows, measured: Floats, *, seed: int, use_prior: bool) -> dict[str, Any]:
    """Fit a model and return it as JSON values."""
    learner = learner_for(len(rows), use_prior=use_prior)
    folds = grouped_folds(rows, seed)
    made = Intervals.learn(learner, rows, measured, folds) if folds.splits else None
    exact = isinstance(learner, GaussianProcess)
    return {
        "method": "gaussian_process" if exact else "ridge",
        "use_prior": use_prior,
        "whole": _settings(learner.fit(rows, measured)) if exact else None,
        "folds": [
            {
                "test": split.test.tolist(),
                "settings": _settings(model) if exact else None,
                "errors": errors.tolist(),
            }
            for split, model, errors in zip(folds.splits, made.models, made.errors, strict=True)
        ]
        if made
        else [],
    }


def _settings(model: Fitted) -> dict[str, float]:
    return asdict(cast(GaussianFit, model).settings)


def restored(stored: Mapping[str, Any], rows: Rows, measured: Floats) -> Ready:
    """Return the model that `fit` returned, from the same rows and measurements."""

    def again(settings: Mapping[str, float] | None, at: Sequence[int]) -> Fitted:
        own, values = rows.take(at), measured[np.asarray(at, dtype=np.int64)]
        if settings is None:
            return learner_for(len(rows), use_prior=stored["use_prior"]).fit(own, values)
        chosen = Settings(**settings)
        sites = dict(own.sites)
        rest = values - chosen.intercept - chosen.slope * own.prior
        return GaussianFit(chosen, sites, process_of(gram(sites, chosen), chosen.noise, own.variants, rest))

    every = range(len(rows))
    whole = again(stored["whole"], every)
    models, errors = [], []
    for fold in stored["folds"]:
        held = set(fold["test"])
        models.append(again(fold["settings"], [at for at in every if at not in held]))
        errors.append(np.array(fold["errors"], dtype=float))
    return Ready(whole, Intervals(tuple(models), tuple(errors)) if models else None)
