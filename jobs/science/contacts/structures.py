"""Distances between residues of a protein structure, mapped to the positions of a parent sequence.

gemmi reads PDB and mmCIF, and aligns the chain to the parent. Residues that the structure does not resolve have no
distance. Residues that the parent does not have are left out.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass

import gemmi
import numpy as np
from numpy.typing import NDArray

from jobs.errors import InvalidInput
from jobs.limits import MIB
from jobs.parsing.upload import blocks_of

Floats = NDArray[np.float64]

MAX_STRUCTURE_BYTES = 64 * MIB
"""Bytes of a structure file once unpacked. A large ribosome takes 30 MB."""

MAX_CHAIN = 10_000
"""Most residues of a chain: the alignment to the parent takes a matrix of bytes. Known chains have up to 5,000."""

MIN_IDENTITY = 0.8
"""Least share of aligned residues that are the same. Engineered mutants differ in a few, homologs in many."""

MIN_COVERAGE = 0.5
"""Least number of identical residues, as a share of the shorter sequence."""

_SHOWN = 20
"""Most chains that a message names, and most characters of a chain's name."""

_BREAK = 4.5
"""Angstrom between neighbouring C-alpha atoms (3.8 along a chain) from which the chain counts as broken."""

_MATCH, _MISMATCH, _GAP_OPEN, _GAP_EXTEND = 2, -1, -6, -1
"""Opening a gap is free at a chain break and expensive elsewhere. A mismatch costs less than two gaps."""


@dataclass(frozen=True, slots=True)
class Chain:
    """A protein chain, named as in the file, with one letter for each resolved residue.

    `alpha` and `beta` are the coordinates [n, 3] in Angstrom of the C-alpha and C-beta atoms (C-alpha for glycine), NaN
    for a missing atom.
    """

    name: str
    letters: str
    alpha: Floats
    beta: Floats


@dataclass(frozen=True, slots=True)
class Mapped:
    """A chain mapped to the positions of a parent of L residues.

    `distances` [L, L] are in Angstrom between C-beta atoms (C-alpha for glycine): 0 on the diagonal, NaN in rows and
    columns of residues without that atom. `aligned` counts the residues aligned to the parent, `identical` those with
    the same letter.
    """

    chain: str
    distances: Floats
    aligned: int
    identical: int

    @property
    def resolved(self) -> NDArray[np.bool_]:
        """The positions that have coordinates [L]."""
        return np.asarray(np.isfinite(np.diagonal(self.distances)))


def read_chains(data: bytes) -> list[Chain]:
    """Return the protein chains of the first model in `data`, at least one.

    The file is PDB or mmCIF, gzip or not, as its content shows.

    Raises InvalidInput `bad_structure` for a file that cannot be read, `no_protein_chain` if there is no chain,
    `chain_too_long` beyond `MAX_CHAIN`. Raises TooLarge beyond `MAX_STRUCTURE_BYTES`.
    """
    unpacked = b"".join(blocks_of(io.BytesIO(data), max_bytes=MAX_STRUCTURE_BYTES))
    text = unpacked.decode("utf-8", "replace")
    try:
        structure = _of_mmcif(text) if _is_mmcif(unpacked) else gemmi.read_pdb_string(text)
        structure.setup_entities()
    except (RuntimeError, ValueError, IndexError) as error:
        what = f"The structure cannot be read: {error}"
        raise InvalidInput.one("bad_structure", what, "Send a PDB or mmCIF file.") from None
    chains = [chain for chain in map(_chain, structure[0]) if chain.letters] if len(structure) else []
    if not chains:
        remedy = "Send a PDB or mmCIF file with the coordinates of a protein."
        raise InvalidInput.one("no_protein_chain", "The structure has no protein chain", remedy)
    return chains


def map_structure(data: bytes, parent: str, *, chain: str | None = None) -> Mapped:
    """Map the structure in `data` to the positions of `parent`, through the named chain or the best match.

    If several chains match equally well, the first is taken. Raises what `read_chains` raises, and InvalidInput
    `no_such_chain`, `structure_mismatch`, `no_beta_atoms`.
    """
    chains = read_chains(data)
    if chain is not None:
        named = [one for one in chains if one.name == chain]
        if not named:
            choice = f"Choose from {', '.join(one.name[:_SHOWN] for one in chains[:_SHOWN])}."
            what = f"The structure has no protein chain {chain!r}"
            raise InvalidInput.one("no_such_chain", what, choice, path="chain")
        chains = named
    return max((_mapped(one, parent) for one in chains), key=lambda mapped: mapped.identical).checked(chains, parent)


@dataclass(frozen=True, slots=True)
class _Pairs:
    """An alignment of a chain to a parent: pairs of `positions` (0-based) of the parent and `residues` of the chain."""

    chain: Chain
    positions: NDArray[np.intp]
    residues: NDArray[np.intp]
    identical: int

    def checked(self, chains: Sequence[Chain], parent: str) -> Mapped:
        """Return the distances. Raises InvalidInput if the chain does not match the parent or has no C-beta atoms."""
        aligned, shorter = len(self.positions), min(len(parent), len(self.chain.letters))
        if self.identical < MIN_IDENTITY * aligned or self.identical < MIN_COVERAGE * shorter:
            which = f"chain {self.chain.name}" if len(chains) == 1 else f"its best chain, {self.chain.name},"
            what = (
                f"The structure does not match the parent: {which} has {len(self.chain.letters):,} residues, of which "
                f"{aligned:,} align to the parent's {len(parent):,} and {self.identical:,} are the same"
            )
            remedy = "Send the structure of this protein, or name another chain."
            raise InvalidInput.one("structure_mismatch", what, remedy, path="structure")
        beta = np.full((len(parent), 3), np.nan)
        beta[self.positions] = self.chain.beta[self.residues]
        if not np.isfinite(beta).any():
            remedy = "Send the structure with its side chains: a trace of C-alpha atoms is not enough."
            what = f"Chain {self.chain.name} has no C-beta atoms"
            raise InvalidInput.one("no_beta_atoms", what, remedy, path="structure")
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
    """Return the cost of opening a gap before each residue and after the last: none at the ends and at chain breaks."""
    step = np.sqrt(np.square(np.diff(chain.alpha, axis=0)).sum(axis=1))
    connected = step < _BREAK  # a missing atom is NaN: not connected
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
            raise InvalidInput.one("chain_too_long", what, remedy, path="structure")
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
