"""A contact map as a table: pairs in order of their score, with the distances of a structure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from jobs.science.contacts.precision import CONTACT_DISTANCE, Floats

SHORTEST = 6
"""Least separation along the chain. Closer pairs touch in any structure, so they carry no information."""


@dataclass(frozen=True, slots=True)
class Pair:
    """Two positions (1-based), their residues, and their score.

    `distance` is in Angstrom, None if it is unknown. `marked` pairs are among the best L.
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
        """Whether they touch in the structure; None if that is unknown."""
        return None if self.distance is None else self.distance < CONTACT_DISTANCE


@dataclass(frozen=True, slots=True)
class ContactTable:
    """Scores [L, L] of the residue pairs of `sequence`, and distances [L, L] (NaN if unknown) or None."""

    sequence: str
    scores: Floats
    distances: Floats | None = None

    def ranked(self, *, separation: int = SHORTEST) -> NDArray[np.intp]:
        """Return the pairs [n, 2] (0-based, first < second) that are `separation` or more apart, best first."""
        first, second = np.triu_indices(len(self.sequence), k=max(1, separation))
        order = np.argsort(-self.scores[first, second], kind="stable")
        return np.stack([first[order], second[order]], axis=1)

    def marked(self, ranked: NDArray[np.intp]) -> NDArray[np.intp]:
        """Return the best L of the `ranked` pairs, L being the number of residues.

        If there is a structure, only residues that it resolves count. The picture marks the same pairs (`contactHeat`
        in frontend/src/pictures/contact-data.ts).
        """
        if self.distances is None:
            return ranked[: len(self.sequence)]
        resolved = np.isfinite(np.diagonal(self.distances))
        return ranked[resolved[ranked].all(axis=1)][: np.count_nonzero(resolved)]

    def pairs(self, places: NDArray[np.intp], marked: NDArray[np.intp] | None = None) -> Iterator[Pair]:
        """Yield the pairs at these places [n, 2] (0-based)."""
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
