"""Secondary structure in three states from backbone atoms, after Kabsch and Sander (1983, doi:10.1002/bip.360221211).

A hydrogen bond has an electrostatic energy below -0.5 kcal/mol between C=O of one residue and N-H of another. Two
turns in a row make a helix, and two bridges in a row a strand. Isolated bridges, turns and bends count as coil, and
all kinds of helices as one.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bonds = set[tuple[int, int]]
"""Pairs of residues: the acceptor, whose C=O takes part, and the donor, whose N-H does."""

HELIX, STRAND, COIL = "H", "E", "-"

_ENERGY = -0.5
"""kcal/mol below which there is a hydrogen bond."""
_COUPLING = 27.9
"""kcal/mol times Angstrom: 332 x 0.42 x 0.20, the charges of the two dipoles."""
_NEAR = 9.2
"""Angstrom between C-alpha atoms beyond which there is no hydrogen bond."""
_PEPTIDE = 2.5
"""Angstrom between C and the next N from which a chain is broken."""
_BLOCK = 256
"""Donors whose distances to all residues are computed at a time."""
_ALPHA, _OTHERS = 4, (3, 5)
"""Residues from C=O to N-H in the turns of an alpha helix, and of the two other kinds."""


def secondary_structure(n: Floats, alpha: Floats, c: Floats, o: Floats, proline: NDArray[np.bool_]) -> str:
    """Return a letter for each residue from its atoms [residues, 3] in Angstrom, NaN if they are missing.

    Returns "" if no residue has all four atoms: then nothing is known.
    """
    if not len(n) or not np.isfinite(n + alpha + c + o).all(axis=1).any():
        return ""
    joined = np.zeros(len(n), dtype=bool)  # to the residue before
    joined[1:] = np.linalg.norm(n[1:] - c[:-1], axis=1) < _PEPTIDE
    bonds = _bonds(n, alpha, c, o, _hydrogens(n, c, o, joined & ~proline))
    segment = np.cumsum(~joined)
    found = np.full(len(n), COIL)
    _mark_helices(found, bonds, segment, _ALPHA)
    bridged = _bridged(bonds, segment)
    for place in bridged:
        if found[place] == COIL and (place - 1 in bridged or place + 1 in bridged):
            found[place] = STRAND
    for span in _OTHERS:
        _mark_helices(found, bonds, segment, span)
    return "".join(found)


def _hydrogens(n: Floats, c: Floats, o: Floats, there: NDArray[np.bool_]) -> Floats:
    """Return the hydrogens [residues, 3] of N-H: 1 Angstrom from N, opposite to C=O of the residue before."""
    found = np.full_like(n, np.nan)
    away = c[:-1] - o[:-1]
    found[1:] = n[1:] + away / np.linalg.norm(away, axis=1, keepdims=True)
    found[~there] = np.nan
    return found


def _bonds(n: Floats, alpha: Floats, c: Floats, o: Floats, h: Floats) -> Bonds:
    bonds: Bonds = set()
    for start in range(0, len(n), _BLOCK):
        part = alpha[start : start + _BLOCK]
        near = np.square(part[:, None] - alpha[None, :]).sum(axis=2) < _NEAR**2
        donors, acceptors = np.nonzero(near)
        donors += start
        # A residue's own C=O, and that of the peptide bond to its N, are no partners.
        apart = (acceptors != donors) & (acceptors != donors - 1)
        donors, acceptors = donors[apart], acceptors[apart]
        with np.errstate(divide="ignore"):
            inverse = [
                sign / np.linalg.norm(a[acceptors] - b[donors], axis=1)
                for sign, a, b in ((1, o, n), (1, c, h), (-1, o, h), (-1, c, n))
            ]
        bonded = _COUPLING * np.sum(inverse, axis=0) < _ENERGY  # NaN is no bond
        bonds |= set(zip(acceptors[bonded].tolist(), donors[bonded].tolist(), strict=True))
    return bonds


def _mark_helices(found: NDArray[np.str_], bonds: Bonds, segment: NDArray[np.intp], span: int) -> None:
    """Mark the residues between two turns in a row, if none of them is marked already as a strand."""
    starts = {first for first, last in bonds if last - first == span and segment[first] == segment[last]}
    for start in starts:
        stretch = slice(start, start + span)
        if start - 1 in starts and not (found[stretch] == STRAND).any():
            found[stretch] = HELIX


def _bridged(bonds: Bonds, segment: NDArray[np.intp]) -> set[int]:
    """Return the residues that are part of a parallel or antiparallel bridge."""
    pairs: set[tuple[int, int]] = set()
    for acceptor, donor in bonds:
        if (donor, acceptor + 2) in bonds:  # parallel: C=O of i - 1 to N-H of j, and C=O of j to N-H of i + 1
            pairs.add((acceptor + 1, donor))
        if (donor, acceptor) in bonds:  # antiparallel: both ways between i and j
            pairs.add((acceptor, donor))
        if (donor - 2, acceptor + 2) in bonds:  # antiparallel: around i and j
            pairs.add((acceptor + 1, donor - 1))
    whole = {(i, j) for i, j in pairs if abs(i - j) > 2 and all(_inside(one, segment) for one in (i, j))}
    return {place for pair in whole for place in pair}


def _inside(place: int, segment: NDArray[np.intp]) -> bool:
    """Return whether a residue has neighbours on both sides without a break."""
    return 0 < place < len(segment) - 1 and bool(segment[place - 1] == segment[place + 1])
