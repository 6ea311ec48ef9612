"""Numberings from files: structures, tables and lists."""

import gzip
import io

import gemmi
import numpy as np
import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.errors import InvalidInput
from jobs.science.variants.numbering import Numbering
from jobs.science.variants.numbering_files import numbering_of_file
from jobs.science.variants.numbering_forms import json_of, read_numbering

PARENT = "MKTAYIAKQRQISFVKSHFSRQ"
NUMBERING = read_numbering({"labels": "48-52, 52A-52B, 53-58, 100, 100A-100H"})
LABELS = [str(label) for label in NUMBERING.labels]


def structure(labels, *, missing=(), mmcif=False, before="", parent=PARENT):
    """Return a helix whose residues have these author numbers; `before` are residues of a tag, numbered from -9."""
    found = gemmi.Structure()
    found.add_model(gemmi.Model(1))
    chain = found[0].add_chain(gemmi.Chain("H"))
    numbered = [*((letter, str(-9 + at)) for at, letter in enumerate(before)), *zip(parent, labels, strict=True)]
    for n, (letter, label) in enumerate(numbered):
        if n - len(before) in missing:
            continue
        residue = gemmi.Residue()
        residue.name = gemmi.expand_one_letter(letter, gemmi.ResidueKind.AA)
        residue.seqid = gemmi.SeqId(label)
        residue.subchain = "Axp"
        residue.label_seq = n + 1
        for name, radius in (("N", 1.6), ("CA", 2.3), ("C", 1.7)):
            atom = gemmi.Atom()
            atom.name, atom.element = name, gemmi.Element(name[0])
            angle = np.deg2rad(100 * n + {"N": -25, "CA": 0, "C": 25}[name])
            rise = 1.5 * n + {"N": -0.9, "CA": 0, "C": 1.0}[name]
            atom.pos = gemmi.Position(radius * np.cos(angle), radius * np.sin(angle), rise)
            residue.add_atom(atom)
        chain.add_residue(residue)
    found.setup_entities()
    return (found.make_mmcif_document().as_string() if mmcif else found.make_pdb_string()).encode()


def refused(data, **more):
    with pytest.raises(InvalidInput) as caught:
        numbering_of_file(data, PARENT, **more)
    assert all(problem.path == "numbering" and problem.remedy for problem in caught.value.problems)
    return caught.value.problems[0]


@pytest.mark.parametrize("mmcif", [False, True])
@pytest.mark.parametrize("packed", [False, True])
def test_the_authors_numbers_of_a_structure(mmcif, packed):
    data = structure(LABELS, mmcif=mmcif)
    found = numbering_of_file(gzip.compress(data) if packed else data, PARENT, name="fab.pdb")
    assert found.numbering == NUMBERING
    assert found.warnings == ()


def test_residues_of_a_tag_and_those_not_resolved():
    found = numbering_of_file(structure(LABELS, before="GSHHHH", missing=(0, 8, 9)), PARENT)
    assert found.numbering == NUMBERING
    (warning,) = found.warnings
    assert warning.code == "numbers_filled"
    assert "3 residues that the structure does not have got the numbers 48, 54, 55" in warning.message
    assert numbering_of_file(structure(LABELS, missing=(21,)), PARENT).numbering.label(22).number == 101


def test_numbers_that_cannot_be_told_are_refused():
    problem = refused(structure(LABELS, missing=(5,)))
    assert problem.code == "bad_numbering"
    assert "1 residues between 52 and 52B have no number" in problem.message
    assert numbering_of_file(",".join(LABELS).encode(), PARENT).numbering == NUMBERING, "as the remedy says"


def test_another_protein_or_chain_is_refused():
    other = structure([str(n) for n in range(1, 31)], parent="G" * 10 + "W" * 20)
    assert refused(other).code == "structure_mismatch"
    assert refused(structure(LABELS), chain="L").code == "no_such_chain"
    assert numbering_of_file(structure(LABELS), PARENT, chain="H").numbering == NUMBERING


TABLES = {
    "number": "number\n" + "\n".join(LABELS),
    "residue and number": "residue;kabat\n" + "\n".join(f"{a};{n}" for a, n in zip(PARENT, LABELS, strict=True)),
    "a letter of its own": "resnum\ticode\taa\n"
    + "\n".join(f"{n.rstrip('ABCDEFGH')}\t{n.lstrip('0123456789')}\t{a}" for a, n in zip(PARENT, LABELS, strict=True)),
    "positions in another order": "pos,number\n" + "\n".join(f"{22 - n},{LABELS[21 - n]}" for n in range(22)),
    "substitutions": "variant,position,number,wild_type,mutant\n"
    + "\n".join(
        f"{a}{n}{m},{p},{n},{a},{m}" for p, (a, n) in enumerate(zip(PARENT, LABELS, strict=True), 1) for m in "CD"
    ),
    "gaps of the scheme": "residue,number\nM,48\n-,49\nK,49\n"
    + "\n".join(f"{a},{n}" for a, n in zip(PARENT[2:], LABELS[2:], strict=True)),
    "three letters": "resn,auth_seq_id\n"
    + "\n".join(f"{gemmi.expand_one_letter(a, gemmi.ResidueKind.AA)},{n}" for a, n in zip(PARENT, LABELS, strict=True)),
}


