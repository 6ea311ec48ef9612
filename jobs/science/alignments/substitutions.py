"""BLOSUM62 (Henikoff and Henikoff 1992) and the frequencies that belong to it, from Biopython.

Arrays are in the order of `CANONICAL`.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from e1protocol import CANONICAL

Floats = NDArray[np.float64]

LAMBDA = 0.3176
"""Nats of one unit of BLOSUM62 without gaps, as BLAST uses it (Altschul et al. 1997)."""

# Residues in a thousand (Robinson and Robinson 1991), as BLAST uses them.
_IN_A_THOUSAND = {
    "A": 78.05, "C": 19.25, "D": 53.64, "E": 62.95, "F": 38.56, "G": 73.77, "H": 21.99,
    "I": 51.42, "K": 57.44, "L": 90.19,
    "M": 22.43, "N": 44.87, "P": 52.03, "Q": 42.64, "R": 51.29, "S": 71.20, "T": 58.41,
    "V": 64.41, "W": 13.30, "Y": 32.16,
}  # fmt: skip


def background() -> Floats:
    """Return the frequencies [20] of residues in proteins. Their sum is 1."""
    shares = np.array([_IN_A_THOUSAND[residue] for residue in CANONICAL])
    return np.asarray(shares / shares.sum())


@cache
def blosum62() -> Floats:
    """Return the scores [20, 20]."""
    from Bio.Align import substitution_matrices

    matrix = substitution_matrices.load("BLOSUM62")  # type: ignore[no-untyped-call]  # Biopython has few types
    scores = np.array([[float(matrix[a][b]) for b in CANONICAL] for a in CANONICAL])
    scores.flags.writeable = False
    return scores


@cache
def replacements() -> Floats:
    """Return the probability [20, 20] of residue b in place of residue a. Each row sums to 1.

    The pair frequencies are those that the scores imply: p_a p_b exp(LAMBDA s_ab).
    """
    shares = background()
    pairs = np.outer(shares, shares) * np.exp(LAMBDA * blosum62())
    found = np.asarray(pairs / pairs.sum(axis=1, keepdims=True))
    found.flags.writeable = False
    return found
