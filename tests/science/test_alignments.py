"""Alignments: formats, refusals with their places, and the columns of the parent."""

import gzip
import io
from functools import partial

import numpy as np
import pytest
from Bio import AlignIO
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.errors import InvalidInput, TooLarge
from jobs.parsing import blocks
from jobs.parsing.text import line_blocks
from jobs.science.alignments import formats
from jobs.science.alignments import rows as alignment_rows
from jobs.science.alignments.reading import Alignment, read_alignment

A3M = b"""#4\t1
>parent the query
MKTA
>one 90.1
M-TA
>two
mkMKa
TAyy
"""
STOCKHOLM = b"""# STOCKHOLM 1.0
#=GF ID TEST
parent/1-4  MK.T
one         M-.T
two         MKaT

parent/1-4  A.
#=GR one SS HH
one         A.
two         Ay
#=GC RF     xx
//
"""


def columns(alignment: Alignment) -> list[str]:
    return [row.tobytes().decode() for row in alignment.columns]


def codes(data: bytes, **options) -> list[tuple[str, int | None, str | None]]:
    with pytest.raises(InvalidInput) as caught:
        read_alignment(data, **options)
    assert all(problem.remedy for problem in caught.value.problems)
    return [(problem.code, problem.line, problem.record) for problem in caught.value.problems]


def test_a3m_insertions_stand_in_no_column_but_in_the_sequence():
    alignment = read_alignment(A3M)
    assert alignment.names == ("parent", "one", "two")
    assert columns(alignment) == ["MKTA", "M-TA", "MKTA"]
    assert alignment.sequences == ("MKTA", "MTA", "MKMKATAYY")
    assert alignment.parent == "MKTA"


def test_stockholm_in_blocks_with_columns_where_the_first_row_has_a_gap():
    alignment = read_alignment(STOCKHOLM)
    assert alignment.names == ("parent/1-4", "one", "two")
    assert columns(alignment) == ["MKTA", "M-TA", "MKTA"]
    assert alignment.sequences == ("MKTA", "MTA", "MKATAY")


@pytest.mark.parametrize(
    "text",
    [
        ">p\nMK-T\nA\n>q\nM-WTA\n",
        ">p\r\nMK.TA\r\n\r\n>q\r\nM.WTA\r\n",
        ">p\nmk-ta\n>q\nm-wta\n",
        ">p\nMK.TA\n>q\nM-wTA",
    ],
)
def test_aligned_fasta_in_any_spelling(text):
    alignment = read_alignment(text.encode())
    assert columns(alignment) == ["MKTA", "M-TA"]
    assert alignment.sequences == ("MKTA", "MWTA")


def test_gzip_and_a_byte_order_mark():
    assert read_alignment(gzip.compress(b"\xef\xbb\xbf" + A3M)).sequences == read_alignment(A3M).sequences


def test_rows_of_other_lengths_are_named_with_their_lines():
    assert codes(b">a\nMKT\n>b\nMK\n>c\nMKTA\n>d\nMKT\n") == [("unequal_rows", 3, "b"), ("unequal_rows", 5, "c")]


def test_empty_rows_and_rows_of_gaps():
    data = b">a\nMKT\n>b\n---\n>c\nM-T\n"
    assert codes(data) == [("empty_row", 3, "b")]
    alignment = read_alignment(data, skip_empty=True)
    assert alignment.names == ("a", "c")
    assert [problem.record for problem in alignment.skipped] == ["b"]
    assert codes(b">a\nMKT\n>b\n>c\nM-T\n") == [("empty_row", 3, "b")]
    assert codes(b">a\n---\n>b\nMKT\n", skip_empty=True) == [("empty_row", 1, "a")]
    assert codes(b">a\n>b\n") == [("empty_row", 1, "a"), ("empty_row", 2, "b")]


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "empty_alignment"),
        (b"\n \n", "empty_alignment"),
        (b"#A3M#\n", "empty_alignment"),
        (b"# STOCKHOLM 1.0\n//\n", "empty_alignment"),
        (b"MKTA\n", "not_alignment"),
        (b"CLUSTAL W\n", "empty_alignment"),
        (b"PileUp\n", "other_format"),
        (b"# STOCKHOLM 1.0\na MK\n", "unfinished_alignment"),
        (b"# STOCKHOLM 1.0\na MK TA\n//\n", "bad_line"),
        (b"# STOCKHOLM 1.0\na MK\n//\n# STOCKHOLM 1.0\na MK\n//\n", "several_alignments"),
        (b">a\nMK\x81\n", "invalid_utf8"),
        (b">a\nmkta\n>b\nmkt\n", "query_insertions"),
    ],
)
def test_files_that_are_no_alignment(data, code):
    assert codes(data)[0][0] == code


