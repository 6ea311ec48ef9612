"""Refusals of tables, and what comes of each if its remedy is followed (`test_table_refusals`)."""

from __future__ import annotations

from tests.field_cases import CASES
from tests.parsing.books import by_hand, row, written

ALL = ("library", "variants", "assay", "columns")
TABLE = b"name,sequence,mutant,DMS_score\na,MKTAY,K2R,0.5\n"
BOOK = written([["x"], ["y"]], Data=[["name", "sequence", "mutant", "DMS_score"], ["a", "MKTAY", "K2R", 0.5]])
REFUSED = {
    # what is wrong: entrances, bytes, code, line, part of the remedy, and bytes or options that do what it says
    "decimal comma without quotes": (
        *(("assay", "variants"), (CASES / "decimal-comma/scores.csv").read_bytes(), "wrong_field_count", 2),
        *('Put a number with a decimal comma in quotes ("0,53")', b'mutant,DMS_score\nK2R,"0,53"\n'),
    ),
    "decimal comma without quotes, mended by semicolons": (
        *(("assay", "variants"), (CASES / "decimal-comma/scores.csv").read_bytes(), "wrong_field_count", 2),
        *("separate the columns by semicolons", b"mutant;DMS_score\nK2R;0,53\nT3S;1,20\n"),
    ),
    "a comma in a note": (
        *(("assay", "variants"), (CASES / "decimal-comma/note-with-comma.csv").read_bytes(), "wrong_field_count", 4),
        *("Put fields that hold the separator in quotes", b'mutant,comment,DMS_score,n\nA4T,"weak, 2",0.9,4\n'),
    ),
    "a row too short": (
        *(ALL, TABLE + b"b,MKTAY,K2R\n", "wrong_field_count", 3, "give every row all columns"),
        TABLE + b"b,MKTAY,K2R,\n",
    ),
    "a row too long": (
        *(ALL, TABLE + b"b,MKTAY,K2R,1,\n", "wrong_field_count", 3, "give every row all columns"),
        TABLE + b"b,MKTAY,K2R,1\n",
    ),
    "an open quotation mark": (
        *(ALL, TABLE + b'b,MKTAY,K2R,"1\n', "bad_csv", 3, "Close every quotation mark", TABLE + b'b,MKTAY,K2R,"1"\n'),
    ),
    "a quotation mark inside": (
        *(ALL, b'note,' + TABLE.replace(b"\na", b'\n"5" gel",a'), "bad_csv", 2, 'twice ("")'),
        b"note," + TABLE.replace(b"\na", b'\n"5"" gel",a'),
    ),
    "no column of sequences": (
        *(("library",), b"name,residues\na,MKT\n", "missing_column", 1, "a header line such as name,sequence"),
        b"name,sequence\na,MKT\n",
    ),
    "no column of variants": (
        *(("variants",), b"what,score\nK2R,1\n", "missing_column", 1, "a header line such as name,mutant"),
        b"mutant,score\nK2R,1\n",
    ),
    "no column of measured variants": (
        *(("assay",), b"what,score\nK2R,1\n", "missing_column", 1, "say which it is", {"variant_column": "what"}),
    ),
    "variants in a column without a name, as pandas writes an index": (
        *(("variants", "assay"), b",DMS_score,SE\nK2R,0.5,0.1\n", "missing_column", 1, "Column 1 has no name"),
        b"mutant,DMS_score,SE\nK2R,0.5,0.1\n",
    ),
    "a second line of the header": (
        *(("assay",), b"mutant,score\n,(U/mg)\nK2R,0.5\n", "bad_number", 2, "a second line of the header, remove it"),
        b"mutant,score\nK2R,0.5\n",
    ),
    "a second line of the header, left out": (
        *(("assay",), b"mutant,score\n,(U/mg)\nK2R,0.5\n", "bad_number", 2, "leave it out (on_invalid=skip)"),
        {"skip_bad": True},
    ),
    "several numbers without a header": (
        *(("assay",), b"K2R,0.5,0.1\nT3S,1,0.2\n", "unclear_column", 1, "Say which column"),
        {"value_column": "column_2"},
    ),
    "no header, and no sequences": (
        *(("library",), b"K2R,0.5\nT3S,1\n", "missing_column", 1, "a header line such as name,sequence"),
        b"name,sequence\nK2R,MRT\n",
    ),
    "no column of names": (
        *(("columns",), b"what,rate\na,1\n", "missing_column", 1, "a header line such as name,family,activity"),
        b"name,rate\na,1\n",
    ),
    "two columns of variants": (
        *(("variants",), b"mutant,variant\nK2R,K2R\n", "unclear_column", 1, "rename the others"),
        b"mutant,other\nK2R,K2R\n",
    ),
    "two columns of measured variants": (
        *(("assay",), b"mutant,variant,score\nK2R,v1,1\n", "unclear_column", 1, "Say which column"),
        {"variant_column": "mutant"},
    ),
    "two columns of measurements": (
        *(("assay",), b"mutant,score,fitness\nK2R,1,2\n", "unclear_column", 1, "Say which column"),
        {"value_column": "fitness"},
    ),
    "two columns of numbers": (
        *(("assay",), b"mutant,x,y\nK2R,1,2\n", "unclear_column", 1, "Say which column", {"value_column": "y"}),
    ),
    "a column that does not exist": (
        *(("assay",), b"mutant,score\nK2R,1\n", "missing_column", 1, "Choose one of them", {"value_column": "Score "}),
    ),
    "two columns of one name": (
        *(("library",), b"name,sequence,Sequence\na,MKT,MKT\n", "duplicate_column", 1, "Rename all but one"),
        b"name,sequence,other\na,MKT,MKT\n",
    ),
    "thousands or decimals": (
        *(("assay", "columns"), b"name;mutant;score\na;K2R;1,234\nb;T3S;5\n", "bad_number", 2),
        *("with a decimal point", b"name;mutant;score\na;K2R;1.234\nb;T3S;5\n"),
    ),
    "thousands": (
        *(("assay", "columns"), b"name;mutant;score\na;K2R;1,234\nb;T3S;5\n", "bad_number", 2),
        *("thousands without a separator", b"name;mutant;score\na;K2R;1234\nb;T3S;5\n"),
    ),
    "points and commas": (
        *(("assay", "columns"), b"name;mutant;score\na;K2R;0.5\nb;T3S;0,7\n", "bad_number", 3),
        *("Write all of them with a decimal point", b"name;mutant;score\na;K2R;0.5\nb;T3S;0.7\n"),
    ),
    "a word": (
        *(("assay",), b"mutant,score\nK2R,1\nT3S,high\n", "bad_number", 3, "or leave the field empty"),
        b"mutant,score\nK2R,1\nT3S,\n",
    ),
    "nothing measured": (
        *(("assay",), b"mutant,score,x\nK2R,NA,1\n", "no_measurement", None, "another column", {"value_column": "x"}),
    ),
    "the wrong sheet": (
        *(ALL, BOOK, None, 1, "choose another sheet: Data", {"sheet": "Data"}),
    ),
    "a sheet of another name": (
        *(ALL, written([["name", "sequence", "mutant", "score"], ["a", "MKT", "K2R", 1]]), "no_such_sheet", None),
        *("Choose one of them", {"sheet": "Sheet1"}),
    ),
    "a damaged workbook": (
        *(ALL, by_hand(row(1, "name"))[:-40], "bad_workbook", None, "or send CSV", TABLE),
    ),
    "a row that does not end": (
        *(ALL, TABLE + b'"' + b"a\n" * 600_000, "row_too_long", 3, "a quotation mark that is not closed", TABLE),
    ),
    "an empty table": (
        *(("assay", "columns"), b"\n\n,,\n", "empty_file", None, "", b"name,mutant,DMS_score\na,K2R,1\n"),
    ),
}  # fmt: skip


ASKED = {"a sheet of another name": {"sheet": "Sheet9"}, "a column that does not exist": {"value_column": "fitness"}}
"""What the first request of a case asks for."""
