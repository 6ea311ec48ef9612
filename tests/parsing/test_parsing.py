"""Examples of what the FASTA reader accepts, cleans and refuses."""

import gzip
import tracemalloc
from dataclasses import replace

import pytest

from jobs.errors import InvalidInput
from jobs.parsing import BadRecord, Reader, Record, fasta
from tests.parsing.reading import ENCODE, LOG_PROB, PREDICT, problems, read, refused


def test_fasta_records_keep_order_names_headers_and_lines():
    data = b"\n>sp|P1 first protein\nMKT\nAYI\n\n>sp|P1\nACD\n"
    assert read(data) == [
        Record(0, "sp|P1", "sp|P1 first protein", 2, "MKTAYI", None),
        Record(1, "sp|P1", "sp|P1", 6, "ACD", None),
    ]


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
@pytest.mark.parametrize("last", [True, False])
def test_line_ends_of_any_kind(end, last):
    data = end.join([b">a", b"MK", b"", b"T", b">b x", b"AC"]) + (end if last else b"")
    reader = Reader([data], "fasta", ENCODE)
    assert [(r.name, r.sequence, r.line) for r in reader] == [("a", "MKT", 1), ("b", "AC", 5)]
    assert reader.cleaning["line_ends"] == (0 if end == b"\n" else 2)


def test_mixed_line_ends_are_counted_by_record():
    reader = Reader([b">a\nMK\r>b\nAC\n>c\r\nAC\n>d\nA\rC\r\n"], "fasta", ENCODE)
    assert [(r.sequence, r.line) for r in reader] == [("MK", 1), ("AC", 3), ("AC", 5), ("AC", 7)]
    assert reader.cleaning["line_ends"] == 3


def test_cleaning_is_counted_by_record():
    reader = Reader([b">a\nmkt ay\nI*\n>b\nACD\n>c\nAC\tD*\n\n"], "fasta", ENCODE)
    assert [r.sequence for r in reader] == ["MKTAYI", "ACD", "ACD"]
    assert reader.cleaning == {"lower_case": 1, "spaces": 2, "trailing_star": 2, "line_ends": 0}


def test_bad_letters_have_line_column_and_character():
    data = b">a\nMKT\nA-J1\n>b\nMK\xce\x91T\n  .*T\n>c\nMKT**\n>d\nACD\n"
    assert problems(data) == [
        ("bad_letter", 0, 3, 2, "-"),
        ("bad_letter", 0, 3, 3, "J"),
        ("bad_letter", 0, 3, 4, "1"),
        ("bad_letter", 1, 5, 3, "\u0391"),
        ("bad_letter", 1, 6, 3, "."),
        ("bad_letter", 1, 6, 4, "*"),
        ("bad_letter", 2, 8, 4, "*"),
    ]


def test_a_star_before_the_last_line_is_a_stop_inside():
    assert problems(b">a\nMK*\nT\n>b\nMK\n*\n\n") == [("bad_letter", 0, 2, 3, "*")]


def test_a_repeated_character_is_one_problem_with_its_count():
    (record,) = read(b">a\n-MK-\n--T\n")
    (problem,) = record.problems
    assert (problem.line, problem.column) == (2, 1)
    assert "4 times" in problem.message
    assert "gaps" in problem.remedy


def test_semicolons_inside_say_what_to_do():
    (record,) = read(b">a\nMKT\n;comment\n")
    assert [p.remedy.split(":")[0] for p in record.problems if p.character == ";"] == ["Remove comment lines"]


def test_a_header_inside_a_line_ends_one_bad_record_and_begins_another():
    reader = Reader([b">a\nMKT\nAC*>b two\nMKT\n  >c\nMKT\n>d\nMKT\n"], "fasta", ENCODE)
    records = list(reader)
    assert [(r.name, r.line, type(r)) for r in records] == [
        ("a", 1, BadRecord),
        ("b", 3, BadRecord),
        ("c", 5, BadRecord),
        ("d", 7, Record),
    ]
    places = [(p.code, p.line, p.column, p.record) for r in records[:3] for p in r.problems]
    assert places == [
        ("header_in_line", 3, 4, "a"),
        ("header_in_line", 3, 4, "b"),
        ("header_in_line", 5, 3, "b"),
        ("header_in_line", 5, 3, "c"),
    ]
    assert "'b two'" in records[0].problems[0].message


@pytest.mark.parametrize("block", [2, 5, 1 << 16])
@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_headers_inside_lines_of_a_long_record(monkeypatch, block, end):
    monkeypatch.setattr(fasta, "HOLD", 4)
    data = b">a\nMKTMKT\nAC>b\nMKT>c\nMKT>d>e\n\nMKT\n>f\nMKT".replace(b"\n", end)
    records = list(Reader([data], "fasta", ENCODE, block=block))
    assert [(r.name, r.line) for r in records] == [("a", 1), ("b", 3), ("c", 4), ("d>e", 5), ("f", 8)]
    assert [r.sequence for r in records] == ["MKTMKTAC", "MKT", "MKT", "MKT", "MKT"]
    assert isinstance(records[4], Record)


