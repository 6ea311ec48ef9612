"""Protein chains of files as people have them: atom names, backbones without side chains, numbers of residues."""

from pathlib import Path

import numpy as np
import pytest

from jobs.errors import InvalidInput
from jobs.science.contacts.chains import read_chains, virtual_beta
from jobs.science.contacts.structures import map_structure, residue_labels
from tests.science.helices import BACKBONE, WHOLE, as_mmcif, atom_line, helix, pdb

PARENT = "MKTAYIAKQRQISFVGSHFSRQ"
FIELD_CASES = Path(__file__).parents[1] / "data" / "field-cases" / "structure-without-side-chains"


@pytest.mark.parametrize("left", [False, True], ids=["right", "left"])
@pytest.mark.parametrize("element", [None, "", "C", "CA", "X", "c"])
def test_atoms_are_found_whatever_column_and_element_field_say(left, element):
    expected = map_structure(pdb(PARENT), PARENT)
    mapped = map_structure(pdb(PARENT, left=left, element=element), PARENT)
    np.testing.assert_array_equal(mapped.distances, expected.distances)
    assert mapped.resolved.all()
    assert mapped.virtual == 0


def test_atom_names_in_small_letters_are_found():
    data = pdb(PARENT).decode()
    for name in WHOLE:
        data = data.replace(f" {name:<3} ", f" {name.lower():<3} ")
    assert map_structure(data.encode(), PARENT).resolved.all()


def test_calcium_is_no_atom_of_a_residue():
    ion = atom_line(900, "CA", "CA", "200", (0, 0, 0), left=True, element="CA", record="HETATM").encode()
    data = pdb(PARENT).replace(b"TER\n", b"TER\n" + ion + b"\n")
    (chain,) = read_chains(data)
    assert chain.letters == PARENT


def test_beta_atoms_follow_from_a_real_backbone():
    # Arginine 1 and lysine 2 of KaiB (PDB 2QKE, chain E).
    n = np.array([[1.834, -12.524, -12.662], [-1.033, -11.427, -13.665]])
    alpha = np.array([[0.440, -13.048, -12.570], [-2.025, -10.343, -13.727]])
    c = np.array([[-0.580, -11.908, -12.508], [-1.739, -9.170, -12.770]])
    beta = np.array([[0.309, -13.939, -11.328], [-3.427, -10.909, -13.449]])
    away = np.linalg.norm(virtual_beta(n, alpha, c) - beta, axis=1)
    assert (away < 0.15).all()


@pytest.mark.parametrize("form", [lambda data: data, as_mmcif], ids=["pdb", "mmcif"])
def test_a_backbone_without_side_chains_has_virtual_beta_atoms(form):
    mapped = map_structure(form(pdb(PARENT, BACKBONE)), PARENT)
    assert mapped.resolved.all()
    assert mapped.virtual == len(PARENT) - PARENT.count("G")
    places = {atom: np.array([helix(n, atom) for n in range(len(PARENT))]) for atom in WHOLE}
    beta = virtual_beta(places["N"], places["CA"], places["C"])
    glycine = PARENT.index("G")
    beta[glycine] = places["CA"][glycine]
    expected = np.linalg.norm(beta[:, None] - beta[None, :], axis=2)
    np.testing.assert_allclose(mapped.distances, expected, atol=0.01)


def test_only_residues_without_their_own_beta_atom_get_a_virtual_one():
    whole, mapped = (
        map_structure(pdb(PARENT, only=only), PARENT) for only in ({}, {3: BACKBONE, 7: BACKBONE, 9: ("CA", "O")})
    )
    assert (whole.virtual, mapped.virtual) == (0, 2)
    assert np.flatnonzero(~mapped.resolved).tolist() == [9]
    others = [n for n in range(len(PARENT)) if n not in {3, 7, 9}]
    np.testing.assert_array_equal(mapped.distances[np.ix_(others, others)], whole.distances[np.ix_(others, others)])


@pytest.mark.parametrize(
    ("atoms", "only"),
    [
        (("CA",), {}),
        (("CA", "O"), {}),
        (("N", "CA"), {}),
        (("CA",), {15: BACKBONE}),
        (("CA",), {15: BACKBONE, 0: WHOLE}),
        (("CA",), dict.fromkeys(range(10), WHOLE)),
    ],
    ids=["alpha", "alpha-and-o", "no-c", "whole-glycine", "one-whole", "ten-of-22"],
)
def test_a_trace_is_refused_however_many_glycines_it_has(atoms, only):
    with pytest.raises(InvalidInput) as caught:
        map_structure(pdb(PARENT, atoms, only=only), PARENT)
    assert caught.value.code == "no_beta_atoms"
    assert "N, CA and C" in caught.value.problems[0].remedy
    if only:
        assert f"for {len(only)} of 22 residues" in caught.value.detail
    # What the remedy says is accepted.
    assert map_structure(pdb(PARENT, BACKBONE), PARENT).resolved.all()


def test_a_chain_of_glycine_needs_its_backbone():
    letters = "G" * 12
    assert map_structure(pdb(letters, BACKBONE), letters).resolved.all()
    with pytest.raises(InvalidInput) as caught:
        map_structure(pdb(letters, ("CA",)), letters)
    assert caught.value.code == "no_beta_atoms"


def test_side_chain_centres_without_a_backbone_are_enough():
    mapped = map_structure(pdb(PARENT, ("CA", "CB")), PARENT)
    assert mapped.resolved.all()
    assert mapped.virtual == 0


