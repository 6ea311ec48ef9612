"""The reader of tables: separators, lines before the header, columns without a name, widths, roles and numbers."""

from __future__ import annotations

import io
import math

import pytest

from jobs.errors import InvalidInput
from jobs.parsing.tables import NAMES, SEQUENCES, VALUES, VARIANTS, Fault, Numbers, open_table
from jobs.variants.assay_files import read_assay
from tests.parsing.reading import ENCODE, read


def table(text: str | bytes, **options):
    return open_table(io.BytesIO(text.encode() if isinstance(text, str) else text), **options)


def rows(text: str | bytes, **options):
    return [(row.line, row.cells) for row in table(text, **options)]


def faults(text: str):
    return [(row.code, row.line) for row in table(text) if isinstance(row, Fault)]


def codes(opened):
    list(opened)
    return [warning.code for warning in opened.warnings()]


@pytest.mark.parametrize(
    ("header", "columns"),
    [
        ("name,sequence", ("name", "sequence")),
        ("name;sequence", ("name", "sequence")),
        ("name\tsequence", ("name", "sequence")),
        ('mutant;"DMS score (mean, n=3, log2)"', ("mutant", "DMS score (mean, n=3, log2)")),
        ("mutant;DMS score (mean, n=3, log2)", ("mutant", "DMS score (mean, n=3, log2)")),
        ('"a;b;c;d",mutant', ("a;b;c;d", "mutant")),
        ("a;b;c;d,e\tmutant", ("a;b;c;d,e", "mutant")),
        ("sequence", ("sequence",)),
        ('"name\nof it",sequence', ("name of it", "sequence")),
        ("\ufeffname, sequence ", ("name", "sequence")),
        ('name, "a, b",sequence', ("name", "a, b", "sequence")),
    ],
)
def test_the_separator_is_found_with_quotes_respected(header, columns):
    opened = table(f"{header}\n")
    assert opened.columns == columns


@pytest.mark.parametrize(
    ("text", "cells"),
    [
        ("probe;rate (mean, 1/s)\nP1;0.5\nP2;0.7\n", ["P1", "0.5"]),
        ("probe,rate; mean\nP1,0.5\n", ["P1", "0.5"]),
        ("probe;rate (mean, 1/s)\nP1;0,5\n", ["P1", "0,5"]),
    ],
)
def test_rows_decide_about_the_separator_when_no_name_is_known(text, cells):
    assert rows(text)[0][1] == cells


@pytest.mark.parametrize("mark", [",", ";", "\t", "|"])
@pytest.mark.parametrize("quoted", [False, True])
def test_a_first_line_names_the_separator(mark, quoted):
    first = f'"sep={mark}"' if quoted else f"sep={mark}"
    assert rows(f"{first}\nname{mark}x\na{mark}b\n") == [(3, ["a", "b"])]


def test_a_separator_that_does_not_divide_the_header_is_not_believed():
    assert rows("sep=;,,\nname,sequence,\na,MKT,\n") == [(3, ["a", "MKT"])]


def test_comments_are_left_out_and_counted():
    opened = table('# made by, hand\n#\n"# quoted, too",,\n\nname,score\na,1\n# between\n#b,2\n#4;5\nc,3\n')
    assert [(row.line, row.cells) for row in opened] == [(6, ["a", "1"]), (8, ["#b", "2"]), (10, ["c", "3"])]
    (warning,) = opened.warnings()
    assert (warning.code, warning.message) == ("comment_lines", "5 lines beginning with '#' are left out")


def test_the_last_comment_may_be_the_header():
    opened = table("# by hand\n#mutant;DMS_score\nA1C;0,5\n")
    assert opened.columns == ("mutant", "DMS_score")
    assert [row.line for row in opened] == [3]
    assert "1 line " in opened.warnings()[0].message
    assert table("# name, score\nid,activity\na,1\n").columns == ("id", "activity")


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_titles_before_the_header_are_left_out_and_counted(separator):
    text = f'"Table S3, scores"\n\nTEM-1{separator}{separator}\nmutant|DMS_score|n\nA1C|1|2\n'.replace("|", separator)
    opened = table(text)
    assert [(row.line, row.cells) for row in opened] == [(5, ["A1C", "1", "2"])]
    (warning,) = opened.warnings()
    assert (warning.code, warning.message) == ("lines_before_header", "2 lines before the header left out")


