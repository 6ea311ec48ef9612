"""Tables of measurements: the chosen columns, and refusals with their places."""

from __future__ import annotations

import gzip
import io
import math

import pytest

from jobs.errors import InvalidInput, TooLarge
from jobs.limits import MAX_LINE
from jobs.variants import assay_files as assays
from jobs.variants.assay_files import read_assay


def read(text: str | bytes, **chosen):
    return read_assay(io.BytesIO(text if isinstance(text, bytes) else text.encode()), **chosen)


def refusal(text: str | bytes, **chosen):
    with pytest.raises(InvalidInput) as caught:
        read(text, **chosen)
    return caught.value.problems[0]


def test_a_file_of_proteingym_is_read_as_it_is():
    table = read("mutant,mutated_sequence,DMS_score,DMS_score_bin\nM1A,AKT,-1.5,0\nK2R,MRT,0.25,1\n")
    assert (table.variant_column, table.value_column) == ("mutant", "DMS_score")
    assert table.names == ("M1A", "K2R")
    assert table.values == (-1.5, 0.25)


@pytest.mark.parametrize(
    ("header", "chosen"),
    [
        ("name,score", ("name", "score")),
        ("Variant;Fitness", ("Variant", "Fitness")),
        ("mutated_sequence\tkcat", ("mutated_sequence", "kcat")),
        ("score,mutated_sequence,variant,name", ("variant", "score")),
    ],
)
def test_columns_are_chosen_by_their_names_or_by_being_numbers(header, chosen):
    separator = next(one for one in ";\t," if one in header)
    row = separator.join(
        "0.5" if name.lower() in ("score", "fitness", "kcat") else "M1A" for name in header.split(separator)
    )
    table = read(f"{header}\n{row}\n")
    assert (table.variant_column, table.value_column) == chosen


def test_columns_may_be_said():
    text = "id,mutant,a,b\nM1A,x,1,2\n"
    table = read(text, variant_column="ID", value_column="b")
    assert (table.names, table.values) == (("M1A",), (2.0,))


def test_gzip_quotes_byte_order_marks_and_empty_rows_are_taken():
    text = '\ufeffmutant,score\r\n"M1A, twice",1\r\n,\r\n\r\nK2R,2\r\n'
    table = read(gzip.compress(text.encode()))
    assert table.names == ("M1A, twice", "K2R")


def test_missing_measurements_are_no_error():
    table = read("mutant,score\nM1A,\nM1C,NA\nM1D,nan\nM1E,3\n")
    assert [math.isnan(value) for value in table.values] == [True, True, True, False]


@pytest.mark.parametrize(
    ("text", "chosen", "code", "line", "word"),
    [
        ("", {}, "empty_file", None, "header"),
        ("mutant,score\n", {}, "empty_file", None, "row"),
        ("a,b\nM1A,1\n", {}, "missing_column", 1, "mutant"),
        ("mutant,b\nM1A,x\n", {}, "missing_column", 1, "measurement"),
        ("mutant,a,b\nM1A,1,2\n", {}, "unclear_column", 1, "measurement"),
        ("mutant,score\nM1A,1\n", {"value_column": "fitness"}, "missing_column", 1, "Choose one"),
        ("mutant,score\nM1A,1\nM1C,high\n", {}, "bad_number", 3, "decimal point"),
        ("mutant,score\nM1A,inf\n", {}, "bad_number", 2, "decimal point"),
        ("mutant,score\nM1A,\n", {}, "no_measurement", None, "another column"),
        ('mutant,score\n"M1A,1\n', {}, "bad_csv", 2, "quotation mark"),
        (b"mutant,score\nM1A,1\nM\x81,2\n", {}, "invalid_utf8", 3, "UTF-8"),
        ("mutant,score" + ",x" * 999 + "\nM1A,1\n", {}, "too_many_columns", 1, "Keep"),
        ("mutant,score\nM1A,1\n" + "," * MAX_LINE, {}, "row_too_long", 3, "quotation mark"),
        ("mutant,score\nM1A,1\n" + '"\n",' * (MAX_LINE // 4), {}, "row_too_long", 3, "quotation mark"),
        ("," * MAX_LINE + "x\n", {}, "line_too_long", 1, "Wrap"),
    ],
)
def test_what_cannot_be_used_is_refused_with_its_place(text, chosen, code, line, word):
    problem = refusal(text, **chosen)
    assert (problem.code, problem.line) == (code, line)
    assert word in problem.remedy
    assert problem.message.startswith(f"line {line}") == (line is not None)


def test_too_many_rows_are_refused(monkeypatch):
    monkeypatch.setattr(assays, "MAX_ASSAY_ROWS", 2)
    assert len(read("mutant,score\nM1A,1\nM1C,2\n").names) == 2
    with pytest.raises(TooLarge):
        read("mutant,score\nM1A,1\nM1C,2\nM1D,3\n")