def test_wrong_characters_with_line_and_column():
    with pytest.raises(InvalidInput) as caught:
        read_alignment(b">a\nMKT\n>b\nM1T\n>c\nMKJ\n")
    assert [(p.code, p.line, p.column, p.character) for p in caught.value.problems] == [
        ("bad_letter", 4, 2, "1"),
        ("bad_letter", 6, 3, "J"),
    ]
    with pytest.raises(InvalidInput) as caught:
        read_alignment(b"# STOCKHOLM 1.0\nname   M*K\n//\n")
    assert [(p.line, p.column) for p in caught.value.problems] == [(2, 9)]


def test_the_column_of_a_wrong_character_counts_the_blanks_before_it():
    with pytest.raises(InvalidInput) as caught:
        read_alignment(b"  >a\n\tM1\r\n 1\n")
    assert [(p.line, p.column) for p in caught.value.problems] == [(2, 3), (3, 2)]


def test_a_stockholm_file_of_too_many_lines_is_refused(monkeypatch):
    monkeypatch.setattr(blocks, "MAX_LINES", 5)
    assert read_alignment(b"# STOCKHOLM 1.0\na MK\nb MK\n\na TA\nb TA\n//\n").depth == 2
    with pytest.raises(TooLarge) as caught:
        read_alignment(b"# STOCKHOLM 1.0\n" + b"a MK\n" * 5 + b"//\n")
    assert caught.value.code == "too_many_lines"


@settings(max_examples=200, deadline=None)
@given(
    pieces=st.lists(st.sampled_from([*(b">", b">a b", b"A", b"a", b"-", b"1", b"*", b" ", b"\t", b"\n", b"\n>b\n")])),
    end=st.sampled_from([b"\n", b"\r\n", b"\r"]),
    size=st.integers(2, 20),
)
def test_the_cut_into_blocks_changes_no_row_and_no_place(pieces, end, size):
    data = b">first\n" + b"".join(pieces).replace(b"\n", end)

    def outcome(blocks):
        with pytest.MonkeyPatch().context() as patch:
            patch.setattr(formats, "line_blocks", blocks)
            found = formats.read_rows(data)
        return found.rows, found.problems.listed, found.problems.count

    assert outcome(partial(line_blocks, size=size)) == outcome(line_blocks)


def test_the_first_row_must_be_the_parent():
    assert read_alignment(A3M, parent="MKTA").depth == 3
    with pytest.raises(InvalidInput, match="at position 3 it has T, the parent W") as caught:
        read_alignment(A3M, parent="MKWA")
    assert caught.value.code == "first_row_not_parent"
    assert "add_parent" in caught.value.problems[0].remedy
    with pytest.raises(InvalidInput, match="the row one is"):
        read_alignment(A3M, parent="MTA")
    with pytest.raises(InvalidInput, match="4 residues, the parent 6"):
        read_alignment(A3M, parent="MKTAAA")


def test_a_parent_can_be_added():
    same_length = read_alignment(A3M, parent="MKTW", add_parent=True)
    assert columns(same_length) == ["MKTW", "MKTA", "M-TA", "MKTA"]
    assert same_length.names[0] == "parent"
    longer = read_alignment(A3M, parent="GGMKTAG", add_parent=True)
    assert columns(longer) == ["GGMKTAG", "--MKTA-", "--M-TA-", "--MKTA-"]
    assert longer.sequences[3] == "MKMKATAYY"
    shorter = read_alignment(A3M, parent="KT", add_parent=True)
    assert columns(shorter) == ["KT", "KT", "-T", "KT"]
    assert shorter.sequences == ("KT", "KT", "T", "KT")
    another_row = read_alignment(b">a\nMKTA\n>b\nM-TA\n>c\nWKTA\n", parent="MTA", add_parent=True)
    assert another_row.names == ("b", "a", "c")
    assert columns(another_row) == ["MTA", "MTA", "WTA"]
    assert another_row.sequences == ("MTA", "MKTA", "WKTA")


