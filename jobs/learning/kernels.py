"""Kernels of variants: which variants resemble each other, by their mutations.

Effects of mutations add up. The covariance of two variants is the sum of k over the pairs of their mutations. Here k
is a Gaussian of the distance between the vectors of two mutations.

Substitutions of the same position may have a part of their effects in common, of any residue: a site that tolerates
nothing. Its covariance is the number of mutated positions that two variants share. Of a position without
measurements it says nothing.

The covariance of pairs is the square of that sum between variants with several mutations, and 0 for others. It is
that of products of two effects, which is what epistasis between pairs looks like. Without multiple mutants in the data
nothing is known about pairs, and their predictions are 0.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from jobs.learning.samples import Floats, incidence, mutations_of, positions_of, sparse_incidence
from jobs.science.variants.codes import Mutation, Variant

CELLS = 4_000_000
"""Pairs of mutations that are compared at once. Of more, rows of the matrix are made and summed block by block."""
SEVERAL = 64
"""Mutations of one variant that are compared pair by pair."""


class Likeness:
    """The kernels between the variants `left` and `right` for any length scale. `sites` is as in `Rows`."""

    def __init__(self, left: Sequence[Variant], right: Sequence[Variant], sites: Mapping[Mutation, Floats]) -> None:
        a, b = mutations_of(left), mutations_of(right)
        few = len(a) * len(b) <= CELLS
        self._sum: Callable[[float], Floats] = (_whole if few else _blockwise)(left, right, a, b, sites)
        several = [np.array([len(one.mutations) > 1 for one in side], dtype=float) for side in (left, right)]
        self._several = np.outer(*several)
        self._last: tuple[float, Floats] | None = None
        self._sides = left, right

    @cached_property
    def shared(self) -> Floats:
        """How many mutated positions two variants share [left, right]."""
        return shared_positions(*self._sides)

    def additive(self, length: float) -> Floats:
        """Return the covariance [left, right] of sums of effects. The last one is kept."""
        if self._last is None or self._last[0] != length:
            self._last = (length, self._sum(length))
        return self._last[1]

    def total(self, length: float, pairs: float, place: float = 0.0) -> Floats:
        """Return the covariance [left, right] of sums of effects.

        Products of two effects have the weight `pairs`, and effects of positions the weight `place`.
        """
        single = self.additive(length)
        found = single if not pairs else single + pairs * single**2 * self._several
        return np.asarray(found if not place else found + place * self.shared)


def _whole(
    left: Sequence[Variant],
    right: Sequence[Variant],
    a: Sequence[Mutation],
    b: Sequence[Mutation],
    sites: Mapping[Mutation, Floats],
) -> Callable[[float], Floats]:
    """Return the sum of effects by its length scale, from the distances of all pairs of mutations."""
    ours, theirs = incidence(left, a), incidence(right, b)
    distances = _distances(*_vectors(a, b, sites))

    def total(length: float) -> Floats:
        near = np.exp(distances / (-2 * length**2))
        return np.asarray(ours @ near @ theirs.T)

    return total


def _blockwise(
    left: Sequence[Variant],
    right: Sequence[Variant],
    a: Sequence[Mutation],
    b: Sequence[Mutation],
    sites: Mapping[Mutation, Floats],
) -> Callable[[float], Floats]:
    """Return the same sum for many mutations: in blocks of at most CELLS pairs of different descriptions.

    A thousand variants of 150 mutations have five thousand different ones. Their matrices of all pairs take gigabytes,
    and products with them minutes.
    """
    x, y = _vectors(a, b, sites)
    (x, ours), (y, theirs) = _merged(x, sparse_incidence(left, a)), _merged(y, sparse_incidence(right, b))
    columns = ours.tocsc()
    step = max(1, CELLS // len(y))

    def total(length: float) -> Floats:
        found = np.zeros((len(left), len(right)))
        for start in range(0, len(x), step):
            near = np.exp(_distances(x[start : start + step], y) / (-2 * length**2))
            found += columns[:, start : start + step] @ (theirs @ near.T).T
        return found

    return total


def _vectors(a: Sequence[Mutation], b: Sequence[Mutation], sites: Mapping[Mutation, Floats]) -> tuple[Floats, Floats]:
    width = len(next(iter(sites.values()), ()))
    x = np.array([sites[one] for one in a]).reshape(len(a), width)
    return x, np.array([sites[one] for one in b]).reshape(len(b), width)


def _distances(x: Floats, y: Floats) -> Floats:
    """Return the squared distance of each pair of vectors."""
    squares = (x * x).sum(axis=1)[:, None] + (y * y).sum(axis=1)[None] - 2 * x @ y.T
    return np.asarray(np.maximum(squares, 0.0))


def _merged(vectors: Floats, counts: Any) -> tuple[Floats, Any]:
    """Return the different vectors, and the sparse counts [n, vectors] of each. Mutations may share a description."""
    from scipy.sparse import csr_matrix

    distinct, place = np.unique(vectors, axis=0, return_inverse=True)
    at = np.arange(len(vectors))
    merge = csr_matrix((np.ones(len(vectors)), (at, place.ravel())), shape=(len(vectors), len(distinct)))
    return distinct, (counts @ merge).tocsr()


def shared_positions(left: Sequence[Variant], right: Sequence[Variant]) -> Floats:
    """Return how many mutated positions two variants share [left, right]."""
    ours, theirs = ({at for one in side for at in positions_of(one)} for side in (left, right))
    column = {at: number for number, at in enumerate(sorted(ours & theirs))}
    tables = [np.zeros((len(side), len(column))) for side in (left, right)]
    for table, side in zip(tables, (left, right), strict=True):
        for row, variant in enumerate(side):
            table[row, [column[at] for at in positions_of(variant) if at in column]] = 1.0
    return np.asarray(tables[0] @ tables[1].T)


def own_likeness(
    variants: Sequence[Variant], sites: Mapping[Mutation, Floats], length: float, pairs: float, place: float = 0.0
) -> Floats:
    """Return the diagonal [n] of `Likeness.total`: each variant with itself."""
    found = np.ones(len(variants))
    for at, variant in enumerate(variants):
        if len(variant.mutations) != 1:
            x = np.array([sites[one] for one in variant.mutations])
            apart = _apart(x) if len(x) else np.zeros((0, 0))
            single = float(np.exp(apart / (-2 * length**2)).sum())
            found[at] = single + pairs * single**2 * (len(variant.mutations) > 1)
        found[at] += place * len(variant.mutations)
    return found


def _apart(x: Floats) -> Floats:
    """Return the squared distances of all pairs of vectors."""
    # Beyond SEVERAL the differences of all pairs take a gigabyte.
    return np.asarray(((x[:, None] - x[None]) ** 2).sum(axis=-1)) if len(x) <= SEVERAL else _distances(x, x)


def similarity(variants: Sequence[Variant], sites: Mapping[Mutation, Floats]) -> Floats:
    """Return how alike variants are [n, n]: the covariance of sums of effects, and 1 for a variant with itself."""
    near = Likeness(variants, variants, sites).additive(1.0)
    own = np.sqrt(np.maximum(np.diag(near), 1e-12))
    return np.asarray(near / np.outer(own, own))
