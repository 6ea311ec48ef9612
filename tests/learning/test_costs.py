"""Many mutations: the same numbers by the ways that many of them take, and a refusal of what takes hours."""

from __future__ import annotations

import numpy as np
import pytest

from jobs.learning import kernels, linear
from jobs.learning.costs import MOST_AXES, MOST_COLUMNS, MOST_WORK, Load, remedy_for
from jobs.learning.kernels import Likeness, own_likeness
from jobs.learning.linear import AugmentedRidge, Ridge
from jobs.learning.samples import Rows
from jobs.learning.sites import by_residues
from jobs.science.variants.codes import Variant, single_variants

PARENT = "MKTAYIAKQRQISFVKSHFSRQLEERLGLIEVQAPILSRVGDGTQDNLSGAEKAVQ"


def several(count: int, mutations: int, seed: int = 0) -> list[Variant]:
    """Return different variants with this many mutations each."""
    generator = np.random.default_rng(seed)
    singles = single_variants(PARENT)
    found: dict[Variant, None] = {}
    while len(found) < count:
        places = sorted(generator.choice(len(PARENT), size=mutations, replace=False).tolist())
        chosen = [singles[19 * at + int(generator.integers(19))].mutations[0] for at in places]
        found[Variant(tuple(chosen))] = None
    return list(found)


def rows_of(variants: list[Variant]) -> Rows:
    mutations = {one for variant in variants for one in variant.mutations}
    prior = np.random.default_rng(1).normal(size=len(variants))
    return Rows(tuple(variants), prior, by_residues(sorted(mutations)))


@pytest.mark.parametrize("pairs", [0.0, 0.3])
def test_a_kernel_in_blocks_is_the_same(monkeypatch, pairs):
    left, right = several(12, 9), [Variant(), *several(8, 3, seed=1)]
    sites = dict(rows_of(left + right).sites)
    whole = Likeness(left, right, sites).total(0.7, pairs)
    monkeypatch.setattr(kernels, "CELLS", 100)
    assert Likeness(left, right, sites).total(0.7, pairs) == pytest.approx(whole, rel=1e-9)
    assert Likeness(left, right, sites).total(2.5, pairs) != pytest.approx(whole, rel=1e-3)


def test_a_variant_of_many_mutations_with_itself(monkeypatch):
    variants = several(3, 40)
    sites = rows_of(variants).sites
    expected = own_likeness(variants, sites, 0.7, 0.3)
    monkeypatch.setattr(kernels, "SEVERAL", 10)
    assert own_likeness(variants, sites, 0.7, 0.3) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("learner", [Ridge(), Ridge(use_prior=False), AugmentedRidge()])
@pytest.mark.parametrize(("count", "mutations"), [(40, 20), (300, 2)], ids=["more mutations", "more variants"])
def test_a_dense_factor_has_the_effects_of_the_sparse_one(monkeypatch, learner, count, mutations):
    rows = rows_of(several(count, mutations))
    measured = np.random.default_rng(2).normal(size=count) + rows.prior
    monkeypatch.setattr(linear, "is_sparse", lambda columns: True)
    sparse = learner.fit(rows, measured)
    monkeypatch.setattr(linear, "is_sparse", lambda columns: False)
    dense = learner.fit(rows, measured)
    assert dense.mutations == sparse.mutations
    assert dense.effects == pytest.approx(sparse.effects, rel=1e-6, abs=1e-9)
    assert (dense.intercept, dense.slope) == pytest.approx((sparse.intercept, sparse.slope), rel=1e-6)


def test_what_is_counted():
    assert Load.of(["WT", "A2G", "A2G:K3R"]) == Load(3, 3, 2)
    assert not Load.of(["WT", "A2G", "K3R"]).several
    assert Load.of(["A2G:K3R"]).several


def test_what_takes_hours_is_refused_with_what_helps():
    scan = Load(10_000, 10_000, 10_000)
    assert remedy_for(scan, "profile") == "", "a complete scan of single mutants has no pairs"
    assert "site" in remedy_for(scan, "one_hot")
    assert remedy_for(Load(1_000, 150_000, 5_434), "profile") == "", "measured in docs/learning.md"
    large = Load(1_000, 150_000, MOST_WORK // 150_000 + 1)
    assert remedy_for(large, "profile") == "Choose the features site."
    assert remedy_for(large, "site") == ""
    many = Load(8_000, 16_000, MOST_COLUMNS + 1)
    assert "at most 1,000 of these" in remedy_for(many, "site")
    assert remedy_for(Load(8_000, 16_000, MOST_COLUMNS), "profile") == ""
    assert remedy_for(Load(90, 180, MOST_AXES), "one_hot") == ""
