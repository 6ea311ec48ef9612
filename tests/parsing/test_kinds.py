"""What a file is. The browser is held to the same file of cases."""

from __future__ import annotations

import base64
import io
import json
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.errors import InvalidInput
from jobs.parsing.kinds import KINDS, Entrance
from jobs.parsing.recognition import HEAD, kind_of
from jobs.parsing.upload import Upload

DATA = Path(__file__).parents[1] / "data"
CASES = json.loads((DATA / "kind-cases.json").read_text())
ENTRANCES = get_args(Entrance)
FIELD_CASES = {
    "a3m-with-nul/*": "a3m",
    "joined-variants/*": "codes",
    "aligned-with-stop/aligned.fasta": "aligned_fasta",
    "clustal/*": "clustal",
    "comma-in-quoted-header/*": "table",
    "decimal-comma/*": "table",
    "excel-sep-line/*": "table",
    "gzip-of-several-members/*": "fasta",
    "hhsuite-structure-rows/*.a3m": "a3m",
    "names-that-read-as-missing/*": "fasta",
    "ncbi-joined-headers/*": "fasta",
    "no-final-newline/*": "fasta",
    "other-formats/protein.*": "genpept",
    "other-formats/r.fastq": "fastq",
    "pandas-index/*": "table",
    "pir/two.pir": "pir",
    "pir/wrapped-header.fasta": "fasta",
    "structure-without-side-chains/*": "pdb",
    "tar-archive/*": "tar",
    "uniprot-table/*": "uniprot_table",
}
NO_NAME = ("a3m-with-nul/*", "alignment-row-without-letters/*", "lower-case-query/*")


def kind(data, filename="", media_type=""):
    return Upload(io.BytesIO(data), filename=filename, media_type=media_type).kind.key


def content(case):
    return case["text"].encode() if "text" in case else base64.b64decode(case["base64"])


@pytest.mark.parametrize("case", CASES, ids=[case["title"] for case in CASES])
def test_the_kind_of_each_case(case):
    assert kind(content(case), case["filename"], case["media_type"]) == case["kind"]


def test_the_cases_show_every_kind():
    assert {case["kind"] for case in CASES} == set(KINDS)


@pytest.mark.parametrize("pattern", FIELD_CASES)
def test_the_kind_of_files_as_people_have_them(pattern):
    files = sorted((DATA / "field-cases").glob(pattern))
    assert files
    for file in files:
        assert kind(file.read_bytes(), file.name) == FIELD_CASES[pattern], file
        if pattern not in NO_NAME:
            assert kind(file.read_bytes()) == FIELD_CASES[pattern], file


@pytest.mark.parametrize("entrance", ENTRANCES)
def test_each_entrance_reads_a_kind_or_refuses_it_by_name_with_a_remedy(entrance):
    read = [kind for kind in KINDS.values() if kind.reader(entrance)]
    assert read
    for kind in KINDS.values():
        if kind in read:
            assert kind.require(entrance) == kind.reader(entrance)
            continue
        with pytest.raises(InvalidInput) as caught:
            kind.require(entrance, path="file")
        (problem,) = caught.value.problems
        assert kind.name in problem.message
        assert problem.remedy.endswith(".")
        assert problem.path == "file"


def test_a_table_that_begins_with_a_long_cell_is_looked_at_in_its_head():
    data = b"sequence,name\n" + b"MKTAYIAKQR" * HEAD + b",a\n"
    assert kind_of(data[:HEAD]).key == "table"


@given(st.binary(max_size=300), st.sampled_from(["", "x.fasta", "x.csv", "x.a3m", "x.jsonl", "x.xlsx", "x.bcif"]))
def test_every_file_is_of_some_kind(data, name):
    assert kind_of(data, name).key in KINDS


TEXT = st.text(alphabet='>@#;{[<("=,\t |MKTacd019-.*\n\0\ufeff', max_size=200)


@given(TEXT, st.sampled_from(["\n", "\r\n", "\r"]))
def test_line_ends_and_encodings_do_not_change_the_kind(text, end):
    found = kind_of(text.encode()).key
    if "\0" not in text:  # NUL among the first four bytes is binary data.
        assert kind_of(text.replace("\n", end).encode()).key == found
    if text.strip("\0\ufeff \t\n") and "\0" not in text:
        assert kind_of(text.lstrip("\ufeff").encode("utf-8-sig")).key == kind_of(text.lstrip("\ufeff").encode()).key
        assert kind_of(text.lstrip("\ufeff").encode("utf-16")).key == kind_of(text.lstrip("\ufeff").encode()).key