def test_headers_joined_by_ncbi_are_kept_and_counted():
    reader = Reader([b">WP_1 one [X]\x01WP_2 two [Y]\nMKT\n>WP_3\x01WP_4\nMKT\n>c\nMKT\n"], "fasta", ENCODE)
    assert [(r.name, r.header) for r in reader] == [
        ("WP_1", "WP_1 one [X] >WP_2 two [Y]"),
        ("WP_3", "WP_3 >WP_4"),
        ("c", "c"),
    ]
    assert reader.cleaning["joined_headers"] == 2


def test_comments_before_the_first_header_are_skipped_and_said():
    reader = Reader([b"# made by x\n; a remark\n\n##FASTA\r\n>a\nMKT\n"], "fasta", ENCODE)
    assert [(r.name, r.line) for r in reader] == [("a", 5)]
    (warning,) = reader.warnings()
    assert (warning.code, warning.line) == ("comment_lines", 1)
    assert warning.message.startswith("3 lines of comments were skipped (first: line 1, # made by x)")


def test_a_semicolon_of_old_for_the_header_says_what_to_do_and_that_works():
    data = b";a one\nMKTAYI\n"
    error = refused(data)
    assert (error.code, error.problems[0].line) == ("not_fasta", 2)
    assert "line 1 with '>' instead of ';'" in error.problems[0].remedy
    assert [r.name for r in read(b">" + data[1:])] == ["a"]


def test_nameless_records_get_a_name_and_a_warning():
    reader = Reader([b">\nMKT\n> \nMKT\n>  c d\nMKT\n"], "fasta", ENCODE)
    assert [(r.name, r.header) for r in reader] == [("record_1", ""), ("record_2", ""), ("c", "c d")]
    (warning,) = reader.warnings()
    assert (warning.code, warning.index, warning.message[:6]) == ("unnamed_records", 0, "2 of 3")


def test_empty_records_are_reported():
    assert [p[:3] for p in problems(b">a\n>b\nMK\n>c\n\n*\n>")] == [
        ("empty_sequence", 0, 1),
        ("empty_sequence", 2, 4),
        ("empty_sequence", 3, 7),
    ]


def test_too_long_says_how_long_and_keeps_no_more_than_the_limit():
    (record,) = read(b">a\n" + b"ACDEFGHIKL\n" * 30_000)
    (problem,) = record.problems
    assert (problem.code, problem.line) == ("sequence_too_long", 1)
    assert "300,000" in problem.message
    assert "2,048" in problem.message
    assert len(record.sequence) == 2048


def test_a_long_record_does_not_disturb_its_neighbours():
    long = b">long\n" + b"AC-DE\n" * 50_000
    records = read(b">a\nMKT\n" + long + b">b\nMK1\n")
    assert [r.name for r in records] == ["a", "long", "b"]
    assert [(p.code, p.line, p.column) for p in records[1].problems] == [
        ("bad_letter", 4, 3),
        ("sequence_too_long", 3, None),
    ]
    assert (records[2].line, records[2].problems[0].line) == (50_004, 50_005)


def test_masks_belong_to_predict():
    assert read(b">a\nM?T\n", rules=PREDICT)[0].sequence == "M?T"
    assert problems(b">a\nMKT\n", rules=PREDICT) == [("no_mask", 0, 1, None, None)]
    assert problems(b">a\nM?T\n") == [("mask_not_allowed", 0, 2, 2, "?")]


@pytest.mark.parametrize("format", ["fasta", "jsonl", "csv"])
@pytest.mark.parametrize(
    ("limits", "code", "words"),
    [
        ({"min_residues": 4}, "too_short", "3 residues, and 4 are needed"),
        ({"labels": 4}, "bad_numbering", "the numbering has 4 numbers, and the sequence 3 residues"),
        ({"reach": 4}, "position_outside", "position 4 lies outside the sequence, which has 3 residues"),
    ],
)
def test_each_sequence_is_as_long_as_its_action_needs_in_every_format(format, limits, code, words):
    data = {
        "fasta": b">a\nMKTA\n>b\nMKT\n",
        "jsonl": b'{"name": "a", "sequence": "MKTA"}\n{"name": "b", "sequence": "MKT"}\n',
        "csv": b"name,sequence\na,MKTA\nb,MKT\n",
    }
    good, bad = read(data[format], format, replace(ENCODE, **limits))
    assert (good.name, bad.name, bad.problems[0].code) == ("a", "b", code)
    assert words in bad.problems[0].message
    assert bad.problems[0].remedy


def test_log_prob_takes_canonical_residues_only():
    (record,) = read(b">a\nMXT\n", rules=LOG_PROB)
    assert (record.problems[0].character, "20 canonical" in record.problems[0].remedy) == ("X", True)


