"""Files as people have them, handed in as a library and as contexts: read rightly, or refused by name."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from jobs.errors import InvalidInput
from jobs.parsing import BadRecord, Record, open_reader, read_context
from tests.field_cases import CASES, READ
from tests.parsing.reading import ENCODE


def reader_of(name, path=""):
    return open_reader(io.BytesIO((CASES / name).read_bytes()), ENCODE, filename=path or Path(name).name)


def refusal(name, path=""):
    with pytest.raises(InvalidInput) as caught:
        list(reader_of(name, path))
    return caught.value


@pytest.mark.parametrize("name", READ)
@pytest.mark.parametrize("path", ["", "upload.txt"])
def test_what_is_read(name, path):
    records = list(reader_of(name, path))
    assert [(r.name, r.sequence) for r in records] == READ[name]
    assert all(isinstance(record, Record) for record in records)


@pytest.mark.parametrize("name", READ)
def test_contexts_are_read_alike(name):
    data = (CASES / name).read_bytes()
    expected = [sequence for _, sequence in READ[name]]
    if name == "a3m-with-nul/null_mid.a3m":
        del expected[2]  # the query again
    assert read_context(data, ENCODE) == tuple(expected)


@pytest.mark.parametrize("name", ["bgzf.fasta.gz", "two-members.fasta.gz", "one-member.fasta.gz"])
def test_gzip_of_several_members_is_read_whole(name):
    records = list(reader_of(f"gzip-of-several-members/{name}"))
    assert [r.name for r in records] == ["seq1", "seq2"]
    assert all(isinstance(record, Record) for record in records)


CHANGED = {
    "clustal/clustalo.aln": "gaps",
    "aligned-with-stop/aligned.fasta": "gaps",
    "ncbi-joined-headers/nr.fasta": "joined_headers",
}


@pytest.mark.parametrize("name", CHANGED)
def test_what_was_changed_is_counted(name):
    reader = reader_of(name)
    list(reader)
    assert reader.cleaning[CHANGED[name]] > 0


def test_rows_of_structure_are_counted_as_left_out():
    reader = reader_of("hhsuite-structure-rows/dssp-pred.a3m")
    list(reader)
    assert [w.message.split(" (")[0] for w in reader.warnings()] == ["2 rows that annotate the alignment were left out"]


def test_the_other_headers_of_ncbi_stay_in_the_header():
    assert next(iter(reader_of("ncbi-joined-headers/nr.fasta"))).header == (
        "WP_1 protein one [X] >WP_2 protein one [Y]"
    )


@pytest.mark.parametrize(
    ("name", "code", "words"),
    [
        ("other-formats/r.fastq", "other_format", ("FASTQ", "nucleotides with qualities")),
        ("tar-archive/prot.tar.gz", "not_text", ("a tar archive", "Unpack it")),
        ("tar-archive/prot.fasta.gz", "not_text", ("a tar archive", "Unpack it")),
        ("structure-without-side-chains/ca_only.pdb", "other_format", ("a PDB structure", "Send FASTA")),
    ],
)
def test_what_is_refused_by_name(name, code, words):
    error = refusal(name)
    (problem,) = error.problems
    assert error.code == code
    for word in words:
        assert word in problem.message + problem.remedy


def test_two_files_joined_without_a_line_end_name_both_records():
    records = list(reader_of("no-final-newline/cat.fasta"))
    assert [(type(r), r.name) for r in records] == [
        (Record, "EP1_P14585"),
        (BadRecord, "EP1_last"),
        (BadRecord, "EP2_first"),
        (Record, "EP2_second"),
    ]
    assert {(p.code, p.line, p.column) for r in records[1:3] for p in r.problems} == {("header_in_line", 4, 20)}


def test_a_wrapped_header_names_its_second_line():
    (record,) = reader_of("pir/wrapped-header.fasta")
    (problem,) = record.problems
    assert (problem.code, problem.line) == ("words", 2)
    assert "kinase OS Homo sapiens" in problem.message


def test_a_row_without_letters_is_refused_with_its_line():
    records = list(reader_of("alignment-row-without-letters/rows.a3m"))
    assert [r.name for r in records] == ["query", "hom1", "hom2"]
    assert [(p.code, p.line) for p in records[1].problems] == [("empty_sequence", 3)]
