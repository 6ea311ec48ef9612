"""Every refusal of a kind of file has a remedy that works: what it says is done here, and the result is read."""

from __future__ import annotations

import io
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import get_args

import pytest

from jobs.errors import InvalidInput
from jobs.maps.column_files import read_columns
from jobs.parsing import Record, open_reader, read_context
from jobs.parsing.kinds import KINDS, Entrance
from jobs.science.alignments.reading import read_alignment
from jobs.science.contacts.chains import read_chains
from jobs.science.variants.numbering import SEQUENTIAL
from jobs.science.variants.rules import VariantRules
from jobs.variants.assay_files import read_assay
from tests.needed import needed_program
from tests.parsing import foreign
from tests.parsing.reading import ENCODE

SCORE = replace(ENCODE, variants=VariantRules(foreign.A, SEQUENTIAL))
FASTA = foreign.FASTA


def library(data, name="", rules=ENCODE):
    records = list(open_reader(io.BytesIO(data), rules, filename=name))
    assert all(isinstance(record, Record) for record in records), records
    return records


ENTRANCES = {
    "library": library,
    "variants": lambda data, name="": library(data, name, SCORE),
    "contexts": lambda data, name="": read_context(data, ENCODE),
    "alignment": lambda data, name="": read_alignment(data, filename=name),
    "assay": lambda data, name="": read_assay(io.BytesIO(data)),
    "columns": lambda data, name="": read_columns(data, ["a", "b"]),
    "structure": lambda data, name="": read_chains(data),
}
ITSELF = {("empty", "contexts"), ("unknown", "alignment"), ("plain", "alignment"), ("empty", "alignment")}
"""Kinds that a reader refuses by codes of its own."""
REFUSED = [
    (kind.key, entrance)
    for entrance in ENTRANCES
    for kind in KINDS.values()
    if kind.reader(entrance) is None and (kind.key, entrance) not in ITSELF
]


def test_every_entrance_is_tried():
    assert set(ENTRANCES) == set(get_args(Entrance)) == set(foreign.WANTED)


@pytest.mark.parametrize("entrance", ENTRANCES)
def test_what_each_entrance_asks_for_is_read(entrance):
    for data in foreign.WANTED[entrance]:
        assert ENTRANCES[entrance](data)


@pytest.mark.parametrize(("kind", "entrance"), REFUSED)
def test_a_kind_that_is_refused_is_read_once_its_remedy_is_followed(kind, entrance):
    """A new kind fails here until `foreign` has a file of it, and what comes of its remedy."""
    with pytest.raises(InvalidInput) as caught:
        ENTRANCES[entrance](foreign.sample(kind, entrance))
    (problem,) = caught.value.problems
    expected = KINDS[kind].refusal(entrance)
    assert (problem.code, problem.message, problem.remedy) == (expected.code, expected.message, expected.remedy)
    assert "begins with" not in problem.message
    own = bool(KINDS[kind].remedy) and expected.remedy.startswith(KINDS[kind].remedy)
    results = foreign.followed(kind, entrance) if own else foreign.WANTED[entrance]
    assert results
    for data in results:
        assert ENTRANCES[entrance](data)


def test_every_remedy_of_a_kind_is_followed():
    """Kinds whose remedy is only what to send instead are tried with that."""
    own = {kind.key for kind in KINDS.values() if kind.remedy}
    assert own - set(foreign.FOLLOWED) == {"codes", "html", "xml", "pdf", "7z", "rar", "unknown", "empty"}


def test_an_unknown_text_is_read_once_it_has_a_header():
    text = b"the protein, as in the paper!\nMKTAYI\n"
    with pytest.raises(InvalidInput) as caught:
        library(text, "notes.txt")
    assert caught.value.code == "unknown_format"
    assert "'>name' before each sequence" in caught.value.problems[0].remedy
    assert library(b">name\nMKTAYI\n", "notes.txt")


OFFICE = [
    # What an entrance wants, the format that it is saved in, the kind, and the format that the remedy names
    ("library", "docx", "docx", "txt:Text"),
    ("library", "rtf", "rtf", "txt:Text"),
    ("library", "doc", "old_office", "txt:Text"),
    ("assay", "ods", "ods", "csv"),
    ("assay", "xls", "old_office", "csv"),
]


@pytest.mark.slow
@pytest.mark.parametrize(("entrance", "format", "kind", "remedy"), OFFICE)
def test_what_an_office_program_saves_is_read_once_it_saves_what_the_remedy_says(
    tmp_path, entrance, format, kind, remedy
):
    soffice = needed_program("soffice", package="libreoffice-writer-nogui libreoffice-calc-nogui")

    def saved(path: Path, to: str) -> bytes:
        options = [f"-env:UserInstallation={(tmp_path / 'home').as_uri()}", "--headless", "--convert-to", to]
        subprocess.run([soffice, *options, "--outdir", tmp_path, path], check=True, capture_output=True, timeout=300)
        return (tmp_path / f"x.{to.partition(':')[0]}").read_bytes()

    path = tmp_path / ("x.txt" if entrance == "library" else "x.csv")
    path.write_bytes(foreign.FASTA if entrance == "library" else foreign.TABLE)
    with pytest.raises(InvalidInput) as caught:
        ENTRANCES[entrance](saved(path, format))
    assert caught.value.problems[0].message == f"The file is {KINDS[kind].name}"
    path.unlink()
    assert ENTRANCES[entrance](saved(tmp_path / f"x.{format}", remedy))
