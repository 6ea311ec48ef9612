"""Baselines: what an alignment alone, or BLOSUM62 alone, says about variants. Any score has to beat them.

Both are tables of the effects of single substitutions, which add up for several. docs/profile.md has the formulas.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from e1protocol import CANONICAL
from jobs.science.alignments.profile import Profile
from jobs.science.alignments.substitutions import blosum62
from jobs.science.variants.codes import Variant

Floats = NDArray[np.float64]
Whole = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Baseline:
    """The effects [L, 20] of substitutions of a parent, 0 for its own residue. NaN rows have no canonical residue."""

    effects: Floats

    def at(self, positions: Sequence[int]) -> Floats:
        """Return the effects [P, 20] at these positions, which count from 1."""
        return self.effects[np.asarray(positions, dtype=np.intp) - 1]

    def score(self, variant: Variant) -> float:
        """Return the sum of the effects of the mutations: 0 for the parent."""
        return float(sum(self.effects[one.position - 1, CANONICAL.index(one.mutant)] for one in variant.mutations))

    def scores(self, positions: Whole, mutants: Whole, owners: Whole, count: int) -> Floats:
        """Return the scores [count] of variants from their mutations, in any order.

        `positions` count from 1, `mutants` are columns, and `owners` are the numbers of the variants.
        """
        return np.asarray(np.bincount(owners, self.effects[positions - 1, mutants], count), dtype=np.float64)


def profile_baseline(profile: Profile) -> Baseline:
    """Return log p(mutant) - log p(wild type) in the family."""
    return _from(profile.parent, profile.log_probabilities)


def blosum_baseline(parent: str) -> Baseline:
    """Return BLOSUM62's s(wild, mutant) - s(wild, wild): the floor that needs no homologs."""
    rows = np.full((len(parent), len(CANONICAL)), np.nan)
    for at, wild in _residues(parent):
        rows[at] = blosum62()[wild]
    return _from(parent, rows)


def _from(parent: str, rows: Floats) -> Baseline:
    """Return the differences of rows [L, 20] to the parent's own residues."""
    effects = np.full(rows.shape, np.nan)
    for at, wild in _residues(parent):
        effects[at] = rows[at] - rows[at, wild]
    return Baseline(effects)


def _residues(parent: str) -> list[tuple[int, int]]:
    """Return place and column of each canonical residue."""
    return [(at, CANONICAL.index(letter)) for at, letter in enumerate(parent) if letter in CANONICAL]
