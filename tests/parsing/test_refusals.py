"""Every refusal of a kind of file has a remedy that works: what it says is done here, and the result is read."""

from __future__ import annotations

import gzip
import io
import tarfile
import zipfile
from pathlib import Path

import gemmi
import pytest

from jobs.errors import InvalidInput
from jobs.maps.column_files import read_columns
from jobs.parsing import Record, open_reader, read_context
from jobs.parsing.kinds import KINDS, WANTED
from jobs.science.alignments.reading import read_alignment
from jobs.science.contacts.chains import read_chains
from jobs.variants.assay_files import read_assay
from tests.parsing.reading import ENCODE

CASES = Path(__file__).parents[1] / "data" / "field-cases"
FASTA = b">a\nMKTAYIAKQR\n>b\nMKTAYIAKQW\n"
PDB = (CASES / "structure-without-side-chains/backbone_with_names.pdb").read_bytes()


def library(data, name=""):
    records = list(open_reader(io.BytesIO(data), ENCODE, filename=name))
    assert all(isinstance(record, Record) for record in records)
    return records


ENTRANCES = {
    "library": library,
    "contexts": lambda data: read_context(data, ENCODE),
    "alignment": read_alignment,
    "assay": lambda data: read_assay(io.BytesIO(data)),
    "columns": lambda data: read_columns(data, ["a", "b"]),
    "structure": read_chains,
}
TABLE = b"name,sequence,mutant,score\na,MKTAYIAKQR,K2R,0.5\nb,MKTAYIAKQW,T3S,1\n"
ALIGNED = b">a\nMKT-YI\n>b\nMKTAYI\n>c\nMK-AYI\n"
READ = {
    "library": (FASTA, b'{"sequence": "MKT"}\n', TABLE, ALIGNED),
    "contexts": (FASTA, b"MKTAYI", b'["MKT", "MRT"]'),
    "alignment": (ALIGNED, b"# STOCKHOLM 1.0\na MKT\nb MK-\n//\n", b"CLUSTAL W\n\na MKT\nb MK-\n"),
    "assay": (b"mutant,DMS_score\nK2R,0.5\n", TABLE),
    "columns": (b"name,activity\na,0.5\n", TABLE),
    "structure": (PDB, gemmi.read_pdb_string(PDB.decode()).make_mmcif_document().as_string().encode()),
}
"""What the remedy of each entrance says to send (`WANTED`)."""


@pytest.mark.parametrize("entrance", ENTRANCES)
def test_what_each_entrance_asks_for_is_read(entrance):
    assert WANTED[entrance]
    for data in READ[entrance]:
        assert ENTRANCES[entrance](data)


FASTQ = (CASES / "other-formats/r.fastq").read_bytes()
TAR = (CASES / "tar-archive/prot.fasta.gz").read_bytes()
REFUSED = [
    ("library", FASTQ, "other_format", "FASTQ"),
    ("library", TAR, "not_text", "a tar archive"),
    ("library", PDB, "other_format", "a PDB structure"),
    ("contexts", FASTQ, "other_format", "FASTQ"),
    ("contexts", TAR, "not_text", "a tar archive"),
    ("contexts", PDB, "other_format", "a PDB structure"),
    ("alignment", TAR, "not_text", "a tar archive"),
    ("assay", FASTQ, "other_format", "FASTQ"),
    ("assay", FASTA, "other_format", "FASTA"),
    ("assay", TAR, "not_text", "a tar archive"),
    ("columns", FASTA, "other_format", "FASTA"),
    ("columns", TAR, "not_text", "a tar archive"),
    ("columns", PDB, "other_format", "a PDB structure"),
    ("structure", FASTA, "other_format", "FASTA"),
    ("structure", TAR, "not_text", "a tar archive"),
    ("structure", b"\x89PNG\r\n\x1a\n", "not_text", "a PNG image"),
]


@pytest.mark.parametrize(("entrance", "data", "code", "name"), REFUSED)
def test_a_kind_that_an_entrance_does_not_read_is_refused_by_its_name(entrance, data, code, name):
    with pytest.raises(InvalidInput) as caught:
        ENTRANCES[entrance](data)
    assert caught.value.code == code
    (problem,) = caught.value.problems
    assert name in problem.message
    assert "begins with" not in problem.message
    assert problem.remedy


def test_archives_are_read_once_they_are_unpacked():
    with tarfile.open(fileobj=io.BytesIO(TAR)) as archive:
        (member,) = archive.getmembers()
        assert library(archive.extractfile(member).read(), member.name)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("a.fasta", FASTA)
    with pytest.raises(InvalidInput) as caught:
        library(out.getvalue(), "a.zip")
    assert "Unpack it" in caught.value.problems[0].remedy
    with zipfile.ZipFile(out) as archive:
        assert library(archive.read("a.fasta"), "a.fasta")


def test_gzip_in_gzip_is_read_once_it_is_unpacked():
    twice = gzip.compress(gzip.compress(FASTA))
    with pytest.raises(InvalidInput) as caught:
        library(twice, "a.fasta.gz")
    assert "Unpack it once more" in caught.value.problems[0].remedy
    assert len(library(gzip.decompress(twice), "a.fasta.gz")) == 2


def test_the_fasta_lines_of_gff_are_read():
    gff = b"##gff-version 3\nchr1\t.\tgene\t1\t9\t.\t+\t.\tID=a\n##FASTA\n" + FASTA
    with pytest.raises(InvalidInput) as caught:
        library(gff)
    assert "only the FASTA lines after ##FASTA" in caught.value.problems[0].remedy
    assert len(library(gff[gff.index(b"##FASTA") :])) == 2


def test_a_rich_text_or_word_document_is_read_once_it_is_saved_as_plain_text():
    for kind in ("rtf", "docx"):
        assert "plain text" in KINDS[kind].refusal("library").remedy
    assert library(FASTA, "saved.txt")


def test_an_unknown_text_is_read_once_it_has_a_header():
    text = b"the protein, as in the paper!\nMKTAYI\n"
    with pytest.raises(InvalidInput) as caught:
        library(text, "notes.txt")
    assert caught.value.code == "unknown_format"
    assert "'>name' before each sequence" in caught.value.problems[0].remedy
    assert library(b">name\nMKTAYI\n", "notes.txt")
