"""Distances from PDB and mmCIF files: atoms, chains, the mapping to a parent, and refusals."""

import gzip
from pathlib import Path

import gemmi
import numpy as np
import pytest
from Bio.PDB import PDBParser

from jobs.errors import InvalidInput
from jobs.science.alignments.reading import read_alignment
from jobs.science.contacts import chains, structures
from jobs.science.contacts.chains import read_chains
from jobs.science.contacts.precision import long_range_precision
from jobs.science.contacts.structures import map_structure

SHARED = Path(__file__).parents[3] / "shared" / "data"
KAIB, KAIB_A3M = SHARED / "KaiB_2QKEE.pdb", SHARED / "KaiB_2QKEE.a3m"
needs_structure = pytest.mark.skipif(
    not (KAIB.exists() and KAIB_A3M.exists()), reason="the KaiB structure does not come with the sources"
)

NAMES = {
    gemmi.find_tabulated_residue(n).one_letter_code: n
    for n in gemmi.expand_one_letter_sequence("ACDEFGHIKLMNPQRSTVWY", gemmi.ResidueKind.AA)
}
PARENT = "MKTAYIAKQRQISFVGSHFSRQLEERLGLIEVQAPILSRVGDG"


def pdb(*chains: tuple[str, str, set[int]], modified: dict[int, str] | None = None, atoms=("N", "CA", "CB")) -> bytes:
    """Write chains (name, letters, 0-based missing residues) along x: residue n at x = 3.8 n, C-beta at y = 1."""
    lines, serial = [], 0
    for name, letters, missing in chains:
        for n, letter in enumerate(letters):
            if n in missing:
                continue
            residue = (modified or {}).get(n, NAMES[letter])
            record = "HETATM" if n in (modified or {}) else "ATOM"
            for atom in atoms:
                if atom == "CB" and letter == "G":
                    continue
                serial += 1
                y = {"N": -1.0, "CA": 0.0, "CB": 1.0}[atom]
                lines.append(
                    f"{record:<6}{serial:>5}  {atom:<3} {residue:>3} {name}{n + 1:>4}    "
                    f"{3.8 * n:8.3f}{y:8.3f}{0.0:8.3f}{1.0:6.2f}{10.0:6.2f}          {atom[0]:>2}"
                )
        lines.append("TER")
    return "\n".join([*lines, "END", ""]).encode()


def as_mmcif(data: bytes) -> bytes:
    structure = gemmi.read_pdb_string(data.decode())
    structure.setup_entities()
    return structure.make_mmcif_document().as_string().encode()


def refused(data: bytes, parent: str = PARENT, **options) -> str:
    with pytest.raises(InvalidInput) as caught:
        map_structure(data, parent, **options)
    assert caught.value.problems[0].remedy
    return caught.value.code


@pytest.mark.parametrize("form", [lambda data: data, as_mmcif, gzip.compress], ids=["pdb", "mmcif", "gzip"])
def test_distances_between_beta_atoms_or_alpha_of_glycine(form):
    mapped = map_structure(form(pdb(("A", PARENT, set()))), PARENT)
    assert (mapped.chain, mapped.aligned, mapped.identical) == ("A", len(PARENT), len(PARENT))
    assert mapped.resolved.all()
    distances = mapped.distances
    assert distances[0, 3] == pytest.approx(3 * 3.8, abs=1e-3)
    glycine = PARENT.index("G")
    assert distances[glycine, glycine + 1] == pytest.approx(np.hypot(3.8, 1), abs=1e-3)
    np.testing.assert_allclose(distances, distances.T)
    assert not np.diagonal(distances).any()


def test_unresolved_residues_have_no_distance():
    missing = {0, 1, 10, 11, 12, len(PARENT) - 1}
    mapped = map_structure(pdb(("A", PARENT, missing)), PARENT)
    assert set(np.flatnonzero(~mapped.resolved)) == missing
    assert mapped.identical == len(PARENT) - len(missing)
    assert mapped.distances[9, 13] == pytest.approx(4 * 3.8, abs=1e-3)


