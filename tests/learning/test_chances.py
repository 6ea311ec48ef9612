"""Probabilities of hits: from the errors that make the intervals, and as frequent as they say."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize

from jobs.learning.calibrating import SLOPE, _line, calibrated
from jobs.learning.fitted import Ready, fit, restored
from jobs.learning.gaussian import GaussianProcess
from jobs.learning.intervals import NOMINAL, Intervals
from jobs.learning.proposing import Limits, Objective, Pick, expected, propose
from jobs.learning.samples import Floats, Rows
from jobs.learning.training import fit_with_intervals
from tests.learning.truth import additive_truth, family, singles

PROFILE = family()
STEP = 0.02
"""What smoothing may add to a share of errors."""
CALIBRATED = 0.1
"""What calibration may add: an interval covers on average, and a probability is that of one variant."""


def plate(seed: int, count: int = 87) -> tuple[Rows, Floats]:
    """Return single mutants with skewed noise: most are a little better than their truth, and some far worse."""
    rows = singles(PROFILE, count, seed)
    noise = -np.random.default_rng(seed).exponential(1.0, size=count)
    return rows, additive_truth(rows, 0) + 3 * noise


@pytest.mark.parametrize("seed", [0, 1])
def test_a_probability_agrees_with_its_interval(seed):
    """The case of TEM-1 said: interval 0.05 to 15.3, and a probability of 4e-8 for 1.2."""
    rows, measured = plate(seed)
    made, held = fit_with_intervals(rows, measured, seed=0), singles(PROFILE, 300, seed + 5)
    low, high = made.around(held)
    for at in range(0, 300, 30):
        one = held.take([at])
        for chances, spare in ((made.shares, STEP), (made.chances, CALIBRATED)):
            assert chances(one, high[at])[0] <= 1 - NOMINAL + spare
            assert chances(one, low[at])[0] >= NOMINAL - spare
    inside = made.chances(held, float(np.median(measured)))
    assert ((inside > 0.01) | (high < np.median(measured))).all()


def test_probabilities_are_as_frequent_as_they_say():
    """Held-out variants are hits as often as their probabilities add up to."""
    promised, found = [], []
    for seed in range(6):
        rows, measured = plate(seed, 300)
        training, held = rows.take(range(87)), rows.take(range(87, 300))
        made = fit_with_intervals(training, measured[:87], seed=0)
        threshold = float(np.quantile(measured, 0.8))
        promised.append(made.chances(held, threshold).mean())
        found.append((measured[87:] >= threshold).mean())
    print(f"\npromised {np.mean(promised):.3f}, found {np.mean(found):.3f}")
    assert np.mean(promised) == pytest.approx(np.mean(found), abs=0.05)


def test_probabilities_order_as_predictions_do_and_none_are_equal():
    rows, measured = plate(0)
    held = singles(PROFILE, 200, 7)
    fitted = GaussianProcess().fit(rows, measured)
    made = Intervals((fitted,), (np.random.default_rng(0).exponential(2.0, size=87) - 2,), (measured,))
    chances = made.shares(held, float(np.quantile(measured, 0.9)))
    assert np.argsort(chances).tolist() == np.argsort(fitted.predict(held)).tolist()
    assert len(set(chances)) == len(set(fitted.predict(held)))


def heap(seed: int) -> tuple[Rows, Floats]:
    """Return variants that are mostly as good as the wild type, as in a scan of a tolerant protein.

    Good ones are a heap at one value, just below the threshold 0.2, and few are above it. Bad ones vary.
    """
    rows, generator = singles(PROFILE, 300, seed), np.random.default_rng(seed)
    truth = additive_truth(rows, 0)
    measured = np.minimum(truth - np.quantile(truth, 0.55) + generator.normal(size=300), 0.0)
    return rows, measured + (generator.random(300) < 0.06) * generator.exponential(size=300)


def test_hits_above_a_heap_are_not_promised_to_every_good_variant():
    """The errors of bad variants would lift every good one across the threshold, as on the scan of TEM-1."""
    promised, uncorrected, found = [], [], []
    for seed in range(4):
        rows, measured = heap(seed)
        training, held = rows.take(range(96)), rows.take(range(96, 300))
        made = fit_with_intervals(training, measured[:96], seed=0)
        best = np.argsort(-np.mean([one.predict(held) for one in made.models], axis=0))[:80]
        promised.append(made.chances(held, 0.2)[best].sum())
        uncorrected.append(made.shares(held, 0.2)[best].sum())
        found.append((measured[96:][best] >= 0.2).sum())
    shown = [float(np.mean(one)) for one in (promised, uncorrected, found)]
    print(f"\npromised {shown[0]:.1f}, by errors alone {shown[1]:.1f}, found {shown[2]:.1f} of 80")
    assert shown[1] > 3 * shown[2]
    assert shown[0] == pytest.approx(shown[2], abs=4)


@given(st.integers(0, 2**32 - 1), st.integers(10, 200))
def test_calibration_keeps_the_order_and_what_is_out_of_reach(seed, count):
    generator = np.random.default_rng(seed)
    known, shares = generator.random(count), np.sort(generator.random(30))
    reached = (generator.random(count) < known**2).astype(float)
    found = calibrated(shares, known, reached)
    assert (np.diff(found) >= 0).all()
    assert ((found > 0) & (found < 1)).all()
    assert (calibrated(shares, known, np.zeros(count)) <= shares).all()
    assert (calibrated(shares, known, np.ones(count)) >= shares).all()
    # Shares that say the opposite have less weight.
    assert np.ptp(calibrated(shares, known, (known < 0.5).astype(float))) < np.ptp(shares)


@pytest.mark.parametrize("count", [24, 90, 288])
def test_the_line_of_dead_and_living_variants_is_the_best_one(count):
    """Most are dead, and shares of both lie far out, where the first steps of a fit are too long."""
    for seed in range(20):
        generator = np.random.default_rng(seed)
        alive = generator.random(count) < 0.3
        known = np.where(generator.random(count) < 0.9, alive, generator.random(count)) * 0.9 + 0.001
        logit = np.log(known / (1 - known))
        targets = np.where(alive, 0.95, 0.02)

        def loss(line, logit=logit, targets=targets):
            odds = line[0] + line[1] * logit
            return np.logaddexp(0, odds).sum() - targets @ odds + (line[1] - 1) ** 2 / (2 * SLOPE**2)

        best = minimize(loss, [0.0, 0.5], bounds=[(None, None), (0, None)], method="L-BFGS-B")
        assert loss(_line(logit, targets)) <= best.fun + 1e-6


def test_calibration_changes_little_if_shares_are_right():
    generator = np.random.default_rng(0)
    known = generator.random(3000)
    reached = (generator.random(3000) < known).astype(float)
    shares = np.linspace(0.05, 0.95, 19)
    assert calibrated(shares, known, reached) == pytest.approx(shares, abs=0.04)
    # Half as frequent as they say.
    halved = (generator.random(3000) < known / 2).astype(float)
    assert calibrated(shares, known, halved).mean() == pytest.approx(shares.mean() / 2, abs=0.05)
    opposite = (generator.random(3000) < 1 - known).astype(float)
    assert np.ptp(calibrated(shares, known, opposite)) < 1e-6, "of many, they have none"


def test_a_threshold_out_of_reach_leaves_the_order_of_the_means():
    mean = np.array([1.0, 3.0, 2.0])
    goal = Objective(mean, np.ones(3), 1e9, np.zeros(3))
    picks = propose(singles(PROFILE, 3, 0).variants, [goal], count=3, strategy="greedy", limits=Limits(), seed=0)
    assert [one.at for one in picks] == [1, 2, 0]


def test_draws_have_the_distribution_of_the_errors():
    rows, measured = plate(0)
    made, held = fit_with_intervals(rows, measured, seed=0), singles(PROFILE, 20, 7)
    drawn = np.array(list(made.drawn(held, 2000, seed=0)))
    threshold = float(np.median(drawn))
    assert (drawn >= threshold).mean(axis=0) == pytest.approx(made.shares(held, threshold), abs=0.06)


def test_a_stored_model_says_the_same_probabilities():
    """Stored errors have no signs."""
    rows, measured = plate(0)
    stored = json.loads(json.dumps(fit(rows, measured, seed=0, use_prior=True)))
    assert all(error >= 0 for fold in stored["folds"] for error in fold["errors"])
    held, direct = singles(PROFILE, 50, 7), fit_with_intervals(rows, measured, seed=0)
    again = restored(stored, rows, measured)
    assert again.chances(held, 0.0) == pytest.approx(direct.chances(held, 0.0), abs=1e-6)
    assert again.around(held)[0] == pytest.approx(np.minimum(direct.around(held)[0], again.means(held)[0]), abs=1e-6)


def test_without_intervals_nothing_is_calibrated():
    rows, measured = plate(0)
    alone = Ready(GaussianProcess().fit(rows, measured), None)
    assert (alone.chances(rows, 0.0), alone.possible(rows, 10, 0)) == (None, None)


def test_hits_and_maximum_of_a_round_come_from_the_errors():
    mean, narrow = np.zeros(40), np.full(40, 0.01)
    picks = [Pick(at, 0.0, "") for at in range(40)]
    odds = np.full(40, 0.3)
    found = expected([Objective(mean, narrow, 1.2, odds)], picks, seed=0, possible=[np.full(40, 2.0), np.arange(40.0)])
    assert found.hits == pytest.approx(12)
    assert found.chance_of_one == pytest.approx(1 - 0.7**40)
    assert found.maximum == pytest.approx((2 + 39) / 2)
    assert expected([Objective(mean, narrow, 1.2)], picks, seed=0).hits < 1e-9
