"""Who ranks: the gain over the prior, its interval, and what else must hold before the model's ranking is delivered."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from jobs.learning.crossvalidation import Figure, Ranked, compare
from jobs.learning.folds import folds_of, independent_units, position_groups
from jobs.learning.gains import CLAIM, LEAST_SHOWN, gain_of
from jobs.learning.samples import Rows
from tests.learning.truth import additive_truth, family, multiples, singles

PROFILE = family()
BETTER = Figure(0.05, -0.02, 0.1)


def ranked(rows, measured, share, *, kind="position", seed=0):
    """Return predictions of a model that removes `share` of each error of the prior's line."""
    folds = folds_of(kind, rows.variants, [1] * len(rows), seed=seed)
    predicted = []
    for split in folds.splits:
        slope, intercept = np.polyfit(rows.prior[split.training], measured[split.training], 1)
        line = intercept + slope * rows.prior[split.test]
        predicted.append(measured[split.test] + (line - measured[split.test]) * np.sqrt(1 - share))
    return Ranked(folds, {"model": predicted, "prior": [rows.prior[split.test] for split in folds.splits]})


def made(rows, share, **more):
    measured = additive_truth(rows, 0)
    return gain_of([ranked(rows, measured, share, **more)], rows, measured, spearman=BETTER)


def test_the_gain_is_the_share_of_the_error_that_the_model_removes():
    gain = made(singles(PROFILE, 96, 0), 0.3)
    assert gain.error.value == pytest.approx(0.3)
    assert 0 < gain.error.low < 0.3 < gain.error.high
    assert (gain.folds, gain.n, gain.spearman) == ("position", 96, BETTER)
    assert gain.shown


def test_a_model_that_predicts_the_line_has_no_gain():
    gain = made(singles(PROFILE, 96, 0), 0.0)
    assert gain.error.value == pytest.approx(0)
    assert not gain.shown


def test_a_worse_model_is_not_shown():
    gain = made(singles(PROFILE, 96, 0), -0.3)
    assert gain.error.high < 0
    assert not gain.shown


@pytest.mark.parametrize(("order", "shown"), [(0.01, True), (0.0, False), (-0.01, False), (None, False)])
def test_a_model_that_does_not_rank_better_is_not_shown(order, shown):
    """A curve through the prior has smaller errors than a line, and the same order."""
    gain = made(singles(PROFILE, 96, 0), 0.3)
    assert replace(gain, spearman=Figure(order, None, None)).shown == shown


@pytest.mark.parametrize(("count", "shown"), [(LEAST_SHOWN - 1, False), (LEAST_SHOWN, True)])
def test_few_variants_show_nothing(count, shown):
    gain = made(singles(PROFILE, count, 0), 0.3)
    assert gain.error.low > 0
    assert gain.shown == shown


def test_the_mean_over_assignments_is_taken():
    rows = singles(PROFILE, 96, 0)
    measured = additive_truth(rows, 0)
    repeats = [ranked(rows, measured, share, seed=seed) for seed, share in enumerate((0.1, 0.5))]
    found = gain_of(repeats, rows, measured, spearman=BETTER)
    assert found.error.value == pytest.approx(0.3, abs=0.02)


def test_without_an_order_of_the_prior_there_is_nothing_to_compare():
    rows = singles(PROFILE, 96, 0)
    flat = Rows(rows.variants, np.zeros(96), rows.sites)
    measured = additive_truth(rows, 0)
    folds = folds_of("position", rows.variants, [1] * 96, seed=0)
    same = [np.zeros(len(split.test)) for split in folds.splits]
    found = [Ranked(folds, {"model": same, "prior": same})]
    order = compare(found, flat, measured, seed=0).difference["model"]
    gain = gain_of(found, flat, measured, spearman=order)
    assert (gain.error.value, gain.detectable, gain.shown) == (None, None, False)


def test_variants_of_one_library_are_units_of_their_own():
    """Three shared sites are one group of positions, and an interval over one group has no width."""
    rows = multiples(PROFILE, [5, 20, 41], 90, 0)
    assert len(set(position_groups(rows.variants))) < 5
    assert len(set(independent_units(rows.variants))) == 90
    measured = additive_truth(rows, 0) + np.random.default_rng(0).normal(size=90)
    found = ranked(rows, measured, 0.3, kind="random")
    gain = gain_of([found], rows, measured, spearman=BETTER)
    assert gain.error.high - gain.error.low > 0.02
    noisy = [values + np.random.default_rng(1).normal(size=len(values)) for values in found.rankings["model"]]
    shuffled = Ranked(found.folds, {**found.rankings, "model": noisy})
    figure = compare([shuffled], rows, measured, seed=0).difference["model"]
    assert figure.high - figure.low > 0.02


def test_single_mutants_of_a_position_are_one_unit():
    variants = singles(PROFILE, 96, 0).variants
    units = independent_units(variants)
    assert len(set(units)) == len({one.mutations[0].position for one in variants})


@pytest.mark.parametrize("sites", [6, 30])
def test_the_interval_is_wrong_as_often_as_it_says(sites):
    """Errors of a site go together. 2.5 % of the intervals without a gain are above 0, and 95 % of all include it."""
    rows = few_sites(sites)
    folds = folds_of("position", rows.variants, [1] * len(rows), seed=0)
    own = np.unique([one.mutations[0].position for one in rows.variants], return_inverse=True)[1]
    generator = np.random.default_rng(0)
    above, inside = 0, 0
    for _ in range(400):
        # With a flat prior and the measurements 1 and -1 in turn, the line is nearly 0 and its errors are 1.
        apart = generator.normal(size=sites)[own] * 0.3 + generator.normal(size=len(rows)) * 0.1
        measured = np.where(np.arange(len(rows)) % 2, 1.0, -1.0)
        predicted = measured - np.sqrt(np.maximum(1 - apart, 0))
        found = Ranked(folds, {"model": [predicted[split.test] for split in folds.splits]})
        error = gain_of([found], rows, measured, spearman=BETTER).error
        above += error.low > 0
        inside += error.low <= 0 <= error.high
    assert 0.005 <= above / 400 <= 0.055
    assert CLAIM - 0.04 <= inside / 400 <= CLAIM + 0.04


def few_sites(count):
    """Return eight variants of each of so many positions, with a flat prior."""
    every = singles(PROFILE, 1_140, 0)
    places = [one.mutations[0].position for one in every.variants]
    chosen = [at for site in range(1, count + 1) for at in np.flatnonzero(np.array(places) == site)[:8]]
    rows = every.take(chosen)
    return Rows(rows.variants, np.zeros(len(rows)), rows.sites)