@pytest.mark.parametrize("text", TABLES.values(), ids=TABLES)
def test_tables(text):
    found = numbering_of_file(text.encode(), PARENT, name="numbers.csv")
    assert (json_of(found.numbering), found.warnings) == (json_of(NUMBERING), ())


def test_a_workbook_is_read_like_a_table():
    book = openpyxl.Workbook()
    for row in [("residue", "kabat"), *zip(PARENT, LABELS, strict=True)]:
        book.active.append([int(cell) if cell.isdigit() else cell for cell in row])
    saved = io.BytesIO()
    book.save(saved)
    assert numbering_of_file(saved.getvalue(), PARENT, name="numbers.xlsx").numbering == NUMBERING


def test_a_column_is_chosen_by_its_name():
    rows = "\n".join(f"{n},{n + 100},{n + 200}" for n in range(1, 23))
    table = f"kabat,imgt,mine\n{rows}".encode()
    assert refused(table).code == "unclear_column"
    found = numbering_of_file(table, PARENT, column="Mine").numbering
    assert [found.label(1).number, found.label(22).number] == [201, 222]
    assert refused(table, column="yours").code == "missing_column"
    assert refused(b"a,b\n1,2\n").code == "missing_column"


def test_cells_without_a_number_are_filled_and_whole_numbers_of_pandas_are_read():
    rows = "\n".join(f"{n},{'' if n in (3, 4) else f'{n + 2}.0'}" for n in range(1, 23))
    found = numbering_of_file(f"position,number\n{rows}\n".encode(), PARENT)
    assert found.numbering == Numbering.listed(Numbering.shifted(2).label(at) for at in range(1, 23))
    assert "2 residues that the table does not number got the numbers 5, 6" in found.warnings[0].message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("number\n" + "\n".join(LABELS[:20]), "the table has 20 rows of residues, and the parent 22 residues"),
        ("number\n" + "\n".join([*LABELS, "300"]), "the table has 23 rows of residues"),
        ("number\n" + "\n".join([*LABELS[:21], "x7"]), "line 23: 'x7' is not the number of a residue"),
        ("number,residue\n48,M\n49,W\n", "line 3 has W at position 2, and the parent K"),
        ("number,position\n48,1\n49,23\n", "line 3 has the position '23', and the parent 22 residues"),
        ("number,position\n48,1\n49,1\n", "line 3 numbers position 1 49, and an earlier line 48"),
        ("number,position\n,1\n", "no residue has a number"),
        ("number,position\n48,1\n60,22\n", "20 residues between 48 and 60 have no number, and there are 11 free"),
        ("1-21", "the numbering has 21 numbers, and the sequence 22 residues"),
        (">a\nMKT\n", "The file is FASTA"),
    ],
)
def test_what_is_no_numbering_of_the_parent_is_refused(text, message):
    assert message in refused(text.encode()).message


@pytest.mark.parametrize(
    "text", ["48-52, 52A-52B, 53-58, 100, 100A-100H", "\n".join(LABELS), " ".join(LABELS) + "\r\n"]
)
def test_lists(text):
    assert numbering_of_file(text.encode(), PARENT).numbering == NUMBERING


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_any_bytes_are_read_or_refused_with_a_remedy(data):
    try:
        found = numbering_of_file(data, "MKT")
    except InvalidInput as error:
        refusal = error
    else:
        assert len(found.numbering.labels) == 3
        return
    assert all(problem.path == "numbering" for problem in refusal.problems)


@pytest.mark.parametrize("column", ["number", "residue"])
def test_a_control_character_is_named_in_a_column_that_is_read_and_no_fault_elsewhere(column):
    rows = [[label, letter, "a\x01b"] for label, letter in zip(LABELS, PARENT, strict=True)]
    text = "\n".join(",".join(row) for row in [["number", "residue", "note"], *rows])
    assert numbering_of_file(text.encode(), PARENT).numbering == NUMBERING
    rows[2][["number", "residue"].index(column)] += "\x02"
    text = "\n".join(",".join(row) for row in [["number", "residue", "note"], *rows])
    with pytest.raises(InvalidInput) as caught:
        numbering_of_file(text.encode(), PARENT)
    (problem,) = caught.value.problems
    assert (problem.code, problem.line, problem.path) == ("control_character", 4, "numbering")
    assert f"in the column {column}" in problem.message
    assert numbering_of_file(text.replace("\x02", "").encode(), PARENT).numbering == NUMBERING, "the remedy works"


def test_a_list_that_is_none_is_refused_at_once():
    """A file of 30 kB held a core for ever: two forms of a range matched the same text."""
    with pytest.raises(InvalidInput):
        numbering_of_file(b"-1 " * 10_001 + b"x", "MKT")
