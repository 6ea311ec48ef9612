"""Refusals of files and tables, and what comes of each if its remedy is followed."""

from __future__ import annotations

import gzip
from functools import partial

from jobs.maps import column_files
from jobs.parsing import flatfiles, interleaved, tally, upload
from jobs.parsing.workbooks import package
from tests.parsing import foreign
from tests.parsing.books import written
from tests.parsing.remedies.readers import Case, case_in

CASES: list[Case] = []
case = partial(case_in, CASES)

# Files of libraries
case("empty_file", "library", "\n\n", "at least one", ">a\nMKT\n")
case(
    "unknown_format",
    "library",
    "the protein, as in the paper!\nMKTAYI\n",
    "Put a line '>name' before each sequence",
    ">name\nMKTAYI\n",
)
case(
    "not_fasta",
    "library",
    "MKT\n>a\nMK\n",
    "Put a line '>name' before it, or remove it",
    ">name\nMKT\n>a\nMK\n",
    ">a\nMK\n",
)
case("not_fasta", "library", ";a one\nMKT\n", "'>' instead of ';'", ">a one\nMKT\n")
case("not_fasta", "library", "  >a\nMKT\n", "Remove the blanks", ">a\nMKT\n")
case(
    "bare_lines",
    "library",
    "MKT\nMKA\n",
    "'>name' before each sequence, or say what",
    ">a\nMKT\n>b\nMKA\n",
    {"layout": "join"},
    {"layout": "lines"},
)
case(
    "wrong_line_numbers", "library", "1 MKTAYI\n9 AKQ\n", "Paste all lines", "1 MKTAYI\n7 AKQ\n", ">name\nMKTAYI\nAKQ\n"
)
case(
    "unclear_column",
    "library",
    "MKTAY\tMKTAI\nMKTAV\tMKTAL\n",
    "Begin with a line that names them",
    "name\tsequence\nMKTAY\tMKTAI\nMKTAV\tMKTAL\n",
)
case(
    "wrong_field_count",
    "library",
    "a\tMKTAYI\nb\tMKTAYA\nc\nd\tMKTAYV\n",
    "Write a name and a sequence",
    "a\tMKTAYI\nb\tMKTAYA\nc\tMKTAYV\nd\tMKTAYV\n",
)
GENPEPT = (foreign.FIELD / "other-formats/protein.gp").read_bytes()
case(
    "bad_record",
    "library",
    GENPEPT.replace(b"LOCUS       ABC12345                  22 aa", b"LOCUS       ABC12345                  99 aa"),
    "a part is missing",
    GENPEPT,
)
case(
    "bad_record",
    "library",
    ">P1;a\ntitle without its end\nMKT\n",
    "or send it as FASTA",
    ">a title without its end\nMKT\n",
)
case(
    "nucleotides",
    "library",
    ">P1;a\ntitle\nMKT*\n>DL;b\ntitle\nACGT*\n",
    "Translate it to protein, or leave it out",
    ">P1;a\ntitle\nMKT*\n>P1;b\ntitle\nT*\n",
    ">P1;a\ntitle\nMKT*\n",
)
case(
    "record_too_long",
    "library",
    ">P1;a\ntitle\nMKT\nMKT\n",
    "its end is missing",
    ">P1;a\ntitle\nMKT*\n",
    limit=(flatfiles, "MAX_RECORD", 18),
)
case("invalid_utf8", "library", b">a \x81\nMKT\n", "", ">a \x81\nMKT\n")
case("utf_16", "library", ">a\nMKT\n".encode("utf-16") + b"\x00", "", ">a\nMKT\n")
case(
    "line_too_long",
    "library",
    b">a\n" + b"M" * (2 << 20),
    "Wrap the sequence into lines",
    b">a\n" + b"MKTAYIAKQR\n" * 100,
)
PACKED = gzip.compress(b">a\nMKT\n")
case("truncated_gzip", "library", PACKED[:-6], "Send it again", PACKED)
case(
    "bad_gzip",
    "library",
    PACKED[:-8] + b"\x01" * 8,
    "Pack the file again with gzip, or send it unpacked",
    PACKED,
    gzip.decompress(PACKED),
)
case("bad_gzip", "library", PACKED + bytes(70_000), "Pack the file again", PACKED)
BOMB = gzip.compress(b">a\nMKT\n" + b"\n" * 100_000)
case("gzip_ratio", "library", BOMB, "Send it unpacked", gzip.decompress(BOMB), limit=(upload, "GZIP_RATIO_FROM", 1000))

