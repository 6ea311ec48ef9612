"""A contact map as a table for people: pairs in order of their score, beside the distances of a structure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from jobs.science.contacts.contacts import CONTACT_DISTANCE, Floats

SHORTEST = 6
"""Nearer pairs along the chain are neighbours in any structure, and say nothing."""


@dataclass(frozen=True, slots=True)
class Pair:
    """Two positions (1-based), their residues, and their score; `distance` in Angstrom, None where it is not known;
    `marked` where it is one of the best L.
    """

    first: int
    second: int
    residues: str
    score: float
    distance: float | None
    marked: bool = False

    @property
    def separation(self) -> int:
        return self.second - self.first

    @property
    def contact(self) -> bool | None:
        """Whether they touch in the structure; None where that is not known."""
        return None if self.distance is None else self.distance < CONTACT_DISTANCE


@dataclass(frozen=True, slots=True)
class ContactTable:
    """Scores [L, L] of the residue pairs of `sequence`, and distances [L, L] (NaN where unknown) or None."""

    sequence: str
    scores: Floats
    distances: Floats | None = None

    def ranked(self, *, separation: int = SHORTEST) -> NDArray[np.intp]:
        """Pairs [n, 2] (0-based, first < second) that lie `separation` or more apart, best first."""
        first, second = np.triu_indices(len(self.sequence), k=max(1, separation))
        order = np.argsort(-self.scores[first, second], kind="stable")
        return np.stack([first[order], second[order]], axis=1)

    def marked(self, ranked: NDArray[np.intp]) -> NDArray[np.intp]:
        """Of `ranked` pairs the best L, L being the number of residues; over a structure those that it resolves count
        alone. The picture marks the same (`contactHeat` in frontend/src/pictures/contact-data.ts).
        """
        if self.distances is None:
            return ranked[: len(self.sequence)]
        resolved = np.isfinite(np.diagonal(self.distances))
        return ranked[resolved[ranked].all(axis=1)][: np.count_nonzero(resolved)]

    def pairs(self, places: NDArray[np.intp], marked: NDArray[np.intp] | None = None) -> Iterator[Pair]:
        """The pairs at these places."""
        best = set() if marked is None else set(map(tuple, marked.tolist()))
        for first, second in places.tolist():
            distance = None
            if self.distances is not None and np.isfinite(self.distances[first, second]):
                distance = float(self.distances[first, second])
            letters = self.sequence[first] + self.sequence[second]
            score = float(self.scores[first, second])
            yield Pair(first + 1, second + 1, letters, score, distance, (first, second) in best)


def true_pairs(distances: Floats) -> list[list[int]]:
    """Return the pairs of positions (1-based) that touch in a structure."""
    pairs: list[list[int]] = (np.argwhere(np.triu(distances < CONTACT_DISTANCE, k=1)) + 1).tolist()
    return pairs