def test_a_parent_longer_or_shorter_than_the_chain():
    tagged = map_structure(pdb(("A", PARENT, set())), "GSHHHHHH" + PARENT + "LEHHHHHH")
    assert np.flatnonzero(tagged.resolved).tolist() == list(range(8, 8 + len(PARENT)))
    domain = map_structure(pdb(("A", PARENT, set())), PARENT[8:30])
    assert domain.resolved.all()
    assert domain.distances[0, 21] == pytest.approx(21 * 3.8, abs=1e-3)


def test_a_few_mutations_are_borne_and_counted():
    mapped = map_structure(pdb(("A", PARENT, set())), PARENT.replace("Y", "W"))
    assert (mapped.aligned, mapped.identical) == (len(PARENT), len(PARENT) - 1)
    assert mapped.resolved.all()


def test_selenomethionine_is_methionine():
    mapped = map_structure(pdb(("A", PARENT, set()), modified={0: "MSE"}), PARENT)
    assert mapped.identical == len(PARENT)


def test_a_chain_without_end_is_refused_before_it_is_aligned(monkeypatch):
    data = pdb(("A", PARENT, set()), ("B", PARENT[:20], set()))
    monkeypatch.setattr(chains, "MAX_CHAIN", len(PARENT))
    assert map_structure(data, PARENT).chain == "A"
    monkeypatch.setattr(chains, "MAX_CHAIN", len(PARENT) - 1)
    monkeypatch.setattr(structures, "_aligned", lambda *_: pytest.fail("it was aligned"))
    assert refused(data) == "chain_too_long"


def test_the_form_is_told_by_the_first_line_that_says_something():
    data = as_mmcif(pdb(("A", PARENT, set())))
    assert map_structure(b"# made by hand\n\n" + data, PARENT).resolved.all()


def test_the_best_chain_or_the_named_one():
    other = "WWPPCCHHNNDDWWPPCCHHNNDD"
    data = pdb(("A", other, set()), ("B", PARENT, {3}), ("C", PARENT, set()))
    assert [chain.name for chain in read_chains(data)] == ["A", "B", "C"]
    assert map_structure(data, PARENT).chain == "C"
    assert map_structure(data, PARENT, chain="B").resolved.sum() == len(PARENT) - 1
    assert refused(data, chain="A") == "structure_mismatch"
    with pytest.raises(InvalidInput) as caught:
        map_structure(data, PARENT, chain="X")
    assert caught.value.code == "no_such_chain"
    assert "A, B, C" in caught.value.problems[0].remedy


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "no_protein_chain"),
        (b"MKTAYIAKQR\n", "other_format"),
        (b">a\nMKTAYIAKQR\n", "other_format"),
        (b"name,x\na,1\n", "other_format"),
        (b"PK\x03\x04" + bytes(30), "not_text"),
        (b"HEADER    HYDROLASE\nEND\n", "no_protein_chain"),
        (b"data_empty\n", "no_protein_chain"),
        (b"data_broken\nloop_\n_atom_site.id\n_atom_site.x\n1\n", "bad_structure"),
    ],
)
def test_files_that_are_no_structure(data, code):
    assert refused(data) == code


def test_a_trace_of_alpha_atoms_is_refused():
    assert refused(pdb(("A", PARENT.replace("G", "A"), set()), atoms=("N", "CA"))) == "no_beta_atoms"


def test_another_protein_is_refused_with_the_counts():
    with pytest.raises(InvalidInput, match=r"chain A has 43 residues.* are the same"):
        map_structure(pdb(("A", PARENT, set())), PARENT[::-1])


@needs_structure
def test_kaib_against_another_reader():
    parent = read_alignment(KAIB_A3M.read_bytes()).parent
    mapped = map_structure(KAIB.read_bytes(), parent)
    assert mapped.resolved.all()
    assert mapped.identical == len(parent) == 91
    (chain,) = PDBParser(QUIET=True).get_structure("kaib", KAIB)[0]
    atoms = [residue["CA" if residue.resname == "GLY" else "CB"] for residue in chain if residue.id[0] == " "]
    expected = np.array([[a - b for b in atoms] for a in atoms])
    np.testing.assert_allclose(mapped.distances, expected, atol=1e-3)
    perfect = long_range_precision(-mapped.distances, mapped.distances)
    assert perfect.value == 1.0
    assert perfect.contacts > 91