# Columns and measurements
case("no_rows", "columns", "name,x\n", "Add a row for each item", "name,x\na,1\n")
case("no_values", "columns", "name\na\n", "Add a column with a value", "name,x\na,1\n")
case(
    "nothing_matches", "columns", "name,x\nq,1\n", "or a column index counted from 0", "name,x\na,1\n", "index,x\n0,1\n"
)
case("bad_index", "columns", "index,x\nfirst,1\n", "Give whole numbers", "index,x\n0,1\n", "name,x\na,1\n")
case(
    "not_a_number",
    "columns",
    "name,x\na,high\n",
    "or make the column categorical",
    "name,x\na,\n",
    {"kinds": {"x": "categorical"}},
    kinds={"x": "numeric"},
)
case(
    "bad_kinds",
    "columns",
    "name,x\na,1\n",
    "Name columns of the file",
    {"kinds": {"x": "numeric"}},
    {"kinds": {"x": "categorical"}},
    kinds={"y": "numeric"},
)
case(
    "bad_column_name",
    "columns",
    f"name,{'x' * 101}\na,1\n",
    "1 to 100 printable characters",
    f"name,{'x' * 100}\na,1\n",
)
case("duplicate_column", "columns", "name,x,x\na,1,2\n", "Rename one", "name,x,y\na,1,2\n")
WIDE = "name," + ",".join(f"c{n}" for n in range(51)) + "\na" + ",1" * 51 + "\n"
case("too_many_columns", "columns", WIDE, "Keep at most 50", WIDE.replace(",c50", "").replace(",1\n", "\n"))
case(
    "too_many_rows",
    "columns",
    "name,x\na,1\nb,2\nc,3\n",
    "Send fewer",
    "name,x\na,1\nb,2\n",
    limit=(column_files, "MAX_ROWS", 2),
)
case(
    "too_many_categories",
    "columns",
    "name,x\na,v\nb,w\n",
    "or leave the column out",
    "name,y\na,1\n",
    limit=(column_files, "MAX_CATEGORIES", 0),
)

# Limits of files, and what follows from all records
case(
    "upload_too_large",
    "library",
    ">a\nMKT\n>b\nMKT\n",
    "Split it into several files",
    ">a\nMKT\n",
    ">b\nMKT\n",
    max_bytes=10,
)
case(
    "upload_too_large",
    "library",
    "CLUSTAL W\n\na MK-TAY\nb MKATAY\n",
    "as FASTA, unaligned",
    ">a\nMKTAY\n>b\nMKATAY\n",
    limit=(interleaved, "MAX_CHARACTERS", 10),
)
BOOK = written([["name", "sequence"], ["a", "MKT"]])
case(
    "workbook_too_large",
    "library",
    BOOK,
    "Send the sheet as CSV",
    "name,sequence\na,MKT\n",
    limit=(package, "MAX_WORKBOOK_PARTS", 2),
)
case(
    "too_many_bad_records",
    "library",
    ">a\nMKT\n" + ">b\nMJT\n" * 3,
    "or send the good records only",
    ">a\nMKT\n",
    limit=(tally, "MAX_BAD_RECORDS", 2),
)
case(
    "too_many_items",
    "library",
    ">a\nMKT\n>b\nMKT\n",
    "Send it as several jobs",
    ">a\nMKT\n",
    ">b\nMKT\n",
    limit=(tally, "MAX_ITEMS", 1),
)
case(
    "context_file_too_large", "context file", ">a\nMKTA\n", "fewer", ">a\nMKT\n", limit=(upload, "MAX_CONTEXT_FILE", 7)
)
case("bad_layout", "reading", '{"layout": "joined"}', "Choose join", '{"layout": "join"}', '{"layout": "lines"}', "{}")
