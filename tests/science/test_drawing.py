"""A chain as a drawing needs it: numbers, positions, small molecules, and text that reads back."""

from __future__ import annotations

import gemmi
import numpy as np
import pytest

from jobs.errors import InvalidInput
from jobs.science.contacts.drawing import CHAIN, LIGANDS, drawn_chain
from tests.science.helices import atom_line, pdb

PARENT = "MKTAYIAKQRQISFVGSHFSRQ"


def read(text: str) -> dict[str, gemmi.Chain]:
    structure = gemmi.read_pdb_string(text)
    return {chain.name: chain for chain in structure[0]}


def test_residues_are_numbered_from_one_whatever_the_file_says():
    numbers = [*(str(n) for n in range(50, 70)), "69A", "70"]
    drawn = drawn_chain(pdb(PARENT, numbers=numbers), PARENT, "A")
    assert drawn.letters == PARENT
    assert drawn.numbers == tuple(numbers)
    assert drawn.positions == tuple(range(1, 23))
    chain = read(drawn.pdb)[CHAIN]
    assert [residue.seqid.num for residue in chain] == list(range(1, 23))
    assert gemmi.one_letter_code([residue.name for residue in chain]) == PARENT


def test_residues_that_the_sequence_lacks_have_no_position_and_those_it_has_more_are_not_there():
    parent = PARENT[2:] + "WWW"
    drawn = drawn_chain(pdb(PARENT), parent, "A")
    assert drawn.positions == (None, None, *range(1, 21))
    assert drawn.letters == PARENT


def alphas(text: str) -> np.ndarray:
    return np.array([residue.find_atom("CA", "*").pos.tolist() for residue in read(text)["A"]])


def test_the_chain_lies_broadside_at_the_origin_and_keeps_its_hand():
    drawn, sent = alphas(drawn_chain(pdb(PARENT), PARENT, "A").pdb), alphas(pdb(PARENT).decode())
    assert np.abs(drawn.mean(axis=0)).max() < 2
    assert np.ptp(drawn[:, 0]) > 2 * np.ptp(drawn[:, 1:], axis=0).max()
    # The volume between four atoms has the sign of the helix.
    volumes = [np.linalg.det(np.diff(places[:4], axis=0)) for places in (drawn, sent)]
    assert volumes[0] == pytest.approx(volumes[1], abs=0.1)
    assert abs(volumes[1]) > 5


def test_hydrogens_water_and_second_conformations_are_left_out_and_small_molecules_stay():
    lines = [
        atom_line(900, "H", "MET", "1", (1, 1, 1), element="H"),
        atom_line(901, "CA", "MET", "1", (9, 9, 9), altloc="B", element="C"),
    ]
    hetero = [
        atom_line(910, "C1", "LIG", "301", (2, 2, 2), element="C", record="HETATM"),
        atom_line(911, "O", "HOH", "302", (3, 3, 3), element="O", record="HETATM"),
    ]
    text = pdb(PARENT).decode()
    first, rest = text.split("\n", 1)
    data = "\n".join([first, *lines, rest.replace("TER", "TER\n" + "\n".join(hetero), 1)]).encode()
    drawn = drawn_chain(data, PARENT, "A")
    assert drawn.ligands == ("LIG",)
    chains = read(drawn.pdb)
    assert [residue.name for residue in chains[LIGANDS]] == ["LIG"]
    names = [atom.name for atom in chains[CHAIN][0]]
    assert "H" not in names
    assert names.count("CA") == 1


def test_secondary_structure_is_empty_without_oxygen():
    assert drawn_chain(pdb(PARENT, atoms=("N", "CA", "C", "CB")), PARENT, "A").secondary == ""
    assert len(drawn_chain(pdb(PARENT), PARENT, "A").secondary) == len(PARENT)


def test_a_chain_that_is_not_there_is_refused():
    with pytest.raises(InvalidInput) as refused:
        drawn_chain(pdb(PARENT), PARENT, "Z")
    assert refused.value.code == "no_such_chain"
