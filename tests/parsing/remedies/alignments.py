"""Refusals of alignments and parents, and what comes of each if its remedy is followed."""

from __future__ import annotations

from functools import partial

from jobs.science.alignments import rows
from tests.parsing import foreign
from tests.parsing.remedies.readers import Case, case_in

CASES: list[Case] = []
case = partial(case_in, CASES)

# Alignments
case("not_alignment", "alignment", "MKT\nMKA\n", "each record begins with '>'", *foreign.WANTED["alignment"])
case("empty_alignment", "alignment", "# STOCKHOLM 1.0\n//\n", "Send A3M", foreign.ALIGNED)
case("empty_alignment", "alignment", ">ss_pred\nCCC\n", "rename it", ">pred\nCCC\n")
case("unequal_rows", "alignment", ">a\nMKTA\n>b\nMKT\n", "Align the rows", ">a\nMKTA\n>b\nMKT-\n")
case("unequal_rows", "alignment", ">a\nMKTA\n>b\nMKTAA\n", "insertions are lower case", ">a\nMKTA\n>b\nMKTAa\n")
case(
    "empty_row",
    "alignment",
    ">a\nMKTA\n>b\n>c\nMK-A\n",
    "Remove the row, or have such rows skipped",
    ">a\nMKTA\n>c\nMK-A\n",
    {"skip_empty": True},
)
case("empty_row", "alignment", ">a\n----\n>c\nMK-A\n", "the first one must be a sequence", ">c\nMK-A\n")
case(
    "query_insertions",
    "alignment",
    ">a\nmkta\n>b\nMK\n>c\nMT\n",
    "in capitals, and align",
    ">a\nMKTA\n>b\nMK--\n>c\nMT--\n",
)
case(
    "first_row_not_parent",
    "alignment",
    ">a\nMKTA\n>b\nMKAA\n",
    "Put the parent first, or have it added",
    ">b\nMKAA\n>a\nMKTA\n",
    {"parent": "MKAA", "add_parent": True},
    parent="MKAA",
)
case(
    "parent_not_alignable",
    "alignment",
    ">a\nMKTA\n>b\nMKAA\n",
    "with this parent as the query",
    ">q\nWWWWW\n>b\nMKAA-\n",
    parent="WWWWW",
    add_parent=True,
)
case(
    "several_alignments",
    "alignment",
    "# STOCKHOLM 1.0\na MKT\n//\n# STOCKHOLM 1.0\nb MKT\n//\n",
    "a file of its own",
    "# STOCKHOLM 1.0\na MKT\n//\n",
    "# STOCKHOLM 1.0\nb MKT\n//\n",
)
case(
    "several_alignments",
    "alignment",
    b">101\nMKT\n\0>102\nMKTA\n",
    "NUL bytes separate them",
    b">101\nMKT\n",
    b">102\nMKTA\n",
)
case(
    "unfinished_alignment",
    "alignment",
    "# STOCKHOLM 1.0\na MKT\n",
    "it ends with a line '//'",
    "# STOCKHOLM 1.0\na MKT\n//\n",
)
case(
    "unfinished_alignment",
    "alignment",
    ">P1;a\ntitle\nMKT\n",
    "Put '*' after the sequence",
    ">P1;a\ntitle\nMKT*\n",
    ">a\nMKT\n",
)
case(
    "bad_line",
    "alignment",
    "CLUSTAL W\n\na MKT AYI\nb MKTAYI\n",
    "and use no other blanks",
    "CLUSTAL W\n\na MKTAYI\nb MKTAYI\n",
)
case(
    "bad_line",
    "alignment",
    ">P1;a\n" + "MKTAYIAKQR" * 4 + "*\n",
    "a title, or a blank one",
    ">P1;a\ntitle\n" + "MKTAYIAKQR" * 4 + "*\n",
    ">P1;a\n\n" + "MKTAYIAKQR" * 4 + "*\n",
)
case(
    "bad_line", "alignment", ">P1;a\ntitle\nMKT* more\n", "Begin a new line after the '*'", ">P1;a\ntitle\nMKT*\nmore\n"
)
case(
    "bad_letter",
    "alignment",
    ">a\nMKT\n>b\nM*T\n",
    "Write a gap or X instead",
    ">a\nMKT\n>b\nM-T\n",
    ">a\nMKT\n>b\nMXT\n",
)
case("bad_letter", "alignment", ">a\nMK/T\n>b\nMKAT\n", "Send one chain", ">a\nMK\n>b\nMK\n")
case(
    "control_character",
    "alignment",
    b">a\nMK\0T\n",
    "or put a line '>name' after it",
    b">a\nMKT\n",
    b">a\nMK\0>name\nTT\n",
)
case("control_character", "alignment", b">a\nMK\x02T\n", "Remove this control character", b">a\nMKT\n")
case("header_too_long", "alignment", ">" + "a" * 5000 + "\nMKT\n", "Shorten it", ">" + "a" * 4096 + "\nMKT\n")
case(
    "words",
    "alignment",
    ">a kinase\nOS Homo sapiens\nMKT\n",
    "Join a wrapped header",
    ">a kinase OS Homo sapiens\nMKT\n",
)
case("too_many_rows", "alignment", ">a\nMKT\n" * 4, "Filter it", ">a\nMKT\n" * 3, limit=(rows, "MAX_ROWS", 3))
case(
    "too_many_lines",
    "alignment",
    ">P1;a\nt\nMK\nTA\n*\n",
    "Write each row on one line",
    ">P1;a\nt\nMKTA*\n",
    limit=(rows, "MAX_LINES", 4),
)
case("several_parents", "parent", foreign.FASTA, "Send the parent alone", ">a\nMKT\n", "MKT")
case("wrong_type", "field", "perhaps", "Give true or false", "true", "false")
