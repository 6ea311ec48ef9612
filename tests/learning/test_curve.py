"""The learning curve: larger training sets have the smaller ones in them, and no test variant is learnt from."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from jobs.learning.curve import REPEATS, learning_curve
from jobs.learning.gaussian import GaussianProcess
from jobs.learning.linear import Ridge
from jobs.learning.samples import Rows
from tests.learning.quick import QuickProcess
from tests.learning.tem1 import needs_tem1, quick_tem1, tem1
from tests.learning.trials import drawn
from tests.learning.truth import additive_truth, family, multiples, singles
from tests.needed import trials

PROFILE = family()


@dataclass
class Watched:
    """A learner that keeps the training and test sets of each fit, in their order."""

    inner: Any
    sets: list[tuple[frozenset[Any], frozenset[Any]]] = field(default_factory=list)

    def fit(self, rows, measured):
        fitted, training, sets = self.inner.fit(rows, measured), frozenset(rows.variants), self.sets

        class Fit:
            def predict(self, tested):
                sets.append((training, frozenset(tested.variants)))
                return fitted.predict(tested)

        return Fit()


def test_training_sets_grow_and_hold_no_test_variant():
    rows = singles(PROFILE, 60, 0)
    watched = Watched(Ridge())
    steps = learning_curve(watched, rows, additive_truth(rows, 0), [1] * 60, kind="position", seed=3)
    assert [one.count for one in steps] == [12, 24, min(len(training) for training, _ in watched.sets[-5:])]
    assert len(watched.sets) == len(steps) * REPEATS * 5
    assert not any(training & tested for training, tested in watched.sets)
    by_test: dict[Any, list[Any]] = {}
    for training, tested in watched.sets:
        by_test.setdefault(tested, []).append(training)
    for grown in by_test.values():
        assert all(small <= large for small, large in pairwise(grown) if len(small) < len(large))


def test_a_model_that_can_learn_rises_and_its_prior_stays():
    rows = singles(PROFILE, 150, 0)
    blind = Rows(rows.variants, np.random.default_rng(0).normal(size=150), rows.sites)
    steps = learning_curve(GaussianProcess(), blind, additive_truth(rows, 0), [1] * 150, kind="random", seed=0)
    model, prior = ([one.spearman[name] for one in steps] for name in ("model", "prior"))
    assert model[-1].value > model[0].value + 0.1
    assert model[-1].low > 0
    assert len({one.value for one in prior}) == 1


def test_without_folds_there_is_no_curve():
    rows = multiples(PROFILE, [5, 20, 41], 60, 0)
    assert learning_curve(Ridge(), rows, rows.prior, [1] * 60, kind="position", seed=0) == ()


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 7])
def test_a_seed_gives_the_same_curve(seed):
    rows = singles(PROFILE, 40, 0)
    once, again = (
        repr(learning_curve(Ridge(), rows, additive_truth(rows, 0), [1] * 40, kind="position", seed=seed))
        for _ in range(2)
    )
    assert once == again


@pytest.mark.slow
def test_the_curve_of_192_variants():
    """Each step has the sizes before it, up to a whole training set. The model gains more than one size at a time."""
    rows = singles(PROFILE, 192, 0)
    measured = additive_truth(rows, 0) + np.random.default_rng(0).normal(size=192)
    steps = learning_curve(QuickProcess(rows), rows, measured, [1] * 192, kind="position", seed=0)
    assert [one.count for one in steps[:-1]] == [12, 24, 48, 96]
    assert 96 < steps[-1].count <= 154
    model, prior = ([one.spearman[name].value for one in steps] for name in ("model", "prior"))
    assert len(set(prior)) == 1
    assert model[-1] > model[1]
    assert model[-1] > prior[-1]


@pytest.mark.slow
@needs_tem1
def test_the_curve_of_192_variants_of_tem1():
    whole, values = tem1()
    shown = []
    for seed in trials(20, 2):
        chosen, _ = drawn(len(whole), 192, seed)
        rows = whole.take(chosen)
        steps = learning_curve(quick_tem1(), rows, values[chosen], [1] * 192, kind="position", seed=seed)
        assert [one.count for one in steps[:-1]] == [12, 24, 48, 96]
        shown.append([(one.spearman["model"].value, one.spearman["prior"].value) for one in steps])
    found = np.array(shown)
    for at, (model, prior) in enumerate(found.mean(axis=0)):
        error = 1.96 * np.std(found[:, at, 0] - found[:, at, 1], ddof=1) / np.sqrt(len(found))
        size = steps[at].count
        print(f"\nn={size}: model {model:.3f}, prior {prior:.3f}, apart {model - prior:+.3f} +- {error:.3f}", end="")
    assert found[:, -1, 0].mean() > found[:, 0, 0].mean()
    assert found[:, -1, 0].mean() > found[:, -1, 1].mean()
