"""Stored models predict as fitted ones do, and their parts equal plain computations."""

from __future__ import annotations

import json

import numpy as np
import pytest

from jobs.learning.crossvalidation import counted_spearman
from jobs.learning.fitted import fit, restored
from jobs.learning.folds import KINDS, folds_of
from jobs.learning.gaussian import GaussianProcess
from jobs.learning.kernels import Likeness, own_likeness
from jobs.learning.linear import AugmentedRidge, Ridge
from jobs.science.variants.codes import Variant
from jobs.science.variants.metrics import spearman
from tests.learning.truth import additive_truth, family, multiples, rows_of, singles

PROFILE = family()


@pytest.mark.parametrize("learner", [GaussianProcess(), Ridge()], ids=["gaussian", "ridge"])
def test_a_stored_model_predicts_the_same(learner, monkeypatch):
    monkeypatch.setattr("jobs.learning.fitted.learner_for", lambda count, *, use_prior: learner)
    rows, held = singles(PROFILE, 60, 0), singles(PROFILE, 900, 1)
    measured = additive_truth(rows, 0)
    stored = json.loads(json.dumps(fit(rows, measured, seed=2, use_prior=True)))
    stored["method"] = "ridge" if isinstance(learner, Ridge) else "gaussian_process"
    found = restored(stored, rows, measured)
    assert found.means(held)[0] == pytest.approx(learner.fit(rows, measured).predict(held), abs=1e-9)
    low, high = found.around(held)
    mean = found.means(held)[0]
    assert (low <= mean).all()
    assert (mean <= high).all()
    # Blocks of predictions don't depend on each other.
    assert found.means(held.take([7]))[0] == pytest.approx(mean[7], abs=1e-9)


@pytest.mark.parametrize("learner", [Ridge(), AugmentedRidge()], ids=["ridge", "augmented"])
def test_ridge_solves_its_normal_equations(learner, monkeypatch):
    monkeypatch.setattr("jobs.learning.linear.PENALTIES", (2.0,))
    rows = multiples(PROFILE, [3, 9, 14], 40, 0)
    measured = additive_truth(rows, 0)
    found = learner.fit(rows, measured)
    prior = (rows.prior - rows.prior.mean()) / rows.prior.std()
    rest = measured - found.predict(rows)
    has = np.array([[one in variant.mutations for one in found.mutations] for variant in rows.variants], dtype=float)
    assert has.T @ rest == pytest.approx(2.0 * np.array(found.effects), abs=1e-9)
    assert rest.sum() == pytest.approx(0, abs=1e-9)
    if isinstance(learner, AugmentedRidge):
        assert rest @ prior == pytest.approx(0, abs=1e-9)


def test_counted_correlation_is_that_of_the_repeated_pairs():
    generator = np.random.default_rng(0)
    a, b = generator.integers(0, 6, 25).astype(float), generator.integers(0, 6, 25).astype(float)
    counts = generator.multinomial(25, np.full(25, 1 / 25), size=40).astype(float)
    for value, drawn in zip(counted_spearman(a, b, counts), counts.astype(int), strict=True):
        assert value == pytest.approx(spearman(np.repeat(a, drawn), np.repeat(b, drawn)), abs=1e-12)
    assert np.isnan(counted_spearman(np.zeros(25), b, counts)).all()


def test_a_variant_with_itself():
    variants = [Variant(), *singles(PROFILE, 4, 0).variants, *multiples(PROFILE, [3, 9, 14], 8, 0).variants]
    rows = rows_of(PROFILE, variants)
    whole = np.diag(Likeness(variants, variants, rows.sites).total(0.7, 0.3, 0.5))
    assert own_likeness(variants, rows.sites, 0.7, 0.3, 0.5) == pytest.approx(whole)


@pytest.mark.parametrize("kind", ["modulo", "contiguous"])
def test_the_parent_is_in_every_training_set(kind):
    variants = [Variant(), *singles(PROFILE, 60, 1).variants]
    splits = folds_of(kind, variants, [1] * 61, seed=0).splits
    assert len(splits) == 5
    assert all(0 in split.training for split in splits)
    assert sorted(np.concatenate([split.test for split in splits])) == list(range(1, 61))
    assert set(KINDS) >= {kind}
