"""Models against data with a known truth: the ceiling, epistasis, coverage, and no claims without data."""

from __future__ import annotations

import numpy as np
import pytest

from jobs.learning import gaussian
from jobs.learning.gaussian import MOST_EXACT, GaussianProcess
from jobs.learning.intervals import Intervals
from jobs.learning.kernels import Likeness
from jobs.learning.linear import AugmentedRidge, Ridge
from jobs.learning.samples import Rows
from jobs.learning.training import LEAST, learner_for, train
from jobs.science.variants.metrics import spearman
from tests.learning.truth import additive_truth, family, multiples, rows_of, singles

PROFILE = family()


def test_without_data_of_a_site_the_prior_remains():
    rows = singles(PROFILE, 60, 0)
    fit = GaussianProcess().fit(rows, 2.0 * rows.prior + 1)
    other = singles(PROFILE, 300, 1)
    assert fit.settings.slope == pytest.approx(2, rel=0.05)
    assert spearman(fit.predict(other), other.prior) > 0.98


def test_a_prior_that_points_the_wrong_way_gets_no_weight():
    rows = singles(PROFILE, 60, 0)
    assert GaussianProcess().fit(rows, -rows.prior).settings.slope == 0
    assert Ridge().fit(rows, -rows.prior).slope == 0


@pytest.mark.parametrize("noise", [0.2, 1.0])
def test_the_ceiling_of_the_noise_is_approached(noise):
    """With 400 of 1,140 single mutants the model ranks nearly as well as the noise of the test labels allows."""
    rows = singles(PROFILE, 600, 0)
    truth = additive_truth(rows, 0)
    measured = truth + np.random.default_rng(1).normal(size=600) * noise
    fit = GaussianProcess().fit(rows.take(range(400)), measured[:400])
    held = rows.take(range(400, 600))
    ceiling = spearman(truth[400:], measured[400:])
    reached, prior = spearman(fit.predict(held), measured[400:]), spearman(held.prior, measured[400:])
    assert prior < reached <= ceiling + 0.02
    assert reached > prior + 0.3 * (ceiling - prior)


def test_epistasis_is_learnt_from_multiple_mutants_only(monkeypatch):
    rows = multiples(PROFILE, [5, 20, 41], 300, 0)
    flat = Rows(rows.variants, np.zeros(300), rows.sites)
    first, second = (
        np.array([sum(m.position == at and m.mutant in "DEKRHNQ" for m in v.mutations) for v in rows.variants])
        for at in (5, 20)
    )
    truth = 1.0 * first + 1.0 * second - 3.0 * first * second
    measured = truth + np.random.default_rng(0).normal(size=300) * 0.1
    training, held = flat.take(range(200)), flat.take(range(200, 300))
    fit = GaussianProcess().fit(training, measured[:200])
    monkeypatch.setattr(gaussian, "PAIRS", (0.0,))
    additive = GaussianProcess().fit(training, measured[:200])
    errors = [np.sqrt(np.mean((one.predict(held) - truth[200:]) ** 2)) for one in (fit, additive)]
    print(f"error with pairs {errors[0]:.3f}, without {errors[1]:.3f}, weight {fit.settings.pairs}")
    assert fit.settings.pairs > 0
    assert additive.settings.pairs == 0
    assert errors[0] < 0.7 * errors[1]


def test_nothing_is_claimed_about_pairs_without_multiple_mutants():
    alone = singles(PROFILE, 200, 3)
    assert GaussianProcess().fit(alone, additive_truth(alone, 3)).settings.pairs == 0


def test_effects_of_single_mutants_add_up_without_data_of_doubles():
    rows = singles(PROFILE, 300, 0)
    fit = GaussianProcess().fit(rows, additive_truth(rows, 0))
    one, other = next(
        (a, b) for a in rows.variants for b in rows.variants if a.mutations[0].position < b.mutations[0].position
    )
    double = type(one)((*one.mutations, *other.mutations))
    three = rows_of(PROFILE, [one, other, double])
    known = fit.predict(three)
    assert known[2] - fit.settings.intercept == pytest.approx(known[0] + known[1] - 2 * fit.settings.intercept)


def test_the_kernel_is_a_covariance():
    rows = multiples(PROFILE, [3, 9, 14], 40, 0)
    found = Likeness(rows.variants, rows.variants, rows.sites).total(0.7, 1.0)
    assert found == pytest.approx(found.T)
    assert np.linalg.eigvalsh(found).min() > -1e-8 * found.max()


def test_more_variants_than_an_exact_fit_takes_go_to_ridge():
    assert isinstance(learner_for(MOST_EXACT), GaussianProcess)
    assert isinstance(learner_for(MOST_EXACT + 1), Ridge)
    with pytest.raises(ValueError, match="exact fit"):
        GaussianProcess().fit(singles(PROFILE, MOST_EXACT + 1, 0), np.zeros(MOST_EXACT + 1))


def test_the_augmented_ridge_hardly_penalises_the_prior():
    rows, held = singles(PROFILE, 24, 0), singles(PROFILE, 300, 1)
    measured = rows.prior + np.random.default_rng(0).normal(size=24) * 0.2
    assert spearman(AugmentedRidge().fit(rows, measured).predict(held), held.prior) > 0.9


def test_too_few_variants_are_refused():
    rows = singles(PROFILE, LEAST - 1, 0)
    with pytest.raises(ValueError, match=f"needs {LEAST}"):
        train(rows, rows.prior, [1] * len(rows), seed=0)


def test_training_twice_is_the_same_to_the_byte():
    rows = singles(PROFILE, 40, 0)
    measured = additive_truth(rows, 0)
    once, again = (repr(train(rows, measured, [1] * 40, seed=3).compared) for _ in range(2))
    assert once == again


def test_a_model_that_knows_more_than_the_prior_may_rank():
    rows = singles(PROFILE, 150, 0)
    blind = Rows(rows.variants, np.random.default_rng(0).normal(size=150), rows.sites)
    found = train(blind, additive_truth(rows, 0), [1] * 150, seed=0, kinds=("position",), observe_coverage=False)
    assert found.ranks_by == "model"
    assert found.gain.error.low > 0
    assert found.gain.spearman.value > 0
    nothing = train(rows, rows.prior, [1] * 150, seed=0, kinds=("position",), observe_coverage=False)
    assert nothing.ranks_by == "prior"


def test_too_few_errors_give_no_finite_interval():
    rows = singles(PROFILE, 24, 0)
    few = Intervals((Ridge().fit(rows, rows.prior),), (np.ones(5),), (np.ones(5),))
    low, high = few.around(rows)
    assert np.isinf(low).all()
    assert np.isinf(high).all()
