"""Effects of positions: learnt at measured positions if the data have them, and silent about all others."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from jobs.learning.crossvalidation import out_of_fold, within_folds
from jobs.learning.fitted import fit, restored
from jobs.learning.folds import folds_of
from jobs.learning.gaussian import GaussianProcess, gram
from jobs.learning.kernels import Likeness, shared_positions
from jobs.learning.linear import PositionMean
from jobs.learning.priors import Tables, blosum_prior
from jobs.learning.samples import Floats, Rows, mutations_of, positions_of
from jobs.science.variants.codes import Mutation, Variant, single_variants
from tests.learning.truth import family

PARENT = family().parent
TABLES = Tables(PARENT, blosum_prior(PARENT), None)


def plate(features: str, *, effect: float, seed: int = 0) -> tuple[Rows, Floats]:
    """Return 87 single mutants of 24 positions without an alignment, and labels that follow only the position."""
    generator = np.random.default_rng(seed)
    positions = set(generator.choice(len(PARENT), 24, replace=False) + 1)
    every = [one for one in single_variants(PARENT) if one.mutations[0].position in positions]
    variants = [every[at] for at in generator.choice(len(every), 87, replace=False)]
    effects = generator.normal(size=len(PARENT) + 1) * effect
    measured = np.array([effects[one.mutations[0].position] for one in variants]) + generator.normal(size=87)
    return TABLES.rows(variants, features, mutations_of(variants)), measured


def held_out(rows: Rows, measured: Floats, kind: str) -> float:
    folds = folds_of(kind, rows.variants, [1] * len(rows), seed=0)
    predicted = out_of_fold(GaussianProcess(), rows, measured, folds)
    return within_folds(predicted, [measured[split.test] for split in folds.splits])


@pytest.mark.parametrize("features", ["site", "one_hot"])
def test_further_substitutions_at_measured_positions_are_predicted(features):
    """Without an alignment two tryptophans look alike, and with one-hot features nothing looks alike."""
    rows, measured = plate(features, effect=3.0)
    assert held_out(rows, measured, "random") > 0.7
    assert abs(held_out(rows, measured, "position")) < 0.4


def test_without_effects_of_positions_the_term_vanishes():
    weights = []
    for seed in range(20):
        rows, measured = plate("site", effect=0.0, seed=seed)
        weights.append(GaussianProcess().fit(rows, measured).settings.place)
    assert sum(one > 0 for one in weights) <= 2


def test_one_substitution_a_position_says_nothing_about_positions():
    every = {one.mutations[0].position: one for one in single_variants(PARENT)}
    rows = TABLES.rows(list(every.values()), "site", mutations_of(list(every.values())))
    assert GaussianProcess().fit(rows, np.random.default_rng(0).normal(size=len(rows))).settings.place == 0


def test_a_new_position_learns_nothing_from_the_term():
    """The covariance with variants of other positions is that of a process without the term, to the last digit."""
    rows, measured = plate("site", effect=3.0)
    chosen = GaussianProcess().fit(rows, measured).settings
    assert chosen.place > 0
    seen = {at for one in rows.variants for at in positions_of(one)}
    new = [one for one in single_variants(PARENT) if one.mutations[0].position not in seen]
    sites = TABLES.rows([*new, *rows.variants], "site", []).sites
    with_term, without = (gram(sites, one)(new, rows.variants) for one in (chosen, replace(chosen, place=0.0)))
    assert np.array_equal(with_term, without)


def test_multiple_mutants_add_the_positions_that_they_share():
    one, two = Mutation(3, PARENT[2], "W"), Mutation(3, PARENT[2], "C")
    other = Mutation(9, PARENT[8], "W" if PARENT[8] != "W" else "C")
    double, swapped, parent = Variant((one, other)), Variant((two, other)), Variant()
    found = shared_positions([double, parent], [Variant((two,)), swapped, parent])
    assert found.tolist() == [[1, 2, 0], [0, 0, 0]]
    rows = TABLES.rows([double, swapped, parent], "site", [])
    plain, more = (Likeness(rows.variants, rows.variants, rows.sites).total(0.7, 0.0, place) for place in (0.0, 0.5))
    assert more - plain == pytest.approx(np.array([[1, 1, 0], [1, 1, 0], [0, 0, 0]]))


def test_a_stored_model_keeps_its_effects_of_positions():
    rows, measured = plate("site", effect=3.0)
    stored = json.loads(json.dumps(fit(rows, measured, seed=2, use_prior=True)))
    assert stored["whole"]["place"] > 0
    every = single_variants(PARENT)
    held = TABLES.rows(every, "site", mutations_of(rows.variants))
    direct = GaussianProcess().fit(rows, measured)
    for found, expected in zip(
        restored(stored, rows, measured).means(held), direct.predict_with_spread(held), strict=True
    ):
        assert found == pytest.approx(expected, abs=1e-6)


def test_models_of_an_older_service_have_no_effects_of_positions():
    rows, measured = plate("site", effect=0.0)
    stored = json.loads(json.dumps(fit(rows, measured, seed=2, use_prior=True)))
    assert stored["whole"].pop("place") == 0
    again = restored(stored, rows, measured)
    assert again.means(rows)[0] == pytest.approx(GaussianProcess().fit(rows, measured).predict(rows), abs=1e-6)


def test_the_position_mean_is_that_of_the_training_set():
    rows, measured = plate("site", effect=3.0)
    found = PositionMean().fit(rows, measured)
    at = rows.variants[0].mutations[0].position
    same = [value for one, value in zip(rows.variants, measured, strict=True) if one.mutations[0].position == at]
    seen = {one.mutations[0].position for one in rows.variants}
    new = next(one for one in single_variants(PARENT) if one.mutations[0].position not in seen)
    both = Variant(tuple(sorted((*rows.variants[0].mutations, *new.mutations))))
    asked = TABLES.rows([rows.variants[0], new, both, Variant()], "site", [])
    mean = measured.mean()
    assert found.predict(asked) == pytest.approx([np.mean(same), mean, np.mean(same), mean])
