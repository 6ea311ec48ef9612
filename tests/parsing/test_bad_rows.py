"""Bad rows of tables: each entrance names the first one, or leaves them out and says so if they are to be skipped."""

from __future__ import annotations

import io

import numpy as np
import pytest

from jobs.errors import InvalidInput
from jobs.maps.column_files import read_columns
from jobs.parsing import BadRecord, open_reader
from jobs.variants.assay_files import read_assay
from tests.parsing.reading import ENCODE

ASSAY = b"mutant,DMS_score,note\nK2R,0.5,x\nT3\x02S,1,x\nA4T,2,ok \x03\nY5F,3,x\n"
COLUMNS = b"name,activity\na,1\nb,2\x02\nc,3\n"


def assay(data, **options):
    found = read_assay(io.BytesIO(data), **options)
    return dict(zip(found.names, found.values, strict=True)), found.notes


def columns(data, **options):
    (column,), report = read_columns(data, ["a", "b", "c"], **options)
    return column.values, report.warnings


@pytest.mark.parametrize(("read", "data", "line"), [(assay, ASSAY, 3), (columns, COLUMNS, 3)])
def test_a_control_character_is_named_with_its_row_and_column(read, data, line):
    with pytest.raises(InvalidInput) as caught:
        read(data)
    (problem,) = caught.value.problems
    assert (problem.code, problem.line, problem.character) == ("control_character", line, "U+0002")
    assert "Remove it" in problem.remedy
    read(data.replace(b"\x02", b""))


def test_a_library_names_the_same_row_and_code():
    data = b"name,sequence\na,MKT\nb,MK\x02T\nc,MKA\n"
    records = list(open_reader(io.BytesIO(data), ENCODE, filename="x.csv"))
    assert [(p.code, p.line) for r in records if isinstance(r, BadRecord) for p in r.problems] == [
        ("control_character", 3)
    ]


def test_rows_of_a_column_that_is_not_read_may_hold_anything():
    assert assay(ASSAY.replace(b"T3\x02S", b"T3S"))[0] == {"K2R": 0.5, "T3S": 1, "A4T": 2, "Y5F": 3}


def test_bad_rows_are_left_out_and_said():
    bad = b"F15L,high,x\nV16L,4\nS18T,0,5,x\n"
    values, notes = assay(ASSAY + bad, skip_bad=True)
    assert values == {"K2R": 0.5, "A4T": 2, "Y5F": 3}
    (note,) = [note for note in notes if note.code == "bad_rows"]
    assert (note.line, note.message.split(" (")[0]) == (3, "4 of 7 rows cannot be read and are left out")
    values, notes = columns(COLUMNS + b"c\n", skip_bad=True)
    assert np.array_equal(values, [1, np.nan, 3], equal_nan=True)
    assert [note.message.split(" (")[0] for note in notes if note.code == "bad_rows"] == [
        "2 of 4 rows cannot be read and are left out"
    ]


@pytest.mark.parametrize(("read", "data"), [(assay, b"mutant,score\nK\x02R,1\n"), (columns, b"name,x\na\x02,1\n")])
def test_a_table_of_bad_rows_only_is_refused_with_the_first(read, data):
    with pytest.raises(InvalidInput) as caught:
        read(data, skip_bad=True)
    assert caught.value.problems[0].code == "control_character"