def test_a_parent_that_cannot_be_placed_is_refused():
    assert codes(A3M, parent="WWWWWW", add_parent=True)[0][0] == "parent_not_alignable"
    assert codes(A3M, parent="WWWW", add_parent=True)[0][0] == "parent_not_alignable"


def test_rows_outside_an_added_parent_are_left_out_and_reported():
    alignment = read_alignment(b">a\nMKTA\n>b\nM---\n", parent="KT", add_parent=True)
    assert alignment.names == ("parent", "a")
    assert [problem.record for problem in alignment.skipped] == ["b"]


LETTERS = st.text(alphabet="ACDEFGHIKLMNPQRSTVWYX", min_size=1, max_size=12)


@st.composite
def alignments(draw):
    """Draw the columns and insertions of the rows of an A3M."""
    parent = draw(LETTERS)
    rows = [(list(parent), [""] * (len(parent) + 1))]
    for _ in range(draw(st.integers(0, 5))):
        letters = [draw(st.sampled_from("ACDW-")) for _ in parent]
        inserted = [draw(st.sampled_from(["", "", "a", "kk"])) for _ in range(len(parent) + 1)]
        if any(letter != "-" for letter in letters):
            rows.append((letters, inserted))
    return rows


def as_a3m(rows) -> bytes:
    texts = ["".join(i + c for i, c in zip(inserted, [*letters, ""], strict=True)) for letters, inserted in rows]
    return "".join(f">r{n}\n{text}\n" for n, text in enumerate(texts)).encode()


@given(alignments())
def test_a3m_means_what_was_written(rows):
    alignment = read_alignment(as_a3m(rows))
    assert columns(alignment) == ["".join(letters) for letters, _ in rows]
    expected = ["".join(i + c for i, c in zip(k, [*c, ""], strict=True)).replace("-", "").upper() for c, k in rows]
    assert list(alignment.sequences) == expected


@pytest.mark.parametrize(
    "text", [">a\nMK\n>b\nMR\n>c\n\0", "# STOCKHOLM 1.0\na MK\nb MR\na MK\nc MK\n\0"], ids=["fasta", "stockholm"]
)
def test_reading_ends_with_the_first_row_that_is_too_many(monkeypatch, text):
    monkeypatch.setattr(alignment_rows, "MAX_ROWS", 2)
    with pytest.raises(TooLarge) as caught:
        read_alignment(text.encode())
    assert caught.value.code == "too_many_rows"


@given(alignments())
def test_aligned_fasta_and_stockholm_give_the_same_columns_and_sequences_as_a3m(rows):
    widths = [max(len(inserted[n]) for _, inserted in rows) for n in range(len(rows[0][1]))]
    texts = [
        "".join(i.upper().ljust(w, "-") + c for i, w, c in zip(inserted, widths, [*letters, ""], strict=True))
        for letters, inserted in rows
    ]
    expected = read_alignment(as_a3m(rows))
    fasta = "".join(f">r{n}\n{text}\n" for n, text in enumerate(texts)).encode()
    written = io.StringIO()
    AlignIO.write(AlignIO.read(io.StringIO(fasta.decode()), "fasta"), written, "stockholm")
    for data in (fasta, written.getvalue().encode()):
        alignment = read_alignment(data)
        assert columns(alignment) == columns(expected)
        assert alignment.sequences == expected.sequences


@given(st.one_of(st.binary(max_size=80), st.text(alphabet=">#MKAmk-.*1 \n\t/", max_size=60).map(str.encode)))
def test_anything_is_an_alignment_or_refused(data):
    try:
        alignment = read_alignment(data)
    except InvalidInput:
        return
    assert alignment.columns.shape == (alignment.depth, len(alignment.parent))
    assert all(alignment.sequences)
    assert np.isin(alignment.columns, np.frombuffer(b"ACDEFGHIKLMNPQRSTVWYBXZUO-", dtype=np.uint8)).all()
