"""The choice of substitutions under limits, and their combinations."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from e1protocol import CANONICAL
from jobs.science.variants.choosing import Limits, choose, combined_up_to, possible
from jobs.science.variants.scans import ScanTable

PARENT = "MKTAYIAKQR"


def table(seed: int = 0, positions: tuple[int, ...] = tuple(range(1, 11))) -> ScanTable:
    scores = np.random.default_rng(seed).normal(size=(len(positions), 20))
    for row, position in enumerate(positions):
        scores[row, CANONICAL.index(PARENT[position - 1])] = 0
    wild = tuple(PARENT[position - 1] for position in positions)
    return ScanTable(positions, tuple(map(str, positions)), wild, scores, np.zeros_like(scores))


def score(scan: ScanTable, pick: tuple[int, str]) -> float:
    return float(scan.scores.ravel()[scan.cell(*pick)])


limits = st.builds(
    Limits,
    count=st.integers(1, 60),
    per_site=st.none() | st.integers(1, 19),
    only=st.none() | st.sets(st.integers(1, 10)),
    leave_out=st.sets(st.integers(1, 10)),
    without=st.sets(st.sampled_from(CANONICAL)),
    least_score=st.none() | st.floats(-2, 2),
)


@given(limits, st.integers(0, 5), st.sets(st.tuples(st.integers(1, 10), st.sampled_from(CANONICAL)), max_size=5))
def test_a_choice_is_the_best_that_its_limits_allow(limits, seed, taken):
    scan = table(seed)
    taken = possible(scan, PARENT, sorted(taken))
    chosen = choose(scan, limits, taken)
    at_site = Counter(position for position, _ in (*taken, *chosen))

    def fits(pick: tuple[int, str]) -> bool:
        position, mutant = pick
        return (
            (limits.only is None or position in limits.only)
            and position not in limits.leave_out
            and mutant not in limits.without
            and mutant != PARENT[position - 1]
            and pick not in taken
            and (limits.least_score is None or score(scan, pick) >= limits.least_score)
        )

    assert len(set(chosen)) == len(chosen) <= limits.count
    assert all(fits(pick) for pick in chosen)
    assert [score(scan, pick) for pick in chosen] == sorted((score(scan, pick) for pick in chosen), reverse=True)
    if limits.per_site is not None:
        assert all(
            count <= limits.per_site for position, count in at_site.items() if (position in {p for p, _ in chosen})
        )
    # Nothing better was left: what fits and is not chosen is worse than the last, or its site is full.
    last = score(scan, chosen[-1]) if len(chosen) == limits.count else -np.inf
    for position in scan.positions:
        for mutant in CANONICAL:
            if fits((position, mutant)) and (position, mutant) not in chosen:
                full = limits.per_site is not None and at_site[position] >= limits.per_site
                assert full or score(scan, (position, mutant)) <= last


def test_only_substitutions_of_the_scan_may_be_picked():
    scan = table(positions=(1, 2))
    assert possible(scan, PARENT, [(1, "A"), (1, "A"), (1, "M"), (3, "A"), (2, "B")]) == [(1, "A")]


def test_combinations_have_one_residue_at_each_position():
    picks = [(2, "R"), (1, "A"), (1, "C")]
    codes = [variant.code() for variant in combined_up_to(PARENT, picks, 2, 100)]
    assert codes == ["M1A", "M1C", "K2R", "M1A:K2R", "M1C:K2R"]
    assert combined_up_to(PARENT, picks, 2, 4) is None
    assert combined_up_to(PARENT, picks, 3, 5) is not None, "there are no more of three"


@pytest.mark.parametrize(("pick", "cell"), [((1, "A"), 0), ((2, "Y"), 39)])
def test_a_pick_has_a_cell(pick, cell):
    assert table().cell(*pick) == cell
