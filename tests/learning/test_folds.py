"""Folds: no test variant shares what its kind keeps apart, and kinds that cannot be made say why."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from jobs.learning.folds import KINDS, folds_of, position_groups
from jobs.learning.samples import positions_of
from jobs.science.variants.codes import Variant, read_variant
from tests.learning.truth import family, multiples, singles

PROFILE = family()
MIXED = [*singles(PROFILE, 60, 1).variants, *multiples(PROFILE, [3, 9], 12, 1).variants]
VARIANTS = list(dict.fromkeys(MIXED))
ROUNDS = [1] * 40 + [2] * (len(VARIANTS) - 40)


@pytest.mark.parametrize("kind", KINDS)
def test_no_variant_is_in_training_and_test(kind):
    variants = VARIANTS if kind not in ("modulo", "contiguous") else list(singles(PROFILE, 60, 1).variants)
    found = folds_of(kind, variants, ROUNDS[: len(variants)], seed=0)
    assert found.splits, found.reason
    for split in found.splits:
        assert not set(split.training) & set(split.test)
        assert not {variants[at] for at in split.training} & {variants[at] for at in split.test}
    if kind in ("position", "random", "modulo", "contiguous"):
        assert sorted(np.concatenate([split.test for split in found.splits])) == list(range(len(variants)))


@pytest.mark.parametrize("seed", range(5))
def test_positions_are_kept_apart(seed):
    for split in folds_of("position", VARIANTS, ROUNDS, seed=seed).splits:
        trained = {site for at in split.training for site in positions_of(VARIANTS[at])}
        tested = {site for at in split.test for site in positions_of(VARIANTS[at])}
        assert not trained & tested


def test_a_chain_of_shared_positions_is_one_group():
    parent = "MKTAYI"
    variants = [read_variant(code, parent) for code in ("M1A", "M1A:K2A", "K2G:T3A", "Y5A")]
    assert position_groups([*variants, Variant()]).tolist() == [1, 1, 1, 2, 0]


def test_three_shared_sites_have_no_folds_by_position():
    variants = multiples(PROFILE, [5, 20, 41], 90, 0).variants
    found = {kind: folds_of(kind, variants, [1] * 90, seed=0) for kind in KINDS}
    assert not found["position"].splits
    assert "share no position" in found["position"].reason or "connected" in found["position"].reason
    assert found["depth"].splits
    assert found["random"].splits
    assert all(found[kind].reason for kind in ("modulo", "contiguous", "round"))


def test_deeper_variants_are_tested():
    split = folds_of("depth", VARIANTS, ROUNDS, seed=0).splits[0]
    assert max(len(VARIANTS[at].mutations) for at in split.training) < min(
        len(VARIANTS[at].mutations) for at in split.test
    )


def test_a_round_is_tested_by_those_before_it():
    split = folds_of("round", VARIANTS, ROUNDS, seed=0).splits[0]
    assert {ROUNDS[at] for at in split.training} == {1}
    assert {ROUNDS[at] for at in split.test} == {2}


def test_contiguous_folds_are_stretches():
    variants = list(singles(PROFILE, 80, 2).variants)
    stretches = [
        sorted(positions_of(variants[at])[0] for at in split.test)
        for split in folds_of("contiguous", variants, [1] * 80, seed=0).splits
    ]
    assert all(one[-1] < other[0] for one, other in pairwise(stretches))


def test_a_variant_named_twice_is_refused():
    with pytest.raises(ValueError, match="there twice"):
        folds_of("random", [VARIANTS[0]] * 2, [1, 1], seed=0)
    with pytest.raises(ValueError, match="no folds by moon"):
        folds_of("moon", VARIANTS, ROUNDS, seed=0)


def test_the_seed_decides():
    once, again = (folds_of("position", VARIANTS, ROUNDS, seed=4).splits for _ in range(2))
    assert all((a.test == b.test).all() for a, b in zip(once, again, strict=True))
    other = folds_of("position", VARIANTS, ROUNDS, seed=5).splits
    assert any(a.test.tolist() != b.test.tolist() for a, b in zip(once, other, strict=True))