@pytest.mark.parametrize("form", [lambda data: data, as_mmcif], ids=["pdb", "mmcif"])
def test_labels_are_the_authors_numbers_with_insertion_codes(form):
    numbers = ["-1", "0", "1", "2", "52", "52A", "52B", "53", *map(str, range(60, 74))]
    data = form(pdb(PARENT, numbers=numbers))
    (chain,) = read_chains(data)
    assert chain.labels == tuple(numbers)
    assert residue_labels(data, PARENT) == tuple(numbers)
    assert map_structure(data, PARENT).labels == tuple(numbers)
    assert residue_labels(data, "GS" + PARENT[:5] + PARENT[6:]) == (None, None, *numbers[:5], *numbers[6:])


def test_labels_need_no_coordinates_of_side_chains():
    data = pdb(PARENT, ("CA",), numbers=[str(n + 26) for n in range(len(PARENT))])
    assert residue_labels(data, PARENT)[0] == "26"
    with pytest.raises(InvalidInput) as caught:
        residue_labels(data, PARENT[::-1])
    assert caught.value.code == "structure_mismatch"


def test_numbers_that_fall_or_repeat_are_kept():
    numbers = [*map(str, range(100, 110)), *map(str, range(1, 13))]
    assert residue_labels(pdb(PARENT, numbers=numbers), PARENT) == tuple(numbers)


def test_the_first_of_alternate_locations_counts():
    lines = pdb(PARENT).decode().splitlines()
    beta = next(line for line in lines if line[12:16].strip() == "CB" and line[22:26].strip() == "3")
    first = beta[:16] + "A" + beta[17:]
    second = beta[:16] + "B" + beta[17:30] + f"{99.0:8.3f}" + beta[38:]
    data = "\n".join([*(line for line in lines if line != beta and line not in {"TER", "END"}), "TER", "END"])
    with_both = data.replace(lines[lines.index(beta) - 1], f"{lines[lines.index(beta) - 1]}\n{first}\n{second}")
    expected = map_structure(pdb(PARENT), PARENT).distances
    np.testing.assert_array_equal(map_structure(with_both.encode(), PARENT).distances, expected)


def test_residues_at_alternate_locations_count_once():
    """At number 4 the crystal holds alanine and serine."""
    lines = pdb(PARENT).decode().splitlines()
    doubled = []
    for line in lines:
        if line[22:26].strip() == "4":
            doubled.append(line[:16] + "A" + line[17:])
        else:
            doubled.append(line)
        if line[22:26].strip() == "4" and line[12:16].strip() == "CB":
            doubled += [one[:16] + "B" + "SER" + one[20:] for one in lines if one[22:26].strip() == "4"]
    (chain,) = read_chains("\n".join(doubled).encode())
    assert chain.letters == PARENT


def test_the_first_of_several_models_counts():
    atoms = pdb(PARENT).decode().replace("END\n", "")
    moved = pdb(PARENT, BACKBONE).decode().replace("END\n", "")
    data = f"MODEL        1\n{atoms}ENDMDL\nMODEL        2\n{moved}ENDMDL\nEND\n".encode()
    np.testing.assert_array_equal(map_structure(data, PARENT).distances, map_structure(pdb(PARENT), PARENT).distances)
    assert len(read_chains(data)) == 1


@pytest.mark.parametrize("record", ["ATOM", "HETATM"])
def test_selenomethionine_is_methionine_with_any_atom_names(record):
    data = pdb(PARENT, left=True).decode().splitlines()
    data = [f"{record:<6}{line[6:17]}MSE{line[20:]}" if line[17:20] == "MET" else line for line in data]
    mapped = map_structure("\n".join(data).encode(), PARENT)
    assert mapped.identical == len(PARENT)
    assert mapped.resolved.all()


@pytest.mark.skipif(not FIELD_CASES.exists(), reason="the field cases do not come with the sources")
@pytest.mark.parametrize("path", sorted(FIELD_CASES.glob("*.pdb")), ids=lambda path: path.name)
def test_field_cases(path):
    data = path.read_bytes()
    (chain,) = read_chains(data)
    if "CA" in path.name.upper():
        with pytest.raises(InvalidInput) as caught:
            map_structure(data, chain.letters)
        assert caught.value.code == "no_beta_atoms"
    else:
        mapped = map_structure(data, chain.letters)
        assert mapped.resolved.all()
        assert mapped.virtual == len(chain.letters) - chain.letters.count("G")


@pytest.mark.parametrize(
    "first",
    [
        "SSBOND   1 CYS A    6    CYS A  127",
        "AUTHOR    A.B,C.D",
        "LINK         O   GLY A   1",
        "HELIX    1   1 LYS A    2",
        "",
    ],
)
def test_a_pdb_file_may_begin_with_any_record(first):
    (chain,) = read_chains(f"{first}\n".encode() + pdb(PARENT))
    assert chain.letters == PARENT


def test_text_in_utf_16_is_a_structure():
    (chain,) = read_chains(pdb(PARENT).decode().encode("utf-16"))
    assert chain.letters == PARENT


@pytest.mark.parametrize(
    ("data", "filename", "words"),
    [
        (b">a\nMKTAYIAKQR\n", "a.fasta", "FASTA"),
        (b"@r\nACGT\n+\nIIII\n", "r.fastq", "FASTQ"),
        (b"PK\x03\x04" + bytes(30), "structure.xlsx", "Excel"),
        (b"ATOM,x\n1,2\n", "a.csv", "table"),
    ],
)
def test_other_files_are_refused_by_their_names(data, filename, words):
    with pytest.raises(InvalidInput, match=words) as caught:
        read_chains(data, filename)
    assert "PDB or mmCIF" in caught.value.problems[0].remedy or caught.value.code == "not_text"
    assert caught.value.problems[0].path == "structure"
