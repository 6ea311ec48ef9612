"""Examples of JSONL, CSV and the checks that all formats share."""

import json
from dataclasses import replace

import pytest

from e1protocol import EXTENDED
from jobs.limits import MAX_JSON_BODY
from jobs.parsing import ItemRules, Reader, Record, check_sequence, clean_sequence
from jobs.parsing.records import Place
from jobs.science.variants.numbering import SEQUENTIAL
from jobs.science.variants.rules import VariantRules
from tests.parsing.reading import ENCODE, PREDICT, problems, read, refused

# --- JSONL ----------------------------------------------------------------------------------------


def test_jsonl_records():
    lines = [
        {"sequence": "mkt*", "name": "a b"},
        {"sequence": "ACD", "context_sequences": ["m k", "ACD"]},
        {"sequence": "ACD", "context_sequences": [], "name": None},
        {"sequence": "ACD", "context_sequences": None},
    ]
    data = b"\r\n\n".join(json.dumps(line).encode() for line in lines)
    assert read(data, "jsonl") == [
        Record(0, "a b", "a b", 1, "MKT", None),
        Record(1, "record_2", "", 3, "ACD", ("MK", "ACD")),
        Record(2, "record_3", "", 5, "ACD", ()),
        Record(3, "record_4", "", 7, "ACD", None),
    ]


def test_jsonl_faults_have_lines_and_reading_goes_on():
    data = b"""{"sequence": "MKT"}
{"sequence": "\xc3\xa9", oops}
{"sequence": "MKJ", "name": "x"}
[1]
{"name": "y", "colour": 1}
{"sequence": "MKT", "context_sequences": ["", "M-", 3]}
{"sequence": "MKT", "context_sequences": ["", "M-?"]}
{"sequence": "MKT"}"""
    assert problems(data, "jsonl") == [
        ("bad_json", 1, 2, 19, None),
        ("bad_letter", 2, 3, None, "J"),
        ("wrong_type", 3, 4, None, None),
        ("unknown_field", 4, 5, None, None),
        ("missing_field", 4, 5, None, None),
        ("wrong_type", 5, 6, None, None),
        ("empty_context", 6, 7, None, None),
        ("bad_letter", 6, 7, None, "-"),
        ("mask_in_context", 6, 7, None, "?"),
    ]
    assert read(data, "jsonl")[2].problems[0].message == (
        "sequence, line 3, record x: the character 'J' at position 3 is not accepted"
    )


ITEMS = b'[\n{"sequence": "MKT", "name": "a"},\n{"sequence": "MK1"}]'


@pytest.mark.parametrize("data", [ITEMS, b'{"model": "e1-demo", "items":' + ITEMS + b"}", b"\xef\xbb\xbf" + ITEMS])
def test_a_json_value_is_read_as_its_items(data):
    good, bad = read(data, "json")
    assert (good.name, good.sequence) == ("a", "MKT")
    assert [(problem.code, problem.path) for problem in bad.problems] == [("bad_letter", "items.1.sequence")]


@pytest.mark.parametrize(
    ("data", "code"),
    [(b'{"items": []}', "no_items"), (b'{"sequence": "MKT"}', "no_items"), (b"[}", "bad_json"), (b'"M"', "bad_body")],
)
def test_a_json_value_without_items_is_refused(data, code):
    assert refused(data, "json").code == code


def test_a_json_value_is_held_in_memory_and_therefore_small():
    data = b"[" + b" " * MAX_JSON_BODY + b"]"
    problem = refused(data, "json").problems[0]
    assert (problem.code, "JSONL" in problem.remedy) == ("upload_too_large", True)


# --- CSV ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_csv_records(separator):
    rows = [
        ["Score", "SEQUENCE", " Name "],
        ["1", "mkt", "a"],
        [],
        ["2", '"AC\nD*"', '"b ""x"""'],
        ["3", "ACD", "c"],
    ]
    reader = Reader(["\r\n".join(separator.join(row) for row in rows).encode()], "csv", ENCODE)
    assert list(reader) == [
        Record(0, "a", "a", 2, "MKT", None),
        Record(1, 'b "x"', 'b "x"', 4, "ACD", None),
        Record(2, "c", "c", 6, "ACD", None),
    ]
    assert reader.cleaning == {"lower_case": 1, "spaces": 1, "trailing_star": 1, "line_ends": 0}
    (warning,) = reader.warnings()
    assert (warning.code, "Score" in warning.message) == ("ignored_columns", True)
    assert "only Name and SEQUENCE are read" in warning.remedy


