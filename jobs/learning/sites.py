"""Descriptions of single mutations: vectors that a kernel compares.

The scales of the parts are fixed, so that no description depends on which variants are in the training set.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from e1protocol import CANONICAL
from jobs.learning.samples import Floats
from jobs.science.alignments.profile import Profile
from jobs.science.alignments.substitutions import blosum62
from jobs.science.variants.codes import Mutation

# Kyte and Doolittle 1982: hydropathy. Zamyatnin 1972: volume in cubic Angstrom.
_PROPERTIES = {
    "A": (1.8, 88.6), "C": (2.5, 108.5), "D": (-3.5, 111.1), "E": (-3.5, 138.4), "F": (2.8, 189.9),
    "G": (-0.4, 60.1), "H": (-3.2, 153.2), "I": (4.5, 166.7), "K": (-3.9, 168.6), "L": (3.8, 166.7),
    "M": (1.9, 162.9), "N": (-3.5, 114.1), "P": (-1.6, 112.7), "Q": (-3.5, 143.8), "R": (-4.5, 173.4),
    "S": (-0.8, 89.0), "T": (-0.7, 116.1), "V": (4.2, 140.0), "W": (-0.9, 227.8), "Y": (-1.3, 193.6),
}  # fmt: skip
_CHARGES = {"D": -1.0, "E": -1.0, "K": 1.0, "R": 1.0}
_EFFECT = 3.0


def residue_vector(residue: str) -> Floats:
    """Return hydropathy, volume, charge, and whether it is proline or glycine, each about 1 across residues."""
    hydropathy, volume = _PROPERTIES[residue]
    special = (float(residue == "P"), float(residue == "G"))
    return np.array([hydropathy / 3, (volume - 140) / 40, _CHARGES.get(residue, 0.0), *special]) / 1.5


def by_profile(mutations: Iterable[Mutation], profile: Profile) -> dict[Mutation, Floats]:
    """Describe mutations by the profile's row at the site, the score of the mutation, and both residues."""
    found: dict[Mutation, Floats] = {}
    for one in mutations:
        row = profile.log_probabilities[one.position - 1]
        effect = [profile.effect(one) / _EFFECT]
        found[one] = np.concatenate([row / (1.5 * np.sqrt(row.size)), effect, *_residues(one)])
    return found


def by_residues(mutations: Iterable[Mutation]) -> dict[Mutation, Floats]:
    """Describe mutations by BLOSUM62 and both residues. It needs no alignment."""
    matrix = blosum62()
    found: dict[Mutation, Floats] = {}
    for one in mutations:
        wild, mutant = CANONICAL.index(one.wild), CANONICAL.index(one.mutant)
        row, effect = matrix[wild] / (2 * np.sqrt(20)), [matrix[wild, mutant] / _EFFECT]
        found[one] = np.concatenate([row, effect, *_residues(one)])
    return found


def by_identity(mutations: Iterable[Mutation]) -> dict[Mutation, Floats]:
    """Describe mutations so that all pairs are equally far apart, as in one-hot features."""
    listed = sorted(set(mutations))
    return dict(zip(listed, np.eye(len(listed)), strict=True))


def _residues(mutation: Mutation) -> tuple[Floats, Floats]:
    return residue_vector(mutation.wild), residue_vector(mutation.mutant)
