"""Files that are almost only faults or blanks end early, or are read without changing a place or a count."""

from __future__ import annotations

import gzip

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.errors import InvalidInput, Problem
from jobs.limits import LISTED_PROBLEMS, SHOWN_MESSAGE
from jobs.parsing import tally
from jobs.parsing.kinds import KINDS
from jobs.parsing.tally import InputTally
from jobs.parsing.text import Lines
from jobs.science.alignments import rows
from tests.parsing.reading import problems as problems_of
from tests.parsing.reading import read as records_of
from tests.security.shapes import CASES, NAMES, SHAPES, filled, read, read_library

few = settings(max_examples=100, deadline=None)
KIB = 1024
PADDING = 64 * KIB
units = st.sampled_from(sorted({unit for shapes in SHAPES.values() for _, unit in shapes if len(unit) < 100}))


@pytest.fixture
def patience(monkeypatch):
    """Let readers give up after three bad records."""
    monkeypatch.setattr(tally, "MAX_BAD_RECORDS", 3)
    monkeypatch.setattr(rows, "MAX_BAD_RECORDS", 3)


@pytest.mark.slow
@pytest.mark.parametrize(("reader", "head", "unit"), CASES, ids=NAMES)
def test_every_shape_is_read_or_refused(reader, head, unit):
    refusal = read(reader, filled(head, unit, 8 * KIB))
    if refusal is not None:
        assert refusal.status_code in (400, 413)
        assert len(refusal.problems) <= LISTED_PROBLEMS + 1
        assert len(refusal.detail) < 2 * SHOWN_MESSAGE


def test_every_reader_of_a_kind_has_shapes():
    """So that a new reader is in the test of growth too."""
    readers = {reader for kind in KINDS.values() for reader in kind.readers.values()}
    alike = {"table": "tables", "xlsx": "workbook", "pdb": "structure", "mmcif": "structure"}
    assert {alike.get(reader, reader) for reader in readers} <= set(SHAPES)


@pytest.mark.parametrize("on_invalid", ["reject", "skip"])
@pytest.mark.parametrize(("format", "data", "line"), [("fasta", b">a\n" * 9, 4), ("jsonl", b"\n{}" * 9, 5)])
@pytest.mark.usefixtures("patience")
def test_a_file_of_faults_is_given_up(format, data, line, on_invalid):
    refusal = read(format, data, on_invalid)
    assert (refusal.code, refusal.problem_count) == ("too_many_bad_records", 5)
    *others, last = refusal.problems
    assert (last.code, last.line, last.index, bool(last.remedy)) == ("too_many_bad_records", line, 3, True)
    assert len(others) == 4
    assert refusal.detail.startswith("4 of the first 4 records are not valid, and the others were not read; nothing")


@pytest.mark.usefixtures("patience")
def test_a_hint_is_listed_first_when_a_file_is_given_up():
    count = InputTally("skip", "nothing was queued", lambda: Problem("offset", "hint"))
    with pytest.raises(InvalidInput, match="First: hint") as caught:
        list(map(count.note, records_of(b">a\n" * 9)))
    assert caught.value.problems[0].code == "offset"


@pytest.mark.usefixtures("patience")
def test_many_bad_records_among_good_ones_are_skipped():
    read_on = read_library("fasta", b">a\nMKT\n>b\n" * 40 + b">b\n" * 40, "skip")
    assert (read_on.total, read_on.bad) == (120, 80)


@pytest.mark.usefixtures("patience")
@pytest.mark.parametrize(("header", "letters"), [(10, 90), (90, 10), (0, 100)])
def test_bad_records_as_long_as_proteins_are_skipped_though_they_come_first(header, letters):
    bad = b">" + b"h" * header + b"\n" + b"J" * letters + b"\n"
    read_on = read_library("fasta", bad * 40 + b">a\nMKT\n", "skip")
    assert (read_on.total, read_on.bad) == (41, 40)


@pytest.mark.usefixtures("patience")
def test_bad_records_shorter_than_proteins_are_given_up():
    assert read("fasta", b">a\n" + b"J" * 98 + b"\n>b\nMKT\n", "skip") is None
    assert read("fasta", (b">a\n" + b"J" * 98 + b"\n") * 40 + b">a\nMKT\n", "skip").code == "too_many_bad_records"


def test_a_list_of_problems_keeps_the_last_place_when_it_is_full(monkeypatch):
    monkeypatch.setattr(tally, "MAX_BAD_RECORDS", LISTED_PROBLEMS + 5)
    refusal = read("fasta", b">a\n" * 2 * LISTED_PROBLEMS)
    assert len(refusal.problems) == LISTED_PROBLEMS
    assert refusal.problems[-1].index == LISTED_PROBLEMS + 5
    assert refusal.problem_count == LISTED_PROBLEMS + 6


@pytest.mark.usefixtures("patience")
def test_an_alignment_of_faults_is_given_up():
    refusal = read("alignment", b">a\n" + b"1\n" * 50)
    assert (refusal.code, refusal.problem_count) == ("bad_letter", 3)


@pytest.mark.usefixtures("patience")
@few
@given(format=st.sampled_from(["fasta", "jsonl", "csv"]), parts=st.lists(units, max_size=40))
def test_no_more_bad_records_are_read_than_the_budget(format, parts):
    refusal = read(format, b"".join(parts))
    if refusal is not None:
        assert refusal.problem_count <= 3 + 2 + 20 * 4
        assert len(refusal.problems) <= 3 + 2 + 20 * 4


@few
@given(
    lines=st.lists(st.sampled_from([b"", b" ", b"\t ", b",", b",;", b"a", b"\xc3\xa9"])),
    end=st.sampled_from([b"\n", b"\r"]),
)
@pytest.mark.parametrize("blanks", [b" \t", b",", b""])
def test_blank_lines_are_skipped_and_counted(lines, end, blanks):
    data = end.join(lines)
    kept = [(number, text) for number, text in Lines([data], 8) if text.encode().strip(blanks)]
    assert list(Lines([data], 8, blanks=blanks)) in (kept, [*kept, *list(Lines([data], 8))[-1:]])


@pytest.mark.parametrize("blanks", [b"\n" * 5000, b"\r" * 5000, b"\r\n" * 5000])
def test_faults_behind_blank_lines_keep_their_places(blanks):
    assert problems_of(b">a\nMKT" + blanks + b"1") == [("bad_letter", 0, 5002, 1, "1")]
    assert problems_of(blanks + b"{", "jsonl") == [("bad_json", 0, 5001, 2, None)]
    table = b"name,sequence\n\na,MKT" + blanks + b',\nb,"MK' + blanks + b'1"'
    assert [(code, index, line) for code, index, line, *_ in problems_of(table, "csv")] == [("bad_letter", 1, 5004)]


def test_zeros_behind_a_gzip_file_are_bounded():
    packed = gzip.compress(b">a\nMKT\n")
    assert read("gzip", packed + b"\0" * PADDING) is None
    assert read("gzip", packed + b"\0" * PADDING + packed) is None
    assert read("gzip", packed + b"\0" * (PADDING + 1)).code == "bad_gzip"
    assert read("gzip", packed + b"\0" * KIB + b"xx").code == "bad_gzip"
    assert read("alignment", packed + b"\0" * (PADDING + 1)).code == "bad_gzip"
