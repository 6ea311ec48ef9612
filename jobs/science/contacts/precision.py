"""The precision of a contact map, measured against the distances of a structure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

MIN_SEPARATION = 24
"""Distance along the chain from which a pair counts as long-range."""

CONTACT_DISTANCE = 8.0
"""Angstrom between C-beta atoms (C-alpha for glycine) below which a pair is a contact."""


@dataclass(frozen=True, slots=True)
class Precision:
    """The number of contacts among the best-scored pairs: `hits` of `pairs`. `contacts` counts all of the structure."""

    hits: int
    pairs: int
    contacts: int

    @property
    def value(self) -> float:
        """The share of hits, NaN if there are no pairs."""
        return self.hits / self.pairs if self.pairs else float("nan")


def long_range_precision(scores: Floats, distances: Floats) -> Precision:
    """Return the long-range precision at L, the number of residues that the structure resolves.

    `scores` [L, L] have any scale; higher means closer. `distances` [L, L] are in Angstrom, NaN for residues that the
    structure does not resolve (`jobs.science.contacts.structures`). The pairs are the L best-scored ones with both
    residues resolved and |i - j| >= `MIN_SEPARATION`. A pair is a contact if its distance is below `CONTACT_DISTANCE`.

    Raises ValueError for arrays of different shapes.
    """
    if scores.shape != distances.shape:
        raise ValueError(f"scores of shape {scores.shape} and distances of shape {distances.shape}")
    resolved = np.isfinite(np.diagonal(distances))
    i, j = np.triu_indices(len(scores), k=MIN_SEPARATION)
    known = resolved[i] & resolved[j]
    i, j = i[known], j[known]
    contact = distances[i, j] < CONTACT_DISTANCE
    best = np.argsort(-scores[i, j], kind="stable")[: np.count_nonzero(resolved)]
    return Precision(int(contact[best].sum()), len(best), int(contact.sum()))
