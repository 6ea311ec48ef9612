"""Proofs over many draws of synthetic data: permuted labels, interval coverage, the ceiling, and epistasis."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations, product

import numpy as np
import pytest
from scipy.stats import binom

from e1protocol import CANONICAL
from jobs.learning.gaussian import GaussianFit, GaussianProcess
from jobs.learning.intervals import GUARANTEED, NOMINAL, Intervals, coverage
from jobs.learning.samples import Floats, Rows
from jobs.learning.training import grouped_folds, train
from jobs.science.variants.codes import Mutation, Variant
from jobs.science.variants.metrics import spearman
from tests.learning.truth import additive_truth, family, rows_of, singles
from tests.needed import trials

pytestmark = pytest.mark.slow
PROFILE = family()


@pytest.mark.parametrize("count", [24, 48, 96])
def test_permuted_labels_teach_nothing(count):
    """No ranking of labels without meaning is better than chance, and hardly one is delivered."""
    within, delivered = [], []
    seeds = trials(50, 8)
    for seed in seeds:
        rows = singles(PROFILE, count, seed)
        labels = np.random.default_rng(seed).permutation(additive_truth(rows, seed))
        found = train(rows, labels, [1] * count, seed=seed, kinds=("position", "random"), observe_coverage=False)
        within.append(found.compared["position"].spearman["model"].value)
        delivered.append(found.ranks_by)
    error, prior = np.std(within, ddof=1) / np.sqrt(len(seeds)), delivered.count("prior")
    print(
        f"\nn={count}: mean {np.mean(within):+.4f}, standard error {error:.4f}, by the prior in {prior} of {len(seeds)}"
    )
    assert abs(np.mean(within)) <= 3 * error
    assert prior >= 0.9 * len(seeds) - (len(seeds) < 10)


def test_intervals_of_many_experiments_cover():
    """One held-out variant of each experiment: these are independent, so that their number is binomial."""
    inside, shares = 0, []
    seeds = trials(200, 30)
    for seed in seeds:
        rows = singles(PROFILE, 108, seed)
        measured = additive_truth(rows, seed) + np.random.default_rng(seed).normal(size=108)
        training, held = rows.take(range(48)), rows.take(range(48, 108))
        made = Intervals.learn(GaussianProcess(), training, measured[:48], grouped_folds(training, seed))
        low, high = made.around(held)
        shares.append(coverage(low, high, measured[48:]))
        inside += int(low[0] <= measured[48] <= high[0])
    least = int(binom.ppf(0.025, len(seeds), NOMINAL))
    print(f"\n{inside} of {len(seeds)} covered, at least {least} for {NOMINAL}; mean of all {np.mean(shares):.3f}")
    assert inside >= least
    assert np.mean(shares) > GUARANTEED


SITES = (5, 20, 41)
POLAR = frozenset("DEKRHNQ")
STRENGTH = 3.0
"""Effect of a pair, plus or minus. That of a single mutation is at most 2, beside the prior."""


def library(seed: int, count: int) -> Rows:
    """Return the parent, every single mutant of SITES, and random doubles and triples."""
    choices = [[None, *(Mutation(at, PROFILE.parent[at - 1], one) for one in CANONICAL)] for at in SITES]
    every = {Variant(tuple(m for m in found if m and m.wild != m.mutant)) for found in product(*choices)}
    order = sorted(every, key=lambda one: one.code())
    np.random.default_rng(seed).shuffle(order)
    few = [one for one in order if len(one.mutations) < 2]
    return rows_of(PROFILE, [*few, *(one for one in order if len(one.mutations) >= 2)][:count])


def pairwise(variants: Sequence[Variant], seed: int, *, alike: bool) -> Floats:
    """Return an effect of each pair of sites that both have a residue of a kind.

    The kind is `alike`, that of polar residues, or random letters, which nothing describes.
    """
    generator = np.random.default_rng(seed)
    kind = POLAR if alike else frozenset(generator.permutation(list(CANONICAL))[: len(POLAR)].tolist())
    weight = {pair: STRENGTH * generator.choice([-1, 1]) for pair in combinations(SITES, 2)}
    has = [{one.position for one in variant.mutations if one.mutant in kind} for variant in variants]
    return np.array([sum(value for pair, value in weight.items() if one.issuperset(pair)) for one in has])


def interactions(fit: GaussianFit, doubles: list[Variant]) -> Floats:
    """Return f(ab) - f(a) - f(b) + f(parent)."""
    parts = [[Variant((one,)) for one in double.mutations] for double in doubles]
    whole, first, second, parent = (
        fit.predict(rows_of(PROFILE, list(found)))
        for found in (doubles, [a for a, _ in parts], [b for _, b in parts], [Variant()] * len(doubles))
    )
    return np.asarray(whole - first - second + parent)


TRAINED, ALL = 450, 600


@pytest.mark.parametrize("noise", [0.3, 1.0])
@pytest.mark.parametrize(("alike", "share"), [(True, 0.7), (False, 0.0)], ids=["polar", "any"])
def test_the_ceiling_and_epistasis_of_many_truths(noise, alike, share):
    """The truth is prior + additive + pairwise + known noise. Without multiple mutants nothing is said about pairs."""
    ceilings, models, priors, found, claimed = [], [], [], [], []
    for seed in trials(10, 1):
        rows = library(seed, ALL)
        truth = additive_truth(rows, seed) + pairwise(rows.variants, seed, alike=alike)
        measured = truth + np.random.default_rng(seed).normal(size=ALL) * noise
        fit = GaussianProcess().fit(rows.take(range(TRAINED)), measured[:TRAINED])
        held, seen = rows.take(range(TRAINED, ALL)), measured[TRAINED:]
        ceilings.append(spearman(truth[TRAINED:], seen))
        models.append(spearman(fit.predict(held), seen))
        priors.append(spearman(held.prior, seen))
        pairs = {Variant(two) for one in held.variants for two in combinations(one.mutations, 2)}
        doubles = sorted(pairs - set(rows.variants[:TRAINED]), key=lambda one: one.code())
        real = pairwise(doubles, seed, alike=alike)
        found.append(np.corrcoef(interactions(fit, doubles), real)[0, 1])
        singly = rows.take([at for at, one in enumerate(rows.variants) if len(one.mutations) < 2])
        blind = GaussianProcess().fit(singly, measured[: len(singly)])
        claimed.append(np.abs(interactions(blind, doubles)).max())
    ceiling, model, prior = (float(np.mean(one)) for one in (ceilings, models, priors))
    print(f"\nnoise {noise}: ceiling {ceiling:.3f}, model {model:.3f}, prior {prior:.3f}, ", end="")
    print(f"interactions of unmeasured doubles {np.nanmean(found):.3f}")
    assert prior < model <= ceiling + 0.02
    # What residues look like tells a model which pairs are alike. Of any other kind it learns less.
    assert model > prior + share * (ceiling - prior)
    assert not alike or np.mean(found) > 0.7
    assert max(claimed) < 1e-9
