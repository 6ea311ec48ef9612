"""The next plate, without a service: choices under limits, and the contents of replicate plates."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from jobs.errors import InvalidInput
from jobs.learning.composing import Plan, placed, variant_content
from jobs.learning.dna import coding_sequence, ordered_dna, translated
from jobs.learning.proposing import STRATEGIES, Limits, Objective, expected, pareto, propose
from jobs.learning.wells import well_named
from jobs.science.variants.codes import read_variant, single_variants
from tests.learning.truth import family, multiples

PROFILE = family()
SINGLES = single_variants(PROFILE.parent)
PRIOR = np.array([PROFILE.score(one) for one in SINGLES])
FLAT = Objective(PRIOR, np.ones(len(PRIOR)))


def chosen(strategy="greedy", count=20, seed=0, limits=None, **more):
    limits = limits or Limits(per_position=2)
    return propose(SINGLES, [FLAT], count=count, strategy=strategy, limits=limits, seed=seed, **more)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_every_strategy_keeps_the_limits_and_says_why(strategy):
    limits = Limits(per_position=2, excluded=frozenset(range(1, 11)), residues=frozenset("CP"))
    picks = chosen(strategy, count=40, limits=limits, random_share=5)
    assert len({one.at for one in picks}) == 45
    sites = Counter(SINGLES[one.at].mutations[0].position for one in picks)
    assert max(sites.values()) <= 2
    assert min(sites) > 10
    assert not {SINGLES[one.at].mutations[0].mutant for one in picks} & set("CP")
    assert all(one.reason for one in picks)
    assert sum("random" in one.reason for one in picks) == (45 if strategy == "random" else 5)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_seed_gives_the_same_picks(strategy):
    assert chosen(strategy, seed=3, random_share=4) == chosen(strategy, seed=3, random_share=4)
    if strategy in ("thompson", "random"):
        assert chosen(strategy, seed=3) != chosen(strategy, seed=4)


@pytest.mark.parametrize("strategy", ["greedy", "ucb", "thompson"])
def test_without_a_gain_every_such_strategy_follows_the_prior(strategy):
    misled = Objective(-PRIOR, np.full(len(PRIOR), 10.0))
    picks = propose(SINGLES, [misled], count=20, strategy=strategy, limits=Limits(), seed=0, ranking=PRIOR)
    assert [one.at for one in picks] == np.argsort(-PRIOR, kind="stable")[:20].tolist()
    assert all("no gain yet" in one.reason for one in picks)


def test_thompson_draws_in_the_unit_of_the_property_also_with_a_threshold():
    """A spread in percent of a range of thousands is far above 1: a draw of a probability would be noise."""
    sure = Objective(1_000 * PRIOR, np.full(len(PRIOR), 1e-6), threshold=float(np.quantile(1_000 * PRIOR, 0.9)))
    picks = propose(SINGLES, [sure], count=20, strategy="thompson", limits=Limits(), seed=0)
    assert [one.at for one in picks] == np.argsort(-PRIOR, kind="stable")[:20].tolist()


def test_the_numbers_of_mutations_are_limited():
    rows = multiples(PROFILE, [3, 9, 14], 60, 0)
    objective = Objective(rows.prior, np.ones(60))
    picks = propose(rows.variants, [objective], count=60, strategy="greedy", limits=Limits(mutations=(1, 2)), seed=0)
    assert {len(rows.variants[one.at].mutations) for one in picks} <= {1, 2}


def test_greedy_takes_the_best_and_ucb_the_uncertain():
    spread = np.ones(len(PRIOR))
    spread[100] = 50.0
    objective = Objective(PRIOR, spread)
    greedy, ucb = (
        propose(SINGLES, [objective], count=1, strategy=one, limits=Limits(), seed=0)[0].at for one in ("greedy", "ucb")
    )
    assert greedy == PRIOR.argmax()
    assert ucb == 100


def test_without_a_gain_the_prior_ranks():
    backwards = Objective(-PRIOR, np.ones(len(PRIOR)))
    pick = propose(SINGLES, [backwards], count=1, strategy="greedy", limits=Limits(), seed=0, ranking=PRIOR)[0]
    assert pick.at == PRIOR.argmax()
    assert "no gain" in pick.reason


def test_thresholds_of_two_properties_must_hold_together():
    mean = np.array([[3.0, 0.0], [0.0, 3.0], [1.5, 1.5], [-1.0, -1.0]])
    goals = [Objective(mean[:, at], np.full(4, 0.5), threshold=1.0) for at in (0, 1)]
    variants = SINGLES[:4]
    pick = propose(variants, goals, count=1, strategy="greedy", limits=Limits(), seed=0)[0]
    assert pick.at == 2
    assert pareto(goals) == [True, True, True, False]


def test_diverse_choices_differ():
    """Two equal groups: greedy stays in the slightly better one, diverse takes one of each."""
    objective = Objective(np.array([1.02, 1.01, 1.0, 0.99, 0.5]), np.ones(5))
    likeness = np.eye(5)
    likeness[:2, :2] = likeness[2:4, 2:4] = 1.0
    order = np.argsort(-objective.mean, kind="stable")
    assert order.tolist() == [0, 1, 2, 3, 4]
    picks = propose(
        SINGLES[:5], [objective], count=2, strategy="diverse", limits=Limits(), seed=0, similarity=lambda _: likeness
    )
    assert {one.at for one in picks} & {0, 1}
    assert {one.at for one in picks} & {2, 3}


def test_expected_hits_of_picks():
    objective = Objective(np.array([0.0, 0.0, 10.0]), np.array([1.0, 1.0, 1.0]), threshold=0.0)
    picks = propose(SINGLES[:3], [objective], count=3, strategy="greedy", limits=Limits(), seed=0)
    found = expected([objective], picks, seed=0)
    assert found.hits == pytest.approx(2.0)
    assert found.chance_of_one == pytest.approx(1.0)
    assert found.maximum == pytest.approx(10, abs=0.2)


def test_a_first_plate():
    """80 by the prior, at most two a site, 8 random ones, controls, three replicate plates, and DNA."""
    plan = Plan(wells=96, wild_type=4, dead=2, blanks=2, random=8, replicates=3)
    assert plan.new == 80
    picks = chosen(count=plan.new, random_share=plan.random)
    contents = [variant_content(SINGLES[one.at].code(), one.reason) for one in picks]
    wells = placed(plan, contents, dead="M1A", seed=7)
    assert wells == placed(plan, contents, dead="M1A", seed=7)
    for plate in (1, 2, 3):
        own = [one for one in wells if one.plate == plate]
        assert len({one.well for one in own}) == len(own) == 96
        assert Counter(one.content.role for one in own) == {"variant": 88, "wild_type": 4, "dead": 2, "blank": 2}
        controls = [well_named(one.well) for one in own if one.content.role != "variant"]
        assert len({one.row for one in controls}) >= 4
        assert len({one.column for one in controls}) >= 4
    maps = [[one.content.code for one in wells if one.plate == plate] for plate in (1, 2)]
    assert maps[0] != maps[1]
    cds = coding_sequence(PROFILE.parent, "e_coli")
    for content in contents:
        variant = read_variant(content.code, PROFILE.parent)
        assert translated(ordered_dna(variant, cds, "e_coli")) == variant.sequence(PROFILE.parent)


@pytest.mark.parametrize(
    ("plan", "field"),
    [
        (Plan(wells=48), "wells"),
        (Plan(wild_type=-1), "wild_type"),
        (Plan(replicates=0), "replicates"),
        (Plan(wild_type=90, random=20), "wells"),
    ],
)
def test_impossible_plates_are_refused(plan, field):
    with pytest.raises(InvalidInput) as refused:
        plan.check()
    assert refused.value.code == "bad_plate"
    assert refused.value.problems[0].path == f"plate.{field}"


def test_more_variants_than_wells_are_refused():
    contents = [variant_content(f"v{n}", "") for n in range(91)]
    with pytest.raises(InvalidInput, match="do not fit"):
        placed(Plan(), contents, dead="", seed=0)
