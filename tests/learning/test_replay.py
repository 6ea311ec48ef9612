"""Four rounds of 24 replayed on known measurements: what each way of choosing finds. Figures are printed."""

from __future__ import annotations

import numpy as np
import pytest

from jobs.learning.samples import Floats, Rows
from tests.learning.tem1 import needs_tem1, tem1
from tests.learning.trials import PLATE, ROUNDS, WAYS, Replay, replayed, some_of, table
from tests.learning.truth import additive_truth, family, multiples
from tests.needed import trials

pytestmark = pytest.mark.slow
PROFILE = family()


def not_worse(found: dict[str, list[Replay]]) -> None:
    """Check that the delivered ranking finds about as many hits as the prior, or more."""
    apart = [np.subtract(a.hits, b.hits) for a, b in zip(found["delivered"], found["prior"], strict=True)]
    error = np.std(apart, axis=0, ddof=1) / np.sqrt(len(apart))
    assert (np.mean(apart, axis=0) >= -0.5 - 2 * error).all()


@needs_tem1
def test_tem1():
    """The pool is a random two thirds of the scan. Hits are above 0 (54 of 989), and above 0.5 (18)."""
    rows, measured = tem1()
    found = {
        way: [replayed(*some_of(rows, measured, 2 / 3, seed), (0.0, 0.5), way, seed) for seed in trials(50, 2)]
        for way in WAYS
    }
    print(f"\n{table(found)}")
    not_worse(found)
    assert np.mean([one.hits for one in found["prior"]]) > np.mean([one.hits for one in found["random"]])


def epistatic(seed: int) -> tuple[Rows, Floats]:
    """Return 1,000 multiple mutants of three sites: prior + additive + one pair of polar residues + noise."""
    rows = multiples(PROFILE, [5, 20, 41], 1_000, seed)
    polar = [{one.position for one in variant.mutations if one.mutant in "DEKRHNQ"} for variant in rows.variants]
    pair = np.array([3.0 * {5, 20}.issubset(one) for one in polar])
    noise = np.random.default_rng(seed).normal(size=1_000) * 0.5
    return rows, additive_truth(rows, seed, scale=2.0) + pair + noise


def test_multiple_mutants():
    """A synthetic library of three sites with epistasis. Hits are the best 5 % and 1 % of 1,000."""
    found: dict[str, list[Replay]] = {way: [] for way in WAYS}
    for seed in trials(50, 2):
        rows, measured = epistatic(seed)
        thresholds = np.quantile(measured, [0.95, 0.99])
        for way in WAYS:
            found[way].append(replayed(rows, measured, thresholds, way, seed))
    print(f"\n{table(found)}")
    not_worse(found)
    assert np.mean([one.hits for one in found["greedy"]]) > np.mean([one.hits for one in found["random"]])


@pytest.mark.parametrize("way", WAYS)
def test_a_replay_is_repeated_by_its_seed(way):
    rows = multiples(PROFILE, [5, 20, 41], 200, 0)
    measured = additive_truth(rows, 0)
    once, again = (replayed(rows, measured, (0.0,), way, 3) for _ in range(2))
    assert once == again
    # No variant is measured twice: with as many wells as variants, everything is found.
    least = np.sort(measured)[: PLATE * ROUNDS + 4]
    whole = rows.take(np.argsort(measured, kind="stable")[: PLATE * ROUNDS])
    every = replayed(whole, np.sort(measured)[: PLATE * ROUNDS], (least[47],), way, 0)
    assert every == Replay(0.0, (PLATE * ROUNDS - 48,))
