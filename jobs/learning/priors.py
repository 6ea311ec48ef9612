"""Tables of a prior: the score of every substitution, and the profile's row at every site.

Scores of several substitutions add up. A higher score is a better variant. Tables are packed as little-endian doubles,
so that a stored model gives the same predictions for ever.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from e1protocol import CANONICAL
from jobs.learning.samples import Floats, Rows, mutations_of
from jobs.learning.sites import by_profile, by_residues
from jobs.science.alignments.profile import Profile
from jobs.science.alignments.substitutions import blosum62
from jobs.science.variants.codes import Mutation, Variant, single_variants

ONE_HOT, PROFILE, SITE, MEAN = "one_hot", "profile", "site", "mean"
"""Descriptions of mutations: none, the profile's row at the site, the residues with BLOSUM62, and mean embeddings."""
FEATURES = (SITE, PROFILE, MEAN, ONE_HOT)


@dataclass(frozen=True, slots=True)
class Tables:
    """The `prior` [L, 20] and the `profile` [L, 20], which is None without an alignment, in the order of CANONICAL.

    `embedded` [L, 20, k] are the descriptions of `jobs.learning.embeddings`, if the features are mean embeddings.
    """

    parent: str
    prior: Floats
    profile: Floats | None
    embedded: Floats | None = None

    def score(self, variant: Variant) -> float:
        """Return the sum of the scores of the mutations; the parent's is 0."""
        return _sum(self.prior, variant)

    def profile_score(self, variant: Variant) -> float:
        """Return the score by the profile. Raises ValueError without one."""
        if self.profile is None:
            raise ValueError("there is no profile")
        return Profile(self.parent, self.profile, 0.0).score(variant)

    def packed(self) -> bytes:
        return zlib.compress(self._stacked(), 9)

    def _stacked(self) -> bytes:
        """Return the prior, then the profile, then each number of the descriptions.

        A table of zeros is no profile: its rows are logarithms of probabilities.
        """
        parts = [self.prior] if self.profile is None else [self.prior, self.profile]
        if self.embedded is not None:
            parts = [
                *parts,
                *([no_prior(self.parent)] if self.profile is None else []),
                *np.moveaxis(self.embedded, 2, 0),
            ]
        return np.stack(parts).astype("<f8").tobytes()

    @classmethod
    def unpacked(cls, data: bytes, parent: str) -> Tables:
        found = np.frombuffer(zlib.decompress(data), dtype="<f8").reshape(-1, len(parent), len(CANONICAL))
        profile = found[1] if len(found) > 1 and found[1].any() else None
        return cls(parent, found[0], profile, np.moveaxis(found[2:], 0, 2) if len(found) > 2 else None)

    @property
    def digest(self) -> str:
        """SHA-256 of the numbers."""
        return hashlib.sha256(self._stacked()).hexdigest()

    def rows(self, variants: Sequence[Variant], features: str, known: Sequence[Mutation]) -> Rows:
        """Return variants with their prior and the description of their mutations.

        `known` are the mutations of the training set. One-hot descriptions are equally far apart, and all other
        mutations share one: nothing tells them apart. Raises ValueError for unknown features.
        """
        prior = np.array([self.score(one) for one in variants], dtype=float)
        return Rows(tuple(variants), prior, self._sites(mutations_of(variants), features, known))

    def _sites(self, mutations: Iterable[Mutation], features: str, known: Sequence[Mutation]) -> dict[Mutation, Floats]:
        if features == PROFILE and self.profile is not None:
            return by_profile(mutations, Profile(self.parent, self.profile, 0.0))
        if features == SITE:
            return by_residues(mutations)
        if features == MEAN and self.embedded is not None:
            return {one: self.embedded[one.position - 1, CANONICAL.index(one.mutant)] for one in mutations}
        if features == ONE_HOT:
            axes = _axes(len(known) + 1)
            place = {one: at for at, one in enumerate(known)}
            return {one: axes[place.get(one, len(known))] for one in mutations}
        raise ValueError(f"there are no features {features!r}")


@lru_cache(maxsize=1)
def _axes(count: int) -> Floats:
    """Return the identity matrix. Fits keep rows of it, so that all blocks of a large file share one."""
    axes = np.eye(count)
    axes.flags.writeable = False
    return axes


def _sum(table: Floats, variant: Variant) -> float:
    return float(sum(table[one.position - 1, CANONICAL.index(one.mutant)] for one in variant.mutations))


def no_prior(parent: str) -> Floats:
    """Return a table in which every variant has the score 0."""
    return np.zeros((len(parent), len(CANONICAL)))


def blosum_prior(parent: str) -> Floats:
    """Return BLOSUM62's s(wild, mutant) - s(wild, wild), which needs neither homologs nor labels."""
    wild = np.array([CANONICAL.index(residue) for residue in parent])
    matrix = blosum62()
    return np.asarray(matrix[wild] - matrix[wild, wild][:, None])


def profile_prior(profile: Profile) -> Floats:
    """Return the profile's score of every substitution."""
    wild = [CANONICAL.index(residue) for residue in profile.parent]
    own = profile.log_probabilities[np.arange(len(wild)), wild]
    return np.asarray(profile.log_probabilities - own[:, None])


def prior_of_scores(parent: str, scores: dict[Variant, float]) -> Floats | None:
    """Return the table of scores of all single substitutions, or None if one is missing."""
    table = no_prior(parent)
    for variant in single_variants(parent):
        value = scores.get(variant)
        if value is None or not np.isfinite(value):
            return None
        (one,) = variant.mutations
        table[one.position - 1, CANONICAL.index(one.mutant)] = value
    return table