def test_the_column_of_variants_is_said_to_be_read():
    rules = replace(ENCODE, variants=VariantRules("MKTAYIAKQR", SEQUENTIAL))
    reader = Reader([b"mutant,DMS_score\nM1A,2\n"], "csv", rules)
    assert [record.sequence for record in reader] == ["M1A"]
    (warning,) = reader.warnings()
    assert warning.message == "Columns that are not read: DMS_score"
    assert "only mutant is read" in warning.remedy


def test_a_long_table_is_no_long_row():
    assert len(read(b"sequence\n" + (b"A" * 2000 + b"\n") * 600, "csv")) == 600


def test_csv_with_one_column():
    assert [r.name for r in read(b"sequence\nMKT\nACD\n", "csv")] == ["record_1", "record_2"]


def test_csv_faults_have_lines_and_reading_goes_on():
    data = b'name,sequence\na,MKJ\nb\nc,MKT,more\nd,MKT\n,,\ne,"MK"T\nf,\ng,MKT\n"h\ni",MKT\nj,"MKT'
    assert [(code, index, line) for code, index, line, *_ in problems(data, "csv")] == [
        ("bad_letter", 0, 2),
        ("wrong_field_count", 1, 3),
        ("wrong_field_count", 2, 4),
        ("bad_csv", 4, 7),
        ("empty_sequence", 5, 8),
        ("bad_name", 7, 10),
        ("bad_csv", 8, 12),
    ]


@pytest.mark.parametrize(
    ("data", "code", "line"),
    [
        (b"id,residues\na,MKT\n", "missing_column", 1),
        (b"\nsequence,Sequence\nMKT,MKT\n", "duplicate_column", 2),
        (b"sequence\nMKT\n" + b"A" * 140_000 + b"\n", "row_too_long", 3),
        (b'sequence\nMKT\n"MKT\n' + b'x","y\n' * 200_000, "row_too_long", 3),
    ],
)
def test_faults_that_end_the_reading_of_csv(data, code, line):
    error = refused(data, "csv")
    assert (error.code, error.problems[0].line) == (code, line)


@pytest.mark.parametrize(
    ("data", "format"),
    [
        (b"name,sequence\na\0b,MKT\nb,MK\x02T\nc,MKT\n", "csv"),
        (b'{"sequence": "MKT\0"}\n{"sequence": "MKT\\u0002"}\n{"sequence": "MKT"}', "jsonl"),
    ],
)
def test_control_characters_fail_their_record_only(data, format):
    records = read(data, format)
    assert [r.problems[0].code for r in records[:2]] in (
        ["bad_name", "control_character"],
        ["bad_json", "control_character"],
    )
    assert isinstance(records[2], Record)


# --- shared checks --------------------------------------------------------------------------------


def test_clean_sequence_says_what_it_did():
    assert clean_sequence("MKT") == ("MKT", frozenset())
    assert clean_sequence(" m k\tt\r\n*") == ("MKT", {"lower_case", "spaces", "trailing_star"})
    assert clean_sequence("\u00df\u0131a**")[0] == "\u00df\u0131A*"


def test_only_the_first_kinds_of_wrong_characters_are_listed():
    assert len(check_sequence("".join(map(chr, range(0x100, 0x180))), None, ENCODE)) == 20


def test_check_sequence_reports_everything_with_paths():
    found = check_sequence("m-", ["", "M?"], PREDICT, Place(path="items.3"))
    assert [(p.code, p.path) for p in found] == [
        ("bad_letter", "items.3.sequence"),
        ("bad_letter", "items.3.sequence"),
        ("empty_context", "items.3.context_sequences.0"),
        ("mask_in_context", "items.3.context_sequences.1"),
        ("no_mask", "items.3.sequence"),
    ]


def test_the_limits_of_the_network_and_of_the_interface():
    longest = "A" * 2048
    assert check_sequence(longest, [longest] * 30, ENCODE) == []
    assert [p.code for p in check_sequence(longest, [longest] * 31, ENCODE)] == ["context_too_long"]
    assert [p.code for p in check_sequence("A", ["A"] * 51, ENCODE)] == ["too_many_contexts"]
    assert [p.code for p in check_sequence("A", ["A" * 2049], ENCODE)] == ["sequence_too_long"]
    no_context = ItemRules(EXTENDED, EXTENDED, needs_mask=False, context_allowed=False)
    assert [p.code for p in check_sequence("A", ["A"], no_context)] == ["context_not_allowed"]
    assert check_sequence("A", [], no_context) == []
