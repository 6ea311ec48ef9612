"""Descriptions of mutations by embeddings: what the network's mean embedding changes by, in few numbers.

Nothing measured takes part: the components are those of every single mutant of the parent, measured or not.
"""

from __future__ import annotations

import numpy as np

from e1protocol import CANONICAL
from jobs.learning.samples import Floats
from jobs.science.variants.codes import single_variants

COMPONENTS = 32
"""Principal components that are kept."""


def described(parent: str, vectors: Floats, own: Floats) -> Floats:
    """Return a description [L, 20, k] of every substitution, k <= COMPONENTS, and zeros for the parent's residues.

    `vectors` [n, H] are the embeddings of `single_variants(parent)`, and `own` [H] is that of the parent. Differences
    to the parent are turned to their principal components (Jolliffe 2002). They are scaled to a mean square of 1, as
    the length scales of the kernel expect. Raises ValueError for another number of vectors, or infinite numbers.
    """
    singles = single_variants(parent)
    if len(vectors) != len(singles) or not (np.isfinite(vectors).all() and np.isfinite(own).all()):
        raise ValueError(f"{len(vectors):,} finite vectors are needed for {len(singles):,} variants")
    apart = np.asarray(vectors, dtype=np.float64) - np.asarray(own, dtype=np.float64)
    apart -= apart.mean(axis=0)
    values, axes = np.linalg.eigh(apart.T @ apart)
    few = apart @ axes[:, np.argsort(-values, kind="stable")[:COMPONENTS]]
    size = float(np.sqrt((few * few).sum(axis=1).mean()))
    few /= size or 1.0
    found = np.zeros((len(parent), len(CANONICAL), few.shape[1]))
    for variant, vector in zip(singles, few, strict=True):
        (one,) = variant.mutations
        found[one.position - 1, CANONICAL.index(one.mutant)] = vector
    return found