def test_a_first_line_is_a_title_only_if_a_known_header_follows():
    assert table("TEM-1\nx,y\n1,2\n").columns == ("TEM-1",)
    assert table("sequence\nMKT\nname,sequence\n").columns == ("sequence",)


@pytest.mark.parametrize("header", [",name,x", '"",name,x', "Unnamed: 0,name,x"])
def test_columns_without_a_name_are_left_out_and_reported(header):
    opened = table(f"{header}\n0,a,0.5\n1,b,0.1\n")
    assert opened.columns == ("name", "x")
    assert [row.cells for row in opened] == [["a", "0.5"], ["b", "0.1"]]
    (warning,) = opened.warnings()
    assert (warning.code, warning.message) == ("unnamed_columns", "1 column without a name is left out: column 1")


def test_empty_columns_at_the_end_are_left_out():
    opened = table("name,x,,\na,1,,\nb,2\nc,3,\n,,\n,,,,,,\n")
    assert [row.cells for row in opened] == [["a", "1"], ["b", "2"], ["c", "3"]]
    assert codes(opened) == ["unnamed_columns"]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("mutant,DMS_score\nK2R,0,53\n", 2),
        ("mutant,comment,DMS_score,n\nK2R,ok,0.5,3\nA4T,weak, 2,0.9,4\n", 3),
        ("name,x\na\n", 2),
        ("name,x,\nK2R,0,53\n", 2),
        ("name,x,,note\nK2R,0,53,c\n", 2),
        ("name;x\na;1;2\n", 2),
        ("mutant,DMS_score,n,note\nK2R,0,53,4,\n", 2),
        ("mutant,note,n,DMS_score\nK2R,a, b,0.5,\n", 2),
        ("name,x\na,1,,\n", 2),
    ],
)
def test_a_row_is_as_wide_as_the_header(text, line):
    assert faults(text) == [("wrong_field_count", line)]


def test_a_note_in_a_column_without_a_name_is_no_number():
    assert rows("name,x,\na,1,good\nb,2,\n") == [(2, ["a", "1"]), (3, ["b", "2"])]


@pytest.mark.parametrize(
    ("columns", "role", "chosen"),
    [
        ("Entry,Entry Name,Protein names,Length,Sequence", NAMES, "Entry"),
        ("Entry,Entry Name,Protein names,Length,Sequence", SEQUENCES, "Sequence"),
        ("mutant,mutated_sequence,DMS_score,DMS_score_bin", VARIANTS, "mutant"),
        ("mutant,mutated_sequence,DMS_score,DMS_score_bin", VALUES, "DMS_score"),
        ("mutant,mutated_sequence,DMS_score", SEQUENCES, "mutated_sequence"),
        ("accession,hgvs_nt,hgvs_splice,hgvs_pro,score", VARIANTS, "hgvs_pro"),
        ("accession,hgvs_nt,hgvs_splice,hgvs_pro,score", NAMES, "accession"),
        ("accession,hgvs_nt,hgvs_splice,hgvs_pro,score", VALUES, "score"),
        ("id,DMS score,score", VALUES, "DMS score"),
        ("id,activity", NAMES, "id"),
        ("id,Name,x", NAMES, "Name"),
        ("a,b", NAMES, None),
    ],
)
def test_columns_are_found_by_their_roles(columns, role, chosen):
    opened = table(f"{columns}\n")
    at = opened.column(role)
    assert (None if at is None else opened.columns[at]) == chosen


@pytest.mark.parametrize(
    ("columns", "role", "code"),
    [
        ("mutant,variant", VARIANTS, "unclear_column"),
        ("score,fitness", VALUES, "unclear_column"),
        ("sequence,Sequence", SEQUENCES, "duplicate_column"),
        ("DMS score,dms-score", VALUES, "duplicate_column"),
    ],
)
def test_two_columns_of_a_role_are_refused(columns, role, code):
    with pytest.raises(InvalidInput) as caught:
        table(f"{columns}\n").column(role)
    assert (caught.value.code, caught.value.problems[0].line) == (code, 1)


def numbers(*cells):
    column = Numbers("x")
    return [column.read(cell, line) for line, cell in enumerate(cells, start=2)], column


