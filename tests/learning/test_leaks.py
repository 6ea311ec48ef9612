"""Nothing of a test variant reaches fitting: a spy, poisoned labels, and permuted labels. Planted leaks are caught."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from jobs.learning import training
from jobs.learning.crossvalidation import out_of_fold, within_folds
from jobs.learning.folds import folds_of
from jobs.learning.gaussian import GaussianProcess
from jobs.learning.intervals import Intervals, outer_coverage
from jobs.learning.linear import AugmentedRidge, Forest, PositionMean, Ridge
from jobs.learning.samples import Rows
from jobs.learning.training import grouped_folds
from tests.learning.truth import additive_truth, family, singles

PROFILE = family()
LEARNERS = [GaussianProcess(), Ridge(), AugmentedRidge(), PositionMean(), Forest()]


class Leaked(Exception):
    """A model predicts a variant that it was fitted to."""


@dataclass
class SpyFit:
    inner: Any
    seen: frozenset[str]

    def predict(self, rows):
        if {one.sequence(PROFILE.parent) for one in rows.variants} & self.seen:
            raise Leaked
        return self.inner.predict(rows)


@dataclass
class Spy:
    """A learner that remembers the sequences it was fitted to, so that replicates and synonyms are the same."""

    inner: Any
    extra: Any = None

    def fit(self, rows, measured):
        if self.extra is not None:
            rows, measured = self.extra(rows, measured)
        return SpyFit(self.inner.fit(rows, measured), frozenset(v.sequence(PROFILE.parent) for v in rows.variants))


@pytest.mark.parametrize("kind", ["position", "random", "modulo", "contiguous"])
def test_no_test_variant_is_fitted(kind):
    rows = singles(PROFILE, 60, 0)
    folds = folds_of(kind, rows.variants, [1] * 60, seed=0)
    out_of_fold(Spy(Ridge()), rows, additive_truth(rows, 0), folds)


def test_no_variant_is_fitted_by_the_model_that_sets_its_interval():
    rows = singles(PROFILE, 60, 0)
    measured, outer = additive_truth(rows, 0), folds_of("position", rows.variants, [1] * 60, seed=0)
    Intervals.learn(Spy(Ridge()), rows, measured, outer)
    inner = [grouped_folds(rows.take(split.training), 0) for split in outer.splits]
    assert outer_coverage(Spy(Ridge()), rows, measured, outer, inner).observed is not None


@pytest.mark.parametrize("leaks", [False, True])
def test_nothing_leaks_in_a_whole_training(monkeypatch, leaks):
    """Every kind of folds, the baseline, and the outer loop of the intervals. A planted leak ends it."""
    rows = singles(PROFILE, 60, 0)
    measured = additive_truth(rows, 0)
    spied = []

    def spy(inner):
        made = Spy(inner, extra=(lambda *_: (rows, measured)) if leaks else None)
        spied.append(made)
        return made

    monkeypatch.setattr(training, "learner_for", lambda count, *, use_prior: spy(Ridge(use_prior)))
    monkeypatch.setattr(training, "AugmentedRidge", lambda: spy(AugmentedRidge()))
    monkeypatch.setattr(training, "PositionMean", lambda: spy(PositionMean()))
    with pytest.raises(Leaked) if leaks else nullcontext():
        found = training.train(rows, measured, [1] * 30 + [2] * 30, seed=0)
        assert set(found.compared) == {"position", "random", "modulo", "contiguous", "round"}
        assert found.coverage.observed is not None
        # One model, and the two baselines of each assignment to folds.
        assert len(spied) == 1 + 2 * (len(found.compared) + training.REPEATS - 1)


def test_the_spy_catches_a_planted_leak():
    rows = singles(PROFILE, 60, 0)
    measured = additive_truth(rows, 0)
    leak = Spy(Ridge(), extra=lambda _, __: (rows, measured))
    with pytest.raises(Leaked):
        out_of_fold(leak, rows, measured, folds_of("position", rows.variants, [1] * 60, seed=0))


@pytest.mark.parametrize("learner", LEARNERS, ids=lambda one: type(one).__name__)
def test_labels_and_features_of_test_variants_change_nothing_that_is_learnt(learner):
    """Scaling, reduction and choice of settings included: they would all move with labels of a million."""
    rows = singles(PROFILE, 48, 0)
    measured = additive_truth(rows, 0)
    folds = folds_of("position", rows.variants, [1] * 48, seed=0)
    honest = out_of_fold(learner, rows, measured, folds)
    split = folds.splits[1]
    poisoned = measured.copy()
    poisoned[split.test] = 1e6
    assert out_of_fold(learner, rows, poisoned, folds)[1] == pytest.approx(honest[1])
    prior = rows.prior.copy()
    prior[split.test[1:]] = 1e6
    own = {one for at in split.test[1:] for one in rows.variants[at].mutations}
    sites = {one: vector + 1e6 * (one in own) for one, vector in rows.sites.items()}
    changed = out_of_fold(learner, Rows(rows.variants, prior, sites), measured, folds)
    assert changed[1][0] == pytest.approx(honest[1][0])
    # The other folds are trained on the poison, so the check can fail.
    assert out_of_fold(learner, rows, poisoned, folds)[0] != pytest.approx(honest[0])


def test_a_leak_shows_in_permuted_labels():
    """Labels without meaning can be ranked only by a model that has seen them."""
    within = []
    for seed in range(8):
        rows = singles(PROFILE, 48, seed)
        labels = np.random.default_rng(seed).permutation(additive_truth(rows, seed))
        folds = folds_of("position", rows.variants, [1] * 48, seed=seed)
        knowing = Forest().fit(rows, labels)
        predicted = [knowing.predict(rows.take(split.test)) for split in folds.splits]
        within.append(within_folds(predicted, [labels[split.test] for split in folds.splits]))
    assert np.mean(within) > 3 * np.std(within, ddof=1) / np.sqrt(len(within))
