"""Sequences that are filled in, the most probable first."""

from __future__ import annotations

from itertools import islice, pairwise, product

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from e1protocol import CANONICAL
from jobs.science.filling import most_probable


@given(st.integers(0, 50), st.integers(1, 2))
def test_every_way_comes_once_in_the_order_of_its_probability(seed, masks):
    shares = np.random.default_rng(seed).dirichlet(np.full(20, 0.3), size=masks)
    sequence = "M" + "?" * masks + "K"
    found = list(most_probable(sequence, list(range(1, masks + 1)), shares))
    wanted = {
        "M" + "".join(letters) + "K": float(
            np.prod([shares[at, CANONICAL.index(one)] for at, one in enumerate(letters)])
        )
        for letters in product(CANONICAL, repeat=masks)
    }
    assert {one.sequence for one in found} == set(wanted)
    assert len(found) == len(wanted)
    chances = [one.probability for one in found]
    assert all(before >= after * (1 - 1e-9) for before, after in pairwise(chances))
    assert all(abs(one.probability - wanted[one.sequence]) < 1e-12 for one in found)


def test_many_masks_are_no_burden():
    shares = np.random.default_rng(0).dirichlet(np.ones(20), size=500)
    best = list(islice(most_probable("?" * 500, range(500), shares), 10))
    assert best[0].sequence == "".join(CANONICAL[at] for at in shares.argmax(axis=1))
    assert len({one.sequence for one in best}) == 10