def test_numbers_with_points_or_with_commas_are_read():
    values, column = numbers("0,53", "-1,5e-3", "2", "\N{MINUS SIGN}0,5", "1,234", ",5")
    assert values == [0.53, -0.0015, 2, -0.5, 1.234, 0.5]
    assert column.problem() is None
    assert column.warning().message == "5 numbers have a decimal comma in the column x: 0,53 is read as 0.53"
    values, column = numbers("0.53", "1e-3", "2")
    assert (values, column.problem(), column.warning()) == ([0.53, 0.001, 2], None, None)


@pytest.mark.parametrize("cell", ["", " ", "NA", "NaN", "n/a", "<NA>", "None", "null", "-", ".", "#N/A", "#DIV/0!"])
def test_cells_without_a_value_are_missing(cell):
    ((value,), _) = numbers(cell)
    assert math.isnan(value)


@pytest.mark.parametrize("cell", ["x", "1,2,3", "1.234,5", "1,234.5", "inf", "1_0", "5,", "0x1", "1 234", "\u0661"])
def test_words_are_no_numbers(cell):
    assert numbers(cell)[0] == [None]


@pytest.mark.parametrize(
    ("cells", "line", "words"),
    [
        (("1,234", "2"), 2, ("1.234", "1234")),
        (("7", "12,345", "-1,000"), 3, ("12.345", "12345")),
        (("0.5", "0,53"), 3, ("decimal comma", "0.5 in line 2")),
        (("1,234", "0.5"), 2, ("decimal comma", "0.5 in line 3")),
    ],
)
def test_commas_that_may_mean_two_things_are_refused(cells, line, words):
    problem = numbers(*cells)[1].problem(path="file")
    assert (problem.code, problem.line, problem.path) == ("bad_number", line, "file")
    assert all(word in problem.message for word in words)


def test_a_broken_line_is_reported_behind_the_rows_before_it():
    reading = iter(table(b"name,sequence\na,MKT\nb,\x81\n"))
    assert next(reading).cells == ["a", "MKT"]
    with pytest.raises(InvalidInput) as caught:
        next(reading)
    assert (caught.value.code, caught.value.problems[0].line) == ("invalid_utf8", 3)


def test_names_that_read_as_missing_stay_names():
    records = read("name;sequence\nNA;MKT\nnan;MKT\n001;MKT\n1.0;MKT\n\u03b2-lactamase;MKT\n".encode(), "csv", ENCODE)
    assert [record.name for record in records] == ["NA", "nan", "001", "1.0", "\u03b2-lactamase"]


# --- tables without a header --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "names", "values"),
    [
        ("K2R,0.5\nT3S,-1\n", ("K2R", "T3S"), (0.5, -1)),
        ("0,5;p.Lys2Arg\n-1,25;p.Thr3Ser\n", ("p.Lys2Arg", "p.Thr3Ser"), (0.5, -1.25)),
        ("LYSA2ARG\t0.5\nTHRA3SER\t0\n", ("LYSA2ARG", "THRA3SER"), (0.5, 0)),
        ("KA2R,0.5\nTA3S,\n", ("KA2R", "TA3S"), (0.5, math.nan)),
    ],
)
def test_a_first_row_of_a_variant_and_numbers_is_no_header(text, names, values):
    found = read_assay(io.BytesIO(text.encode()))
    assert found.names == names
    assert found.values == pytest.approx(values, nan_ok=True)
    assert "no_header" in {note.code for note in found.notes}


@pytest.mark.parametrize("header", ["name,0.5", "K2R,x", "K2R,T3S", "K2R,", "gene,2019,2020", "mutant,1"])
def test_other_first_rows_are_headers(header):
    table = open_table(io.BytesIO(f"{header}\na,1,2\n".encode()))
    assert ",".join(table.columns) == header.strip(",")


@pytest.mark.parametrize("header", ["pos,wt,mut,score", "position,wt_aa,mutant_aa,ddG", "site,ref_aa,alt_aa,score"])
def test_sites_residues_and_new_residues_in_columns_of_their_own_are_codes(header):
    found = read_assay(io.BytesIO(f"{header}\n2,K,R,0.5\n3,T,S,1\n".encode()))
    assert found.names == ("K2R", "T3S")
    assert found.values == (0.5, 1)
