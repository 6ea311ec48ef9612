"""The rule of delivery on combinatorial libraries of three sites: how often it errs. Figures are printed.

All data are synthetic: the truth is known, without its noise. Such a library has no folds by position, so random folds
decide. A wrong delivery is a model that ranks the rest of the library more than APART below the prior.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from scipy.stats import binomtest

from jobs.learning.crossvalidation import Ranked, compare, out_of_fold
from jobs.learning.curve import APART as SEEDS_APART
from jobs.learning.folds import folds_of
from jobs.learning.gains import gain_of
from jobs.learning.samples import Floats, Rows
from jobs.learning.training import REPEATS, train
from jobs.science.variants.metrics import spearman
from tests.learning.quick import QuickProcess
from tests.learning.trials import drawn
from tests.learning.truth import additive_truth, family, multiples
from tests.needed import trials

pytestmark = pytest.mark.slow
APART = 0.02
MEMBERS = 800
POLAR = "DEKRHNQ"
KINDS = {"prior": 0.0, "curve": 0.0, "small effects": 0.4, "effects": 1.0, "pairs": 1.0}
"""Standard deviation of additive effects that the prior lacks. That of the prior is 1."""


def library(kind: str, seed: int) -> tuple[Rows, Floats, Floats]:
    """Return members of a library of three sites, their true values, and measurements.

    `prior` and `curve` have the prior's order, so that a model can only lose. The others add effects of mutations to
    it, and `pairs` also those of polar pairs.
    """
    profile, generator = family(seed), np.random.default_rng(seed)
    sites = sorted(int(one) for one in generator.choice(np.arange(1, 61), 3, replace=False))
    rows = multiples(profile, sites, MEMBERS, seed)
    scaled = (rows.prior - rows.prior.mean()) / rows.prior.std()
    effects = additive_truth(rows, seed) - rows.prior
    truth = scaled + KINDS[kind] * (effects - effects.mean()) / effects.std()
    if kind == "curve":
        truth = 3 / (1 + np.exp(-3 * (scaled - 0.5)))
    if kind == "pairs":
        polar = [{one.position for one in variant.mutations if one.mutant in POLAR} for variant in rows.variants]
        truth = truth + 2.0 * np.array([set(sites[:2]) <= one for one in polar])
    return rows, truth, truth + 0.7 * generator.normal(size=MEMBERS)


@dataclass(frozen=True)
class Draw:
    """The difference of Spearman to the prior on all that was not measured, and whether the model was delivered."""

    gained: float
    delivered: bool


def draw(kind: str, count: int, seed: int) -> Draw:
    rows, truth, measured = library(kind, seed)
    chosen, rest = drawn(MEMBERS, count, seed)
    training, held, values = rows.take(chosen), rows.take(rest), measured[chosen]
    learner = QuickProcess(rows)
    repeats = []
    for repeat in range(REPEATS):
        folds = folds_of("random", training.variants, [1] * count, seed=seed + repeat * SEEDS_APART)
        rankings = {
            "model": out_of_fold(learner, training, values, folds),
            "prior": [training.prior[split.test] for split in folds.splits],
        }
        repeats.append(Ranked(folds, rankings))
    order = compare(repeats, training, values, seed=seed).difference["model"]
    gain = gain_of(repeats, training, values, spearman=order)
    predicted = learner.fit(training, values).predict(held)
    return Draw(spearman(predicted, truth[rest]) - spearman(held.prior, truth[rest]), gain.shown)


def share(of: list[bool]) -> str:
    """Return a share with its exact interval of 95 %."""
    if not of:
        return "none of 0"
    found = binomtest(sum(of), len(of)).proportion_ci()
    return f"{sum(of)} of {len(of)} ({100 * found.low:.0f} to {100 * found.high:.0f} %)"


@pytest.mark.parametrize("count", [48, *(pytest.param(one, marks=pytest.mark.full) for one in (96, 192))])
def test_how_often_a_delivery_is_wrong_and_a_gain_is_held_back(count):
    every: list[Draw] = []
    seeds = trials({48: 40, 96: 30, 192: 10}[count], 2)
    print()
    for kind in KINDS:
        found = [draw(kind, count, 1_000 + seed) for seed in seeds]
        every += found
        better = [not one.delivered for one in found if one.gained > APART]
        print(
            f"n={count}, {kind}: model - prior {np.mean([one.gained for one in found]):+.3f}; "
            f"wrong {share([one.delivered and one.gained < -APART for one in found])}; "
            f"delivered {share([one.delivered for one in found])}; held back of better ones {share(better)}",
            flush=True,
        )
    wrong = [one.delivered and one.gained < -APART for one in every]
    print(f"n={count}, all: wrong {share(wrong)}")
    assert sum(wrong) <= 0.05 * len(wrong) + 1
    assert any(one.delivered for one in every)


def test_the_fast_copy_decides_as_the_service_does():
    rows, _, measured = library("effects", 1_000)
    chosen, _ = drawn(MEMBERS, 48, 1_000)
    found = train(rows.take(chosen), measured[chosen], [1] * 48, seed=1_000, observe_coverage=False)
    assert found.gain.folds == "random"
    assert found.ranks_by == ("model" if draw("effects", 48, 1_000).delivered else "prior")
