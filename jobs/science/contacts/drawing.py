"""One chain of a structure as a drawing needs it: atoms, and the position in the parent of each residue."""

from __future__ import annotations

from dataclasses import dataclass

import gemmi
import numpy as np
from numpy.typing import NDArray

from e1protocol import CANONICAL
from jobs.science.contacts.chains import position_of, read_structure, residues_of
from jobs.science.contacts.secondary import secondary_structure
from jobs.science.contacts.structures import chain_residues

CHAIN, LIGANDS = "A", "L"
"""Names of the chains in the text: the protein, and the small molecules that its file has in the same chain."""
MOST_DRAWN = 9_999
"""Residues that PDB can number."""
MOST_LIGANDS = 50
_BACKBONE = ("N", "CA", "C", "O")


@dataclass(frozen=True, slots=True)
class Drawn:
    """A chain whose n residues are numbered from 1 in the text `pdb`, broadside at the origin.

    `positions` [n] are those in the parent, from 1, None for residues that it does not have. `numbers` [n] are the
    author's. `letters` has n residues, and `secondary` a letter of `jobs.science.contacts.secondary` for each, or
    nothing if the file has no backbone. `ligands` are names of small molecules.
    """

    pdb: str
    positions: tuple[int | None, ...]
    numbers: tuple[str, ...]
    letters: str
    secondary: str
    ligands: tuple[str, ...]


def drawn_chain(data: bytes, parent: str, chain: str, filename: str = "") -> Drawn:
    """Return the named chain of the structure in `data`, without hydrogens, water and alternative conformations.

    Raises what `jobs.science.contacts.structures.map_structure` raises, but not `no_beta_atoms`.
    """
    structure = read_structure(data, filename)
    matched, positions = chain_residues(structure, parent, chain)
    source = next(
        one
        for one in structure[0]
        if one.name == matched.name and "".join(letter for _, letter in residues_of(one)) == matched.letters
    )
    residues = [residue for residue, _ in residues_of(source)][:MOST_DRAWN]
    count = len(residues)
    n, alpha, c, o = (_places(residues, name) for name in _BACKBONE)
    proline = np.array([letter == "P" for letter in matched.letters[:count]], dtype=bool)
    ligands = [residue for residue in source.get_ligands().first_conformer() if not residue.is_water()][:MOST_LIGANDS]
    return Drawn(
        pdb=_text(residues, matched.letters, ligands),
        positions=tuple(positions[:count]),
        numbers=matched.labels[:count],
        letters=matched.letters[:count],
        secondary=secondary_structure(n, alpha, c, o, proline),
        ligands=tuple(residue.name for residue in ligands),
    )


def _places(residues: list[gemmi.Residue], atom: str) -> NDArray[np.float64]:
    return np.array([position_of(residue, atom) for residue in residues], dtype=np.float64).reshape(-1, 3)


def _text(residues: list[gemmi.Residue], letters: str, ligands: list[gemmi.Residue]) -> str:
    """Return PDB with the residues of the chain numbered from 1. Modified ones have the name of their letter."""
    drawn = gemmi.Structure()
    drawn.add_model(gemmi.Model(1))
    protein = drawn[0].add_chain(gemmi.Chain(CHAIN))
    for number, (residue, letter) in enumerate(zip(residues, letters, strict=False), start=1):
        name = gemmi.expand_one_letter(letter, gemmi.ResidueKind.AA) if letter in CANONICAL else residue.name
        protein.add_residue(_copied(residue, name, number, "A"))
    if ligands:
        others = drawn[0].add_chain(gemmi.Chain(LIGANDS))
        for number, residue in enumerate(ligands, start=1):
            others.add_residue(_copied(residue, residue.name, number, "H"))
    atoms = [atom for chain in drawn[0] for residue in chain for atom in residue]
    turned = _broadside(np.array([atom.pos.tolist() for atom in atoms], dtype=np.float64).reshape(-1, 3))
    for atom, place in zip(atoms, turned.tolist(), strict=True):
        atom.pos = gemmi.Position(*place)
    return str(drawn.make_pdb_string())


def _broadside(places: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return places [n, 3] centred and turned, so that x is the longest axis and z, along the view, the shortest."""
    if not len(places):
        return places
    centred = places - places.mean(axis=0)
    axes = np.linalg.eigh(centred.T @ centred)[1][:, ::-1]
    axes[:, 2] *= np.sign(np.linalg.det(axes))  # a mirror image would be another molecule
    return np.asarray(centred @ axes)


def _copied(residue: gemmi.Residue, name: str, number: int, het: str) -> gemmi.Residue:
    found = gemmi.Residue()
    found.name, found.seqid, found.het_flag = name, gemmi.SeqId(number, " "), het
    for atom in residue.first_conformer():
        if atom.is_hydrogen():
            continue
        copy = atom.clone()
        copy.altloc = "\0"
        found.add_atom(copy)
    return found