def test_a_shared_context_takes_room():
    shared = ("A" * 2048,) * 31
    room = 65_536 - 31 * 2052 - 4
    assert isinstance(read(b">a\n" + b"A" * room, shared_context=shared)[0], Record)
    assert problems(b">a\n" + b"A" * (room + 1), shared_context=shared)[0][0] == "context_too_long"


def test_one_bad_letter_near_the_end_of_many_records():
    lines = [f">r{i}\n{'ACDEFGHIKL' * 3}\nMKT" for i in range(20_000)]
    lines[19_998] = lines[19_998][:-1] + "J"
    assert problems("\n".join(lines).encode()) == [("bad_letter", 19_998, 59_997, 3, "J")]


def test_all_errors_of_a_file_are_found():
    data = b"".join(b">r%d\nAC1D\n" % i for i in range(3000))
    assert [p[2:4] for p in problems(data)] == [(2 * i + 2, 3) for i in range(3000)]


def test_dna_is_accepted_with_one_warning():
    reader = Reader([b">p\nMKTAYIAKQR\n>d1\nACGTACGTACGT\n>d2\nacguacguacgu\n>short\nGATTACA\n"], "fasta", ENCODE)
    assert len(list(reader)) == 4
    (warning,) = reader.warnings()
    assert (warning.code, warning.index, warning.line, warning.record) == ("looks_like_dna", 1, 3, "d1")
    assert warning.message.startswith("2 of 4 records")


@pytest.mark.parametrize(
    ("data", "code", "line", "column"),
    [
        (b"MKT\n", "not_fasta", 1, 1),
        (b"\n\n; old style\nMKT", "not_fasta", 4, 1),
        (b"\r\n  >a\nMKT", "not_fasta", 2, 1),
        (b">a\nMKT\n>caf\x81\nMKT\n", "invalid_utf8", 3, 5),
        (b">a\n\xc3\xa9K\x81\n", "invalid_utf8", 2, 3),
        (b">a\n" + b"A" * (1 << 20) + b"C\n>b\nMK\n", "line_too_long", 2, None),
        (b">" + b"A" * (1 << 20) + b"C\n>b\nMK\n", "line_too_long", 1, None),
    ],
)
def test_faults_that_end_the_reading_of_fasta(data, code, line, column):
    error = refused(data)
    assert (error.code, error.status_code) == (code, 400)
    assert (error.problems[0].line, error.problems[0].column) == (line, column)
    assert error.problems[0].remedy


def test_control_characters_fail_their_record_only():
    bad, worse, good = read(b">a\nMK\0T\n>x\x02y\nMKT\n>c\nMKT\n")
    assert [(p.code, p.line, p.column, p.character) for p in bad.problems] == [("control_character", 2, 3, "U+0000")]
    assert [(p.code, p.line, p.column, p.character) for p in worse.problems] == [("control_character", 3, 3, "U+0002")]
    assert (worse.name, isinstance(good, Record)) == ("x\ufffdy", True)


def test_records_before_a_fault_of_the_file_are_given_first():
    reader = iter(Reader([b">a\nMK-\n>b\nMK\x81\n"], "fasta", ENCODE))
    assert isinstance(next(reader), BadRecord)
    with pytest.raises(InvalidInput):
        next(reader)


def test_a_header_too_long_is_one_bad_record():
    (first, second) = read(b">" + b"x" * 5000 + b"\nMKT\n>b\nMKT\n")
    assert [p.code for p in first.problems] == ["header_too_long"]
    assert len(first.header) == len(first.name) == 4096
    assert isinstance(second, Record)


@pytest.mark.parametrize("format", ["fasta", "jsonl", "csv"])
@pytest.mark.parametrize("data", [b"", b"\n \r\n", b"\xef\xbb\xbf", gzip.compress(b"", mtime=0)])
def test_empty_files(format, data):
    assert refused(data, format).code == "empty_file"


def test_only_the_first_kinds_of_wrong_characters_are_listed():
    (record,) = read(">a\n{}\n{}\n".format("".join(map(chr, range(0x100, 0x180))), "-" * 9).encode())
    assert [p.column for p in record.problems] == list(range(1, 21))


@pytest.mark.parametrize(
    "line", [b">a\n" + b"A" * 90 + b"\n", b"A" * 90 + b"\n", b"-1" * 45 + b"\n", b" " * 90 + b"\n"]
)
def test_memory_does_not_grow_with_the_file(line):
    def blocks():
        yield b">first\n"
        for _ in range(40):
            yield line * (50_000 // len(line))

    tracemalloc.start()
    try:
        for _ in Reader(blocks(), "fasta", ENCODE, block=1 << 14):
            pass
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 1_000_000  # The file has 2 MB; held are a few blocks and parts of one record.


@pytest.mark.parametrize("format", ["fasta", "jsonl", "csv"])
def test_an_endless_first_line_is_not_held(format):
    taken = []

    def blocks():
        for _ in range(100):
            taken.append(1)
            yield b">" * 100_000

    with pytest.raises(InvalidInput) as caught:
        list(Reader(blocks(), format, ENCODE))
    assert caught.value.code == "line_too_long"
    assert len(taken) < 20
