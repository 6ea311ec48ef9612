"""Distances between residues of a protein structure, mapped to the positions of a parent sequence.

gemmi aligns the chain to the parent. Residues that the structure does not resolve have no distance. Residues that the
parent does not have are left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import gemmi
import numpy as np
from numpy.typing import NDArray

from jobs.errors import InvalidInput
from jobs.science.contacts.chains import NAME_SHOWN, Chain, Floats, chains_of, read_chains

MIN_IDENTITY = 0.8
"""Least share of aligned residues that are the same. Engineered mutants differ in a few, homologs in many."""

MIN_COVERAGE = 0.5
"""Least number of identical residues, as a share of the shorter sequence."""

MIN_BASED = 0.5
"""Least share of aligned residues whose C-beta atom is known or follows from the backbone. A trace of C-alpha atoms
with one whole residue, or with glycines, would otherwise pass for a structure without contacts."""

_CHAINS_SHOWN = 20
"""Most chains that a message names."""

_BREAK = 4.5
"""Angstrom between neighbouring C-alpha atoms (3.8 along a chain) from which the chain counts as broken."""

_MATCH, _MISMATCH, _GAP_OPEN, _GAP_EXTEND = 2, -1, -6, -1
"""Opening a gap is free at a chain break and expensive elsewhere. A mismatch costs less than two gaps."""


@dataclass(frozen=True, slots=True)
class Mapped:
    """A chain mapped to the positions of a parent of L residues.

    - `distances` [L, L] are in Angstrom between C-beta atoms (C-alpha for glycine): 0 on the diagonal, NaN in rows and
      columns of residues without that atom.
    - `aligned` counts the residues aligned to the parent, `identical` those with the same letter, and `virtual` those
      with a C-beta atom computed from the backbone.
    - `labels` [L] are the residues' numbers in the file, such as "52A", None at positions without a residue.
    """

    chain: str
    distances: Floats
    aligned: int
    identical: int
    virtual: int
    labels: tuple[str | None, ...]

    @property
    def resolved(self) -> NDArray[np.bool_]:
        """The positions that have coordinates [L]."""
        return np.asarray(np.isfinite(np.diagonal(self.distances)))


def map_structure(data: bytes, parent: str, *, chain: str | None = None, filename: str = "") -> Mapped:
    """Map the structure in `data` to the positions of `parent`, through the named chain or the best match.

    If several chains match equally well, the first is taken. Raises what `read_chains` raises, and InvalidInput
    `no_such_chain`, `structure_mismatch`, `no_beta_atoms`.
    """
    return _matched(data, parent, chain, filename).mapped(parent)


def residue_labels(data: bytes, parent: str, *, chain: str | None = None) -> tuple[str | None, ...]:
    """Return for each position of `parent` the number of its residue in the structure, with its insertion code.

    The numbers are the author's, such as "52", "52A" and "-1", and need not rise. A position without a residue is None.
    So are those before the first and after the last identical residue, which may be aligned to a tag.
    Raises what `map_structure` raises but `no_beta_atoms`: numbers need no coordinates.
    """
    pairs = _matched(data, parent, chain, "")
    both = zip(pairs.positions.tolist(), pairs.residues.tolist(), strict=True)
    same = [position for position, residue in both if parent[position] == pairs.chain.letters[residue]]
    labels = pairs.labels(parent)
    return tuple(label if same[0] <= position <= same[-1] else None for position, label in enumerate(labels))


def chain_residues(structure: gemmi.Structure, parent: str, chain: str) -> tuple[Chain, list[int | None]]:
    """Return the named chain, and for each of its residues the position (1-based) in the parent, None without one.

    Raises InvalidInput as `map_structure` does, but not `no_beta_atoms`.
    """
    pairs = _best(chains_of(structure), parent, chain)
    found: list[int | None] = [None] * len(pairs.chain.letters)
    for position, residue in zip(pairs.positions.tolist(), pairs.residues.tolist(), strict=True):
        found[residue] = position + 1
    return pairs.chain, found


def _matched(data: bytes, parent: str, chain: str | None, filename: str) -> _Pairs:
    """Align the named chain, or each, and return the best. Raises InvalidInput if it does not match the parent."""
    return _best(read_chains(data, filename), parent, chain)


def _best(chains: list[Chain], parent: str, chain: str | None) -> _Pairs:
    if chain is not None:
        named = [one for one in chains if one.name == chain]
        if not named:
            choice = f"Choose from {', '.join(one.name[:NAME_SHOWN] for one in chains[:_CHAINS_SHOWN])}."
            what = f"The structure has no protein chain {chain!r}"
            raise InvalidInput.one("no_such_chain", what, choice, path="chain")
        chains = named
    best = max((_aligned(one, parent) for one in chains), key=lambda pairs: pairs.identical)
    best.check_match(chains, parent)
    return best


@dataclass(frozen=True, slots=True)
class _Pairs:
    """An alignment of a chain to a parent: pairs of `positions` (0-based) of the parent and `residues` of the chain."""

    chain: Chain
    positions: NDArray[np.intp]
    residues: NDArray[np.intp]
    identical: int

    def check_match(self, chains: Sequence[Chain], parent: str) -> None:
        """Raise InvalidInput if the chain does not match the parent."""
        aligned, shorter = len(self.positions), min(len(parent), len(self.chain.letters))
        if self.identical < MIN_IDENTITY * aligned or self.identical < MIN_COVERAGE * shorter:
            which = f"chain {self.chain.name}" if len(chains) == 1 else f"its best chain, {self.chain.name},"
            what = (
                f"The structure does not match the parent: {which} has {len(self.chain.letters):,} residues, of which "
                f"{aligned:,} align to the parent's {len(parent):,} and {self.identical:,} are the same"
            )
            remedy = "Send the structure of this protein, or name another chain."
            raise InvalidInput.one("structure_mismatch", what, remedy, path="structure")

    def labels(self, parent: str) -> tuple[str | None, ...]:
        found: list[str | None] = [None] * len(parent)
        for position, residue in zip(self.positions.tolist(), self.residues.tolist(), strict=True):
            found[position] = self.chain.labels[residue]
        return tuple(found)

    def mapped(self, parent: str) -> Mapped:
        """Return the distances. Raises InvalidInput if too few residues have C-beta atoms."""
        chain = self.chain
        based, aligned = int(chain.based[self.residues].sum()), len(self.positions)
        if based < MIN_BASED * aligned or not based:
            what = f"Chain {chain.name[:NAME_SHOWN]} has no C-beta atoms"
            if based:
                what = f"Chain {chain.name[:NAME_SHOWN]} has C-beta atoms for {based:,} of {aligned:,} residues only"
            remedy = (
                "Send the structure with its side chains, or with N, CA and C of each residue: a trace of C-alpha "
                "atoms is not enough."
            )
            raise InvalidInput.one("no_beta_atoms", what, remedy, path="structure")
        beta = np.full((len(parent), 3), np.nan)
        beta[self.positions] = chain.beta[self.residues]
        # Axis by axis, which takes a third of the memory: a scan has up to 2,048 residues.
        squares = np.zeros((len(parent), len(parent)))
        for axis in beta.T:
            squares += np.square(axis[:, None] - axis[None, :])
        distances = np.sqrt(squares)
        virtual = int(chain.virtual[self.residues].sum())
        return Mapped(chain.name, distances, aligned, self.identical, virtual, self.labels(parent))


def _aligned(chain: Chain, parent: str) -> _Pairs:
    scoring = gemmi.AlignmentScoring()
    scoring.match, scoring.mismatch, scoring.gapo, scoring.gape = _MATCH, _MISMATCH, _GAP_OPEN, _GAP_EXTEND
    result = gemmi.align_string_sequences(list(parent), list(chain.letters), _gap_costs(chain), scoring)
    above = np.array(list(result.add_gaps(parent, 1))) != "-"
    below = np.array(list(result.add_gaps(chain.letters, 2))) != "-"
    both = above & below
    return _Pairs(chain, (np.cumsum(above) - 1)[both], (np.cumsum(below) - 1)[both], result.match_count)


def _gap_costs(chain: Chain) -> list[int]:
    """Return the cost of opening a gap before each residue and after the last: none at the ends and at chain breaks."""
    step = np.sqrt(np.square(np.diff(chain.alpha, axis=0)).sum(axis=1))
    connected = step < _BREAK  # a missing atom is NaN: not connected
    return [0, *np.where(connected, _GAP_OPEN, 0).tolist(), 0]
