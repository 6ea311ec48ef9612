"""Kernels of variants: which variants resemble each other, by their mutations.

Effects of mutations add up. The covariance of two variants is the sum of k over the pairs of their mutations. Here k
is a Gaussian of the distance between the vectors of two mutations.

The covariance of pairs is the square of that sum between variants with several mutations, and 0 for others. It is
that of products of two effects, which is what epistasis between pairs looks like. Without multiple mutants in the data
nothing is known about pairs, and their predictions are 0.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from jobs.learning.samples import Floats, incidence, mutations_of
from jobs.science.variants.codes import Mutation, Variant


class Likeness:
    """The kernels between the variants `left` and `right` for any length scale. `sites` is as in `Rows`."""

    def __init__(self, left: Sequence[Variant], right: Sequence[Variant], sites: Mapping[Mutation, Floats]) -> None:
        a, b = mutations_of(left), mutations_of(right)
        self._left, self._right = incidence(left, a), incidence(right, b)
        width = len(next(iter(sites.values()), ()))
        x = np.array([sites[one] for one in a]).reshape(len(a), width)
        y = np.array([sites[one] for one in b]).reshape(len(b), width)
        squares = (x * x).sum(axis=1)[:, None] + (y * y).sum(axis=1)[None] - 2 * x @ y.T
        self._distances = np.maximum(squares, 0.0)
        several = [np.array([len(one.mutations) > 1 for one in side], dtype=float) for side in (left, right)]
        self._several = np.outer(*several)

    def additive(self, length: float) -> Floats:
        """Return the covariance [left, right] of sums of effects."""
        near = np.exp(self._distances / (-2 * length**2))
        return np.asarray(self._left @ near @ self._right.T)

    def total(self, length: float, pairs: float) -> Floats:
        """Return the covariance [left, right] of sums of effects, and of products of two with the weight `pairs`."""
        single = self.additive(length)
        return single if not pairs else np.asarray(single + pairs * single**2 * self._several)


def own_likeness(variants: Sequence[Variant], sites: Mapping[Mutation, Floats], length: float, pairs: float) -> Floats:
    """Return the diagonal [n] of `Likeness.total`: each variant with itself."""
    found = np.ones(len(variants))
    for at, variant in enumerate(variants):
        if len(variant.mutations) != 1:
            x = np.array([sites[one] for one in variant.mutations])
            apart = ((x[:, None] - x[None]) ** 2).sum(axis=-1) if len(x) else np.zeros((0, 0))
            single = float(np.exp(apart / (-2 * length**2)).sum())
            found[at] = single + pairs * single**2 * (len(variant.mutations) > 1)
    return found


def similarity(variants: Sequence[Variant], sites: Mapping[Mutation, Floats]) -> Floats:
    """Return how alike variants are [n, n]: the covariance of sums of effects, and 1 for a variant with itself."""
    near = Likeness(variants, variants, sites).additive(1.0)
    own = np.sqrt(np.maximum(np.diag(near), 1e-12))
    return np.asarray(near / np.outer(own, own))
