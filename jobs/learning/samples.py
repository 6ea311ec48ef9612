"""What a model learns from: variants, their prior scores, and the description of each mutation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jobs.science.variants.codes import Mutation, Variant

Floats = NDArray[np.float64]
Whole = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Rows:
    """Variants and their `prior` [n], in the units of the score, and higher for better variants.

    `sites` has a vector of the same length for every mutation of them. It may hold more.
    """

    variants: tuple[Variant, ...]
    prior: Floats
    sites: Mapping[Mutation, Floats]

    def __len__(self) -> int:
        return len(self.variants)

    def take(self, at: Sequence[int] | Whole) -> Rows:
        """Return the rows with these numbers, in this order."""
        chosen = np.asarray(at, dtype=np.int64)
        return Rows(tuple(self.variants[one] for one in chosen), self.prior[chosen], self.sites)


def positions_of(variant: Variant) -> tuple[int, ...]:
    """Return the mutated positions in ascending order."""
    return tuple(one.position for one in variant.mutations)


def mutations_of(variants: Sequence[Variant]) -> list[Mutation]:
    """Return every mutation of the variants once, in ascending order."""
    return sorted({one for variant in variants for one in variant.mutations})


def sparse_incidence(variants: Sequence[Variant], mutations: Sequence[Mutation]) -> Any:
    """Return the matrix of `incidence` as a sparse one of scipy. All mutations must be known."""
    from scipy.sparse import csr_matrix

    place = {one: at for at, one in enumerate(mutations)}
    pairs = [(row, place[one]) for row, variant in enumerate(variants) for one in variant.mutations]
    at, to = ([pair[side] for pair in pairs] for side in (0, 1))
    return csr_matrix((np.ones(len(pairs)), (at, to)), shape=(len(variants), len(mutations)))


def incidence(variants: Sequence[Variant], mutations: Sequence[Mutation]) -> Floats:
    """Return a matrix [variants, mutations]: 1 where the variant has the mutation. Unknown mutations are left out."""
    place = {one: at for at, one in enumerate(mutations)}
    found = np.zeros((len(variants), len(mutations)))
    for row, variant in enumerate(variants):
        for one in variant.mutations:
            if (at := place.get(one)) is not None:
                found[row, at] = 1.0
    return found
