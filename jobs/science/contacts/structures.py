"""Distances between residues in a protein structure, on the positions of a parent sequence.

PDB and mmCIF are read by gemmi, and its sequence alignment maps the parent to the chain: residues that the structure
does not resolve have no distance, residues that the parent does not have are left out.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass

import gemmi
import numpy as np
from numpy.typing import NDArray

from jobs.errors import InvalidInput, Problem
from jobs.limits import MIB
from jobs.parsing.upload import blocks_of

Floats = NDArray[np.float64]

MAX_STRUCTURE_BYTES = 64 * MIB
"""Bytes of a structure file once unpacked. A large ribosome takes 30 MB."""

MAX_CHAIN = 10_000
"""Residues of a chain: it is aligned to the parent in a matrix of bytes. The longest ones resolved have some 5,000."""

MIN_IDENTITY = 0.8
"""Share of aligned residues that must be the same. Engineered mutants differ in a few, homologs in many."""

MIN_COVERAGE = 0.5
"""Share of the shorter of the two sequences that must be the same residues."""

_SHOWN = 20
"""Chains that a message names, and characters of a chain's name."""

_BREAK = 4.5
"""Angstrom between neighbouring C-alpha atoms (3.8 along a chain) from which the chain is taken to be interrupted."""

_MATCH, _MISMATCH, _GAP_OPEN, _GAP_EXTEND = 2, -1, -6, -1
"""A gap costs nothing to open at a chain break and dearly elsewhere; a mismatch costs less than two gaps."""


@dataclass(frozen=True, slots=True)
class Chain:
    """A protein chain: its name as the file's author gave it, one letter for each resolved residue, coordinates in
    Angstrom [n, 3] of the C-alpha atoms and of the C-beta atoms (C-alpha for glycine), NaN where an atom is missing.
    """

    name: str
    letters: str
    alpha: Floats
    beta: Floats


@dataclass(frozen=True, slots=True)
class Mapped:
    """A chain on the positions of a parent of L residues.

    `distances` [L, L] in Angstrom between C-beta atoms (C-alpha for glycine), 0 on the diagonal, NaN in rows and
    columns of residues without that atom. `aligned` residues of the chain stand against the parent, `identical` of
    them are the same letter.
    """

    chain: str
    distances: Floats
    aligned: int
    identical: int

    @property
    def resolved(self) -> NDArray[np.bool_]:
        """Which positions have coordinates [L]."""
        return np.asarray(np.isfinite(np.diagonal(self.distances)))


def read_chains(data: bytes) -> list[Chain]:
    """The protein chains of the first model in `data`: PDB or mmCIF, gzip or not, told by content; at least one.

    Raises InvalidInput `bad_structure` for a file that cannot be read, `no_protein_chain` where it holds none,
    `chain_too_long` beyond `MAX_CHAIN`; TooLarge beyond `MAX_STRUCTURE_BYTES`.
    """
    unpacked = b"".join(blocks_of(io.BytesIO(data), max_bytes=MAX_STRUCTURE_BYTES))
    text = unpacked.decode("utf-8", "replace")
    try:
        structure = _of_mmcif(text) if _is_mmcif(unpacked) else gemmi.read_pdb_string(text)
        structure.setup_entities()
    except (RuntimeError, ValueError, IndexError) as error:
        what = f"The structure cannot be read: {error}"
        raise InvalidInput.of(Problem("bad_structure", what, "Send a PDB or mmCIF file.")) from None
    chains = [chain for chain in map(_chain, structure[0]) if chain.letters] if len(structure) else []
    if not chains:
        remedy = "Send a PDB or mmCIF file with the coordinates of a protein."
        raise InvalidInput.of(Problem("no_protein_chain", "The structure has no protein chain", remedy))
    return chains


def map_structure(data: bytes, parent: str, *, chain: str | None = None) -> Mapped:
    """The structure in `data` on the positions of `parent`: through the named chain, or the one that suits best (the
    first of several that suit equally).

    Raises what `read_chains` raises, and InvalidInput `no_such_chain`, `structure_mismatch`, `no_beta_atoms`.
    """
    chains = read_chains(data)
    if chain is not None:
        named = [one for one in chains if one.name == chain]
        if not named:
            choice = f"Choose from {', '.join(one.name[:_SHOWN] for one in chains[:_SHOWN])}."
            what = f"The structure has no protein chain {chain!r}"
            raise InvalidInput.of(Problem("no_such_chain", what, choice, path="chain"))
        chains = named
    return max((_mapped(one, parent) for one in chains), key=lambda mapped: mapped.identical).checked(chains, parent)


