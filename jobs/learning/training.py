"""A whole model: fit, cross-validation beside its baselines, gain over the prior, coverage, and what may rank.

The delivered ranking is the prior's until the model has shown a gain on held-out positions (`jobs.learning.gains`).
"""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from jobs.learning.crossvalidation import Compared, Figure, Learner, Ranked, compare, out_of_fold
from jobs.learning.curve import APART, MOST_REPEATED, Step, learning_curve
from jobs.learning.folds import KINDS, Folds, folds_of
from jobs.learning.gains import Gain, gain_of, no_gain
from jobs.learning.gaussian import MOST_EXACT, GaussianProcess
from jobs.learning.intervals import GUARANTEED, NOMINAL, Coverage, Intervals, outer_coverage
from jobs.learning.linear import AugmentedRidge, PositionMean, Ridge
from jobs.learning.samples import Floats, Rows
from jobs.learning.tops import top_figures

LEAST = 20
"""Measured variants of a model."""
MOST_COVERAGE = 400
"""Measured variants up to which coverage is observed by an outer loop, which fits five times five models."""
REPEATS = 5
"""Assignments of variants to the folds of the headline, which decides who ranks. Its figures are their means."""


@dataclass(frozen=True, slots=True)
class Trained:
    """What is known of a model. `folds` has every kind, and `compared` those that could be made.

    `held_out` has the model's predictions [n] by kind of folds. Variants that no split tests have NaN. `tops` has NDCG
    and top-10 % recall by kind of folds and ranking, if they were asked for.
    """

    folds: Mapping[str, Folds]
    compared: Mapping[str, Compared]
    held_out: Mapping[str, Floats]
    gain: Gain
    coverage: Coverage
    method: str
    curve: tuple[Step, ...] = ()
    tops: Mapping[str, Mapping[str, Mapping[str, Figure]]] = field(default_factory=dict)
    nominal: float = NOMINAL
    guaranteed: float = GUARANTEED

    @property
    def ranks_by(self) -> str:
        """Return whose ranking is delivered: `model` or `prior`."""
        return "model" if self.gain.shown else "prior"


def learner_for(count: int, *, use_prior: bool = True) -> Learner:
    """Return the learner for so many variants: an exact Gaussian process, and ridge on the prior's rest above."""
    return GaussianProcess(use_prior) if count <= MOST_EXACT else Ridge(use_prior)


def train(
    rows: Rows,
    measured: Floats,
    rounds: Sequence[int],
    *,
    seed: int,
    kinds: Sequence[str] = KINDS,
    more: Mapping[str, Floats] | None = None,
    use_prior: bool = True,
    observe_coverage: bool = True,
    draw_curve: bool = False,
    judge_tops: bool = False,
) -> Trained:
    """Cross-validate a model and its baselines. `measured` is higher for better variants, as the prior is.

    `more` has further rankings [n] that learn nothing, such as the profile. Raises ValueError for fewer than LEAST
    variants.
    """
    if len(rows) < LEAST:
        raise ValueError(f"a model needs {LEAST} measured variants, and there are {len(rows)}")
    learner = learner_for(len(rows), use_prior=use_prior)
    folds = {kind: folds_of(kind, rows.variants, rounds, seed=seed) for kind in kinds}
    ranked = {
        kind: [Ranked(one, _rankings(learner, rows, measured, one, more or {}))]
        for kind, one in folds.items()
        if one.splits
    }
    headline = _headline(ranked)
    if headline and len(rows) <= MOST_REPEATED:
        for repeat in range(1, REPEATS):
            again = folds_of(headline, rows.variants, rounds, seed=seed + repeat * APART)
            ranked[headline].append(Ranked(again, _rankings(learner, rows, measured, again, more or {})))
    compared = {kind: compare(found, rows, measured, seed=seed) for kind, found in ranked.items()}
    return Trained(
        folds,
        compared,
        {kind: _in_order(found[0].rankings["model"], folds[kind], len(rows)) for kind, found in ranked.items()},
        gain_of(ranked[headline], rows, measured, spearman=compared[headline].difference["model"])
        if headline
        else no_gain(len(rows)),
        _coverage(learner, rows, measured, folds, seed) if observe_coverage else Coverage(None, None),
        "gaussian_process" if isinstance(learner, GaussianProcess) else "ridge",
        learning_curve(learner, rows, measured, rounds, kind=headline, seed=seed) if draw_curve and headline else (),
        {kind: top_figures(found, rows, measured, seed=seed) for kind, found in ranked.items()} if judge_tops else {},
    )


def fit_with_intervals(rows: Rows, measured: Floats, *, seed: int, use_prior: bool = True) -> Intervals:
    """Return the intervals of a model: by position if possible, else by random folds."""
    learner = learner_for(len(rows), use_prior=use_prior)
    return Intervals.learn(learner, rows, measured, grouped_folds(rows, seed))


def grouped_folds(rows: Rows, seed: int) -> Folds:
    """Return folds by position, or random ones if there are none."""
    found = folds_of("position", rows.variants, [0] * len(rows), seed=seed)
    return found if found.splits else folds_of("random", rows.variants, [0] * len(rows), seed=seed)


def _rankings(
    learner: Learner, rows: Rows, measured: Floats, folds: Folds, more: Mapping[str, Floats]
) -> dict[str, list[Floats]]:
    still = {"prior": rows.prior, **more}
    return {
        "model": out_of_fold(learner, rows, measured, folds),
        "augmented_ridge": out_of_fold(AugmentedRidge(), rows, measured, folds),
        "position_mean": out_of_fold(PositionMean(), rows, measured, folds),
        **{name: [values[split.test] for split in folds.splits] for name, values in still.items()},
    }


def _in_order(predicted: Sequence[Floats], folds: Folds, count: int) -> Floats:
    """Return the predictions of the test rows [count] in the order of the variants."""
    found = np.full(count, np.nan)
    for split, values in zip(folds.splits, predicted, strict=True):
        found[split.test] = values
    return found


def _headline(kinds: Container[str]) -> str:
    """Return the kind of folds that decides who ranks, "" if there is none."""
    return next((one for one in ("position", "random") if one in kinds), "")


def _coverage(learner: Learner, rows: Rows, measured: Floats, folds: Mapping[str, Folds], seed: int) -> Coverage:
    outer = next((folds[one] for one in ("position", "random") if one in folds and folds[one].splits), None)
    if outer is None or len(rows) > MOST_COVERAGE:
        return Coverage(None, None)
    inner = [grouped_folds(rows.take(split.training), seed) for split in outer.splits]
    return outer_coverage(learner, rows, measured, outer, inner)
