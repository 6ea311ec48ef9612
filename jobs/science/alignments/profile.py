"""Profiles: position-specific scoring matrices, the site-independent model of a family.

The score of a substitution is log p(position, mutant) - log p(position, wild type), in nats. Those of several
substitutions add up. The probabilities are weighted frequencies of an alignment with pseudocounts:

- A row weighs 1 / its neighbours at 80 % identity, so that a large clan does not outvote the rest. The sum of the
  weights is Neff (Hopf et al. 2017).
- p = (n f + beta g) / (n + beta). f are the weighted frequencies of the column without its gaps. n is the weight of
  its residues.
- g are the frequencies that BLOSUM62 expects after f: sum over a of f_a P(b | a). A column without residues has the
  background of proteins.

This is PSI-BLAST's formula (Altschul et al. 1997) with n for its number of observations.

beta is 10, also PSI-BLAST's. docs/biology.md has the comparison with other pseudocounts.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from e1protocol import CANONICAL
from jobs.science.alignments.reading import Alignment
from jobs.science.alignments.substitutions import background, blosum62, replacements
from jobs.science.variants.codes import Mutation, Variant

Floats = NDArray[np.float64]

PSEUDOCOUNT = 10.0
"""beta, the weight of the pseudocounts in effective sequences."""

_CELLS = 1_000_000
"""Cells of an alignment that are counted at a time, at about 24 bytes each."""
_GAP = len(CANONICAL)
_COLUMN = np.full(256, _GAP, dtype=np.uint8)
_COLUMN[np.frombuffer(CANONICAL.encode(), dtype=np.uint8)] = np.arange(_GAP)


@dataclass(frozen=True, slots=True)
class Profile:
    """Log-probabilities [L, 20] of a parent's residues, in the order of `CANONICAL`. `neff` is the sum of weights."""

    parent: str
    log_probabilities: Floats
    neff: float

    @property
    def depth(self) -> float:
        """Neff/L: effective sequences for each residue of the parent."""
        return self.neff / len(self.parent)

    def score(self, variant: Variant) -> float:
        """Return the score of a variant in nats; the parent's is 0."""
        return sum(self.effect(one) for one in variant.mutations)

    def effect(self, mutation: Mutation) -> float:
        """Return the score of one substitution. The parent's residue there is canonical, as a `Variant` promises."""
        row = self.log_probabilities[mutation.position - 1]
        return float(row[CANONICAL.index(mutation.mutant)] - row[CANONICAL.index(mutation.wild)])


def profile_of(alignment: Alignment, neighbours: NDArray[np.int64], *, pseudocount: float = PSEUDOCOUNT) -> Profile:
    """Return the profile of an alignment, whose row 0 is the parent.

    `neighbours` [rows] are those of `jobs.science.alignments.sampling.neighbour_counts`. Ambiguous residues count as
    gaps. Raises ValueError for a pseudocount that is not above 0.
    """
    if pseudocount <= 0:
        raise ValueError(f"the pseudocount is {pseudocount}, and must be above 0")
    weights = 1.0 / neighbours
    counts = _weighted_counts(alignment.columns, weights)
    seen = counts.sum(axis=1, keepdims=True)
    shares = np.divide(counts, seen, out=np.tile(background(), (len(counts), 1)), where=seen > 0)
    expected = np.where(seen > 0, shares @ replacements(), background())
    chances = (seen * shares + pseudocount * expected) / (seen + pseudocount)
    return Profile(alignment.parent, np.log(chances), float(weights.sum()))


def _weighted_counts(columns: NDArray[np.uint8], weights: Floats) -> Floats:
    """Return the sum of the weights [L, 20] of the rows that have each residue. Memory is that of `_CELLS` cells."""
    length = columns.shape[1]
    places = np.arange(length) * (_GAP + 1)
    counts = np.zeros(length * (_GAP + 1))
    step = max(1, _CELLS // max(1, length))
    for start in range(0, len(columns), step):
        cells = (_COLUMN[columns[start : start + step]] + places).ravel()
        counts += np.bincount(cells, np.repeat(weights[start : start + step], length), len(counts))
    return counts.reshape(length, _GAP + 1)[:, :_GAP]


def blosum_score(variant: Variant) -> float:
    """Return the sum of BLOSUM62's s(wild, mutant) - s(wild, wild): which needs no homologs and no labels."""
    matrix = blosum62()
    pairs = ((CANONICAL.index(one.wild), CANONICAL.index(one.mutant)) for one in variant.mutations)
    return float(sum(matrix[wild, mutant] - matrix[wild, wild] for wild, mutant in pairs))