@dataclass(frozen=True, slots=True)
class _Pairs:
    """An alignment of a chain to a parent: `positions` (0-based) of the parent and `residues` of the chain that stand
    against each other.
    """

    chain: Chain
    positions: NDArray[np.intp]
    residues: NDArray[np.intp]
    identical: int

    def checked(self, chains: Sequence[Chain], parent: str) -> Mapped:
        """The distances, if the chain is the parent's."""
        aligned, shorter = len(self.positions), min(len(parent), len(self.chain.letters))
        if self.identical < MIN_IDENTITY * aligned or self.identical < MIN_COVERAGE * shorter:
            which = f"chain {self.chain.name}" if len(chains) == 1 else f"its best chain, {self.chain.name},"
            what = (
                f"The structure does not match the parent: {which} has {len(self.chain.letters):,} residues, of which "
                f"{aligned:,} align to the parent's {len(parent):,} and {self.identical:,} are the same"
            )
            remedy = "Send the structure of this protein, or name another chain."
            raise InvalidInput.of(Problem("structure_mismatch", what, remedy, path="structure"))
        beta = np.full((len(parent), 3), np.nan)
        beta[self.positions] = self.chain.beta[self.residues]
        if not np.isfinite(beta).any():
            remedy = "Send the structure with its side chains: a trace of C-alpha atoms is not enough."
            what = f"Chain {self.chain.name} has no C-beta atoms"
            raise InvalidInput.of(Problem("no_beta_atoms", what, remedy, path="structure"))
        distances = np.sqrt(np.square(beta[:, None] - beta[None, :]).sum(axis=2))
        return Mapped(self.chain.name, distances, aligned, self.identical)


def _mapped(chain: Chain, parent: str) -> _Pairs:
    scoring = gemmi.AlignmentScoring()
    scoring.match, scoring.mismatch, scoring.gapo, scoring.gape = _MATCH, _MISMATCH, _GAP_OPEN, _GAP_EXTEND
    result = gemmi.align_string_sequences(list(parent), list(chain.letters), _gap_costs(chain), scoring)
    above = np.array(list(result.add_gaps(parent, 1))) != "-"
    below = np.array(list(result.add_gaps(chain.letters, 2))) != "-"
    both = above & below
    return _Pairs(chain, (np.cumsum(above) - 1)[both], (np.cumsum(below) - 1)[both], result.match_count)


def _gap_costs(chain: Chain) -> list[int]:
    """What opening a gap before each residue costs, and behind the last: nothing at the ends and at chain breaks."""
    step = np.sqrt(np.square(np.diff(chain.alpha, axis=0)).sum(axis=1))
    connected = step < _BREAK  # NaN where an atom is missing: no connection
    return [0, *np.where(connected, _GAP_OPEN, 0).tolist(), 0]


def _chain(chain: gemmi.Chain) -> Chain:
    letters: list[str] = []
    places: list[tuple[list[float], list[float]]] = []
    for residue in chain.get_polymer().first_conformer():
        info = gemmi.find_tabulated_residue(residue.name)
        if not info.is_amino_acid():
            continue
        if len(letters) == MAX_CHAIN:
            what = f"Chain {chain.name[:_SHOWN]} has more than {MAX_CHAIN:,} residues"
            remedy = "Send the structure of this protein alone."
            raise InvalidInput.of(Problem("chain_too_long", what, remedy, path="structure"))
        letter = info.one_letter_code.strip().upper() or "X"
        letters.append(letter)
        alpha = _position(residue, "CA")
        places.append((alpha, alpha if letter == "G" else _position(residue, "CB")))
    both = np.array(places, dtype=np.float64).reshape(-1, 2, 3)
    return Chain(chain.name, "".join(letters), both[:, 0], both[:, 1])


def _position(residue: gemmi.Residue, atom: str) -> list[float]:
    found = residue.find_atom(atom, "*", gemmi.Element("C"))
    return found.pos.tolist() if found else [float("nan")] * 3


def _is_mmcif(data: bytes) -> bool:
    lines = (line.strip() for line in io.TextIOWrapper(io.BytesIO(data), "utf-8", "replace"))
    first = next((line for line in lines if line and not line.startswith("#")), "")
    return first.lower().startswith("data_")


def _of_mmcif(text: str) -> gemmi.Structure:
    return gemmi.make_structure_from_block(gemmi.cif.read_string(text)[0])
