"""Proteins of combinatorial libraries against brute force: their codons, their coverage, and their prior scores."""

from __future__ import annotations

from collections import Counter
from itertools import product

import numpy as np
import pytest
from Bio.Seq import Seq

from e1protocol import CANONICAL
from jobs.learning.codons import SCHEMES, Scheme, codons_of, minimal_scheme
from jobs.learning.libraries import (
    Members,
    Randomised,
    best_positions,
    best_residues,
    frequencies,
    member_coverage,
    protein_coverage,
    scored,
)

PARENT = "MKTAYIAK"
SMALL = Scheme("RST", ("RST",))
"""Four codons of four residues, so that every member can be listed."""


def sites(*schemes: Scheme) -> tuple[Randomised, ...]:
    return tuple(Randomised.of(at, PARENT[at - 1], scheme) for at, scheme in zip((2, 4, 7), schemes, strict=False))


def brute(*schemes: Scheme) -> Counter[str]:
    """Return the proteins of all members by translation, and their number of members; stops are left out."""
    codons = [[codon for one in scheme.codons for codon in codons_of(one)] for scheme in schemes]
    found: Counter[str] = Counter()
    for chosen in product(*codons):
        letters = list(PARENT)
        for at, codon in zip((2, 4, 7), chosen, strict=False):
            letters[at - 1] = str(Seq(codon).translate())
        if "*" not in letters:
            found["".join(letters)] += 1
    return found


@pytest.mark.parametrize(
    "schemes", [(SCHEMES["NNK"], SMALL), (SCHEMES["22c"], SCHEMES["NDT"]), (SMALL, SMALL, minimal_scheme("AVW"))]
)
def test_members_are_those_of_every_translation(schemes):
    members = Members(sites(*schemes))
    found = {one.variant.sequence(PARENT): one.codons for one in members}
    assert found == brute(*schemes)
    assert len(list(members)) == members.count
    assert members.has_parent == (PARENT in found)
    with pytest.raises(IndexError):
        members[members.count]


def test_frequencies_count_proteins_by_their_members():
    schemes = (SCHEMES["NNK"], SCHEMES["NNK"], SMALL)
    assert frequencies(sites(*schemes)) == Counter(brute(*schemes).values())


def test_coverage_is_the_share_that_draws_hold():
    schemes = (SCHEMES["NDT"], SMALL)
    proteins = brute(*schemes)
    every = [one for one, count in proteins.items() for _ in range(count)]
    drawn = np.random.default_rng(0).integers(len(every), size=(2_000, 96))
    seen = np.mean([len({every[at] for at in one}) for one in drawn]) / len(proteins)
    assert protein_coverage(len(every), frequencies(sites(*schemes)), 96) == pytest.approx(seen, abs=0.01)
    members = np.mean([len(set(one)) for one in drawn]) / len(every)
    assert member_coverage(len(every), 96) == pytest.approx(members, abs=0.01)
    assert member_coverage(1, 1) == 1


def test_a_plate_of_a_library_of_three_sites():
    assert member_coverage(1_728, 5_175) == pytest.approx(0.95, abs=1e-4)
    assert member_coverage(1_728, 96) == pytest.approx(0.0540, abs=1e-4)


def test_scores_are_those_of_all_clones():
    prior = np.random.default_rng(1).normal(size=(len(PARENT), 20))
    schemes = (SCHEMES["NNK"], SMALL)
    table = dict.fromkeys(brute(*schemes), 0.0)
    for protein in table:
        changed = [(at, new) for at, (old, new) in enumerate(zip(PARENT, protein, strict=True)) if old != new]
        table[protein] = sum(prior[at, CANONICAL.index(new)] for at, new in changed)
    weights = brute(*schemes)
    found = scored(sites(*schemes), prior)
    assert found.mean == pytest.approx(sum(table[one] * weights[one] for one in table) / sum(weights.values()))
    assert found.best == pytest.approx(max(table.values()))
    assert found.variant.sequence(PARENT) == max(table, key=table.__getitem__)


def test_the_best_residues_keep_that_of_the_parent():
    prior = np.zeros((len(PARENT), 20))
    prior[1, [CANONICAL.index(one) for one in "RQE"]] = 3, 2, 1
    assert best_residues(prior, 2, "K", 3) == "EKQR"
    assert best_residues(prior, 2, "K", 19) == "".join(sorted(CANONICAL))
    prior[3, CANONICAL.index("S")] = 5
    assert best_positions(prior, PARENT, {1}, 2) == [(4, "S", 5.0), (2, "R", 3.0)]
