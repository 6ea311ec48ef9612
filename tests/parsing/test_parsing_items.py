"""Context files and the items of a JSON body."""

import gzip

import pytest

from e1protocol import EXTENDED
from jobs.errors import InvalidInput, TooLarge
from jobs.limits import MIB
from jobs.parsing import BadRecord, ItemReader, ItemRules, Record, read_context
from tests.parsing.reading import ENCODE, LOG_PROB, PREDICT

# --- context files --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "data",
    [
        b">a\nmk\nT\n>b\r\nACD*\n",
        b'["MKT", "acd"]',
        gzip.compress(b">\nMKT\n>\nACD", mtime=0),
        b'\xef\xbb\xbf["MKT","ACD"]',
    ],
)
def test_contexts_from_fasta_and_json(data):
    assert read_context(data, ENCODE) == ("MKT", "ACD")


def test_a_context_of_one_bare_sequence():
    assert read_context(b"\n mkt*\n", ENCODE) == ("MKT",)
    with pytest.raises(InvalidInput) as caught:
        read_context(b"MKT\nACD\n", ENCODE)
    assert (caught.value.code, caught.value.problems[0].line) == ("bare_lines", 2)


@pytest.mark.parametrize(
    ("data", "rules", "expected"),
    [
        (b"", ENCODE, [("empty_context", None, None)]),
        (b"[]", ENCODE, [("empty_context", None, None)]),
        (
            b">a\n>b\nM-TA\n>c\nM?T",
            PREDICT,
            [("empty_context", 1, None), ("bad_letter", 3, 2), ("mask_in_context", 5, 2)],
        ),
        (b'["MKT", "", "M-"]', ENCODE, [("empty_context", None, None), ("bad_letter", None, None)]),
        (b'["MKT",\n MKT]', ENCODE, [("bad_json", 2, 2)]),
        (b'["MKT",\n "\x81"]', ENCODE, [("invalid_utf8", 2, 3)]),
        (b'"MKT"', ENCODE, [("wrong_type", None, None)]),
        (b'["MKT", 3]', ENCODE, [("wrong_type", None, None)]),
        (b">a\nMXT", LOG_PROB, [("bad_letter", 2, 2)]),
        (b"".join(b">%d\nA\n" % n for n in range(51)), ENCODE, [("too_many_contexts", None, None)]),
        (b">a\n" + b"A" * 2049, ENCODE, [("sequence_too_long", 1, None)]),
        (b"".join(b">%d\n%s\n" % (n, b"A" * 2048) for n in range(32)), ENCODE, [("context_too_long", None, None)]),
        (b"[" * 5000, ENCODE, [("bad_json", 1, 1026)]),
    ],
)
def test_faults_of_contexts(data, rules, expected):
    with pytest.raises(InvalidInput) as caught:
        read_context(data, rules)
    assert [(p.code, p.line, p.column) for p in caught.value.problems] == expected


def test_contexts_where_none_are_taken_and_files_too_large():
    with pytest.raises(InvalidInput) as caught:
        read_context(b">a\nMKT", ItemRules(EXTENDED, EXTENDED, needs_mask=False, context_allowed=False))
    assert caught.value.code == "context_not_allowed"
    with pytest.raises(TooLarge):
        read_context(gzip.compress(b">a\n" + b"A" * MIB), ENCODE)


# --- items of a JSON body -------------------------------------------------------------------------


def test_items_are_cleaned_unless_strict():
    items = [{"sequence": "mk T*", "context_sequences": ["a c"], "name": "x"}, {"sequence": "MKT"}]
    reader = ItemReader(items, ENCODE, strict=False)
    assert list(reader) == [Record(0, "x", "x", 0, "MKT", ("AC",)), Record(1, "record_2", "", 0, "MKT", None)]
    assert reader.cleaning == {"lower_case": 1, "spaces": 1, "trailing_star": 1, "line_ends": 0}
    first, second = ItemReader(items, ENCODE, strict=True)
    assert [(p.path, p.character) for p in first.problems] == [
        ("items.0.sequence", "m"),
        ("items.0.sequence", "k"),
        ("items.0.sequence", "U+0020"),
        ("items.0.sequence", "*"),
        ("items.0.context_sequences.0", "a"),
        ("items.0.context_sequences.0", "U+0020"),
        ("items.0.context_sequences.0", "c"),
    ]
    assert second == Record(1, "record_2", "", 0, "MKT", None)


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        ("MKT", [("wrong_type", "items.0")]),
        (None, [("wrong_type", "items.0")]),
        ({}, [("missing_field", "items.0.sequence")]),
        ({"sequence": None}, [("wrong_type", "items.0.sequence")]),
        ({"sequence": ""}, [("empty_sequence", "items.0.sequence")]),
        ({"sequence": "A", "context": []}, [("unknown_field", "items.0.context")]),
        ({"sequence": "A", "context_sequences": "A"}, [("wrong_type", "items.0.context_sequences")]),
        ({"sequence": "A", "context_sequences": ["A", 1]}, [("wrong_type", "items.0.context_sequences.1")]),
        ({"sequence": "A", "name": 7}, [("wrong_type", "items.0.name")]),
        ({"sequence": "A", "name": "a\0b"}, [("bad_name", "items.0.name")]),
        ({"sequence": "A", "name": "a" * 5000}, [("bad_name", "items.0.name")]),
        (
            {"sequence": "A\ud800\0"},
            [("bad_letter", "items.0.sequence"), ("control_character", "items.0.sequence")],
        ),
    ],
)
@pytest.mark.parametrize("strict", [True, False])
def test_faults_of_items(item, expected, strict):
    (record,) = ItemReader([item], ENCODE, strict=strict)
    assert isinstance(record, BadRecord)
    assert [(p.code, p.path) for p in record.problems] == expected
    (record.name + record.header + record.sequence + str([p.as_dict() for p in record.problems])).encode()
    assert "\0" not in record.name + record.sequence


def test_own_contexts_replace_the_shared_ones():
    shared = ("A" * 2048,) * 31
    items = [{"sequence": "A" * 2048, "context_sequences": given} for given in (None, [], ["AC"])]
    records = list(ItemReader(items, ENCODE, strict=True, shared_context=shared))
    assert [isinstance(record, Record) for record in records] == [False, True, True]
    assert records[0].problems[0].code == "context_too_long"
