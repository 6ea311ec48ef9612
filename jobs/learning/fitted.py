"""A fitted model as plain JSON, and back: settings of each fit, folds and their errors. No setting is chosen again.

A model is one fit on all measured variants for means, and one for each fold for intervals (CV+).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, cast

import numpy as np

from jobs.learning.crossvalidation import Fitted
from jobs.learning.gaussian import GaussianFit, GaussianProcess, Settings, gram, process_of
from jobs.learning.intervals import Intervals
from jobs.learning.linear import LinearFit
from jobs.learning.samples import Floats, Rows
from jobs.learning.training import grouped_folds, learner_for
from jobs.science.variants.codes import Mutation

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
        """Return the ends [n] of the intervals, infinite without them.

        CV+ takes them from the models of the folds. The mean of the whole model may be outside, and widens them.
        """
        if self.intervals is None:
            return np.full(len(rows), -np.inf), np.full(len(rows), np.inf)
        (low, high), mean = self.intervals.around(rows), self.whole.predict(rows)
        return np.minimum(low, mean), np.maximum(high, mean)

    def chances(self, rows: Rows, threshold: float) -> Floats | None:
        """Return the probability [n] that a measurement reaches the threshold, None without intervals."""
        return None if self.intervals is None else self.intervals.chances(rows, threshold)

    def possible(self, rows: Rows, draws: int, seed: int) -> Iterator[Floats] | None:
        """Return draws of measurements [n], None without intervals."""
        return None if self.intervals is None else self.intervals.drawn(rows, draws, seed)


def fit(rows: Rows, measured: Floats, *, seed: int, use_prior: bool) -> dict[str, Any]:
    """Fit a model and return it as JSON values."""
    learner = learner_for(len(rows), use_prior=use_prior)
    folds = grouped_folds(rows, seed)
    made = Intervals.learn(learner, rows, measured, folds) if folds.splits else None
    return {
        "method": "gaussian_process" if isinstance(learner, GaussianProcess) else "ridge",
        "use_prior": use_prior,
        "whole": _settings(learner.fit(rows, measured)),
        "folds": [
            {"test": split.test.tolist(), "settings": _settings(model), "errors": np.abs(errors).tolist()}
            for split, model, errors in zip(folds.splits, made.models, made.errors, strict=True)
        ]
        if made
        else [],
    }


def _settings(model: Fitted) -> dict[str, Any]:
    if isinstance(model, LinearFit):
        return asdict(model) | {"mutations": [[one.position, one.wild, one.mutant] for one in model.mutations]}
    return asdict(cast(GaussianFit, model).settings)


def restored(stored: Mapping[str, Any], rows: Rows, measured: Floats) -> Ready:
    """Return the model that `fit` returned, from the same rows and measurements."""

    def again(settings: Mapping[str, Any], at: Sequence[int]) -> Fitted:
        if stored["method"] == "ridge":
            mutations = tuple(Mutation(*one) for one in settings["mutations"])
            return LinearFit(**{**settings, "mutations": mutations, "effects": tuple(settings["effects"])})
        own, values = rows.take(at), measured[np.asarray(at, dtype=np.int64)]
        chosen = Settings(**settings)
        sites = dict(own.sites)
        rest = values - chosen.intercept - chosen.slope * own.prior
        return GaussianFit(chosen, sites, process_of(gram(sites, chosen), chosen.noise, own.variants, rest))

    every = range(len(rows))
    whole = again(stored["whole"], every)
    models, errors, held_out = [], [], []
    for fold in stored["folds"]:
        held = set(fold["test"])
        models.append(again(fold["settings"], [at for at in every if at not in held]))
        # Only sizes are stored. Signs follow from the model, and sizes stay equal to the last digit.
        held_out.append(measured[fold["test"]])
        signed = held_out[-1] - models[-1].predict(rows.take(fold["test"]))
        errors.append(np.copysign(np.array(fold["errors"], dtype=float), signed))
    return Ready(whole, Intervals(tuple(models), tuple(errors), tuple(held_out)) if models else None)
