"""Files that are almost only faults, blanks or separators, and every reader of files that clients send."""

from __future__ import annotations

import gzip
import io
from dataclasses import replace

from jobs.errors import ServiceError
from jobs.maps.column_files import read_columns
from jobs.parsing import ItemRules, Reader, blocks_of, read_context
from jobs.parsing.recognition import HEAD, kind_of
from jobs.parsing.tables import workbook_table
from jobs.parsing.tables.library import table_records
from jobs.parsing.tally import InputTally, Tally
from jobs.parsing.upload import Upload
from jobs.science.alignments.reading import read_alignment
from jobs.science.contacts.chains import read_chains
from jobs.science.variants.numbering import SEQUENTIAL
from jobs.science.variants.numbering_files import numbering_of_file
from jobs.science.variants.rules import VariantRules
from jobs.variants.assay_files import read_assay
from tests.parsing.books import by_hand
from tests.parsing.reading import ENCODE

WIDE = b"c," * 60_000 + b"\n"
RECORD, TABLE = b">a\nMKT\n", b"name,sequence\na,MKT\n"
ASSAY, COLUMNS = b"mutant,score\nA1C,1\n", b"name,x\na,1\n"
ATOM = b"ATOM      1  CA  ALA A   1      11.104   6.134  -6.504  1.00  0.00           C\n"
LOOP, STOCKHOLM = b"data_x\nloop_\n_atom_site.id\n1\n", b"# STOCKHOLM 1.0\n"
CLUSTAL, PIR = b"CLUSTAL\n\n", b">P1;a\n\n"
UNIPROT = b"ID   A_B                     Reviewed;           3 AA.\n"
GENPEPT = b"LOCUS       A                  3 aa            linear   BCT 01-JAN-2020\nORIGIN\n"
SHEET = b'<row r="1"><c t="str"><v>name</v></c><c t="str"><v>sequence</v></c></row>'
MEMBER = gzip.compress(b"", mtime=0)

PLAIN = (b"\n", b"\r", b" ", b" \n", b",", b'"', b">", b">\n", b"A", b"1\n", WIDE)
"""Text that repeats and that begins like no file, or like a FASTA file."""
NOTATIONS = (b"A1C:", b"A1_", b"A1C-", b"p.", b"p.[", b"(", b"Ala1", b"del1", b"A1delins", b"a:", b"_", b"-", b"=")
"""Beginnings of variants, on one line or one on each."""
SHAPES: dict[str, tuple[tuple[bytes, bytes], ...]] = {
    "fasta": tuple((b"", unit) for unit in (*PLAIN, b">\n\n", b">\r", b">a\n1\n"))
    + tuple((RECORD, unit) for unit in (b"\n", b"\r", b" \n", b"A\n", b"A\r", b"1\n", b"*\n", b"1")),
    "aligned": tuple((RECORD, unit) for unit in (b"-\n", b"a-", b">a\n-\n", b">ss_pred\nA\n", b"A>b\n", b"A A\n")),
    "pir": tuple((b">P1;A\nt\n", unit) for unit in (*PLAIN, b"A*\n", b">P1;A\nt\nA*\n", b"C;\n")),
    "genpept": tuple((GENPEPT, unit) for unit in (*PLAIN, b"//\n", b"ORIGIN\n", b"      1 mkt\n", GENPEPT + b"//\n")),
    "uniprot_text": tuple(
        (b"ID   A_B\n", unit) for unit in (*PLAIN, b"//\n", b"     MKT\n", b"DE   x\n", b"ID   A\n//\n")
    ),
    "clustal": tuple((b"CLUSTAL W\n", unit) for unit in (*PLAIN, b"a A\n", b"a A\n\n", b" *\n", b"a A 1\n")),
    "stockholm": tuple((STOCKHOLM, unit) for unit in (*PLAIN, b"a A\n", b"//\n", b"a A\n//\n", b"#\n")),
    "numbered": tuple((b"1 MKT\n", unit) for unit in (*PLAIN, b"ORIGIN\n", b"//\n")),
    "pairs": tuple((b"a\tMKTAY\n", unit) for unit in (*PLAIN, b"a\tMKTAY\n", b"\t\n", b'"\n')),
    "kind": tuple(
        (head, unit) for head in (b"", b">", b"#", b"a,") for unit in (*PLAIN, b"MSF:", b"(,", b'a,"', b"1 A\n")
    ),
    "encoding": tuple((b"", unit) for unit in (b"\xff", b"\xff\n", b"\xef\xbb\xbf", b"\n\0\xff", b"\xc3\xa4\r"))
    + tuple((b"\xff\xfe", unit) for unit in (b"A\0", b"\n\0", b"\xe4\0")),
    "jsonl": tuple((b"", unit) for unit in (*PLAIN, b"{}\n", b"{\n", b"[", b'{"a":')),
    "csv": tuple((head, unit) for head in (b"", TABLE) for unit in (*PLAIN, b",\n", b"a,1\n", b'"\n', b'"a"b\n')),
    "plain": tuple((b"", unit) for unit in PLAIN),
    "score set": tuple((b"hgvs_pro,score\n", unit + b"\n") for unit in NOTATIONS),
    "variants": tuple(
        (b"", unit) for unit in (*PLAIN, b"A1C\n", b"C1A\n", *NOTATIONS, *(unit + b"\n" for unit in NOTATIONS))
    ),
    "alignment": tuple((b"", unit) for unit in (*PLAIN, b"#\n", b"\0", b"\0\n"))
    + tuple(
        (RECORD, unit)
        for unit in (b"\n", b" \n", b"A\n", b"A \n", b"1\n", b"*", b"*-", b"_", b"a", b"#\n", b"\0", b"\0\n")
    )
    + tuple((RECORD, unit) for unit in (RECORD, b"\0" + RECORD, b">ss_pred\n1\n", b">b\nmkt\n", b">b\nMK*\n"))
    + tuple((STOCKHOLM, unit) for unit in (b"\n", b"#\n", b"a A\n", b"a A\n\n", b"a A\nb A\n", b"a 1\n"))
    + tuple((CLUSTAL, unit) for unit in (b"\n", b"*\n", b"a A\n", b"a A\n\n", b"a A\nb A 1\n", b"a 1\n", b"CLUSTAL"))
    + tuple((PIR, unit) for unit in (b"\n", b"A\n", b"A", b"1\n", b"*\n", b"*\nC;\n", b"A*\n" + PIR)),
    "assay": tuple((head, unit) for head in (b"", ASSAY) for unit in (*PLAIN, b",\n", b'"\n', b"A1C,x\n")),
    "columns": tuple((head, unit) for head in (b"", COLUMNS) for unit in (*PLAIN, b",\n", b'"\n', b"c,1\n")),
    "structure": tuple((head, unit) for head in (b"", ATOM, LOOP) for unit in (*PLAIN, ATOM, b";\n", b"'a'\n")),
    "tables": tuple(
        (head, unit)
        for head in (b"", b"sep=;\n", b"Title\n", TABLE, b",name,sequence,,\n")
        for unit in (
            b"# a\n",
            b"#\n",
            b"\xef\xbb\xbf\n",
            b"x\n",
            b"0,a,MKT,,\n",
            b"0,1,2\n",
            b"0,53\n",
            b'"#,',
            b"sep=;\n",
        )
    ),
    "workbook": tuple(
        (head, unit)
        for head in (b"", SHEET)
        for unit in (
            b"<row><c><v>1</v></c></row>",
            b'<row><c r="XFD1"><v>1</v></c></row>',
            b'<row><c t="inlineStr"><is><t>a</t></is></c></row>',
            b'<row><c t="s"><v>0</v></c><c t="s"><v>1</v></c></row>',
            b"<row><c><f>1",
            b"<c>",
            b"<c/>",
            b"<row/>",
            b"<x>",
            b"&#65;",
            b"a",
        )
    ),
    "texts": tuple((b"", unit) for unit in (b"<si/>", b"<si><t>a</t></si>", b"<t>a</t>", b"<rPh>", b"<x>", b"&#65;")),
    "gzip": ((MEMBER, b"\0"), (b"", MEMBER)),
    "json": tuple(
        (head, unit)
        for head in (b"[", b'{"items": [')
        for unit in (*PLAIN, b"[", b"{}", b"{},", b'{"sequence": "M"},', b'"a",', b"1,", b'{"a":')
    ),
    "contexts": tuple(
        (head, unit)
        for head in (b"", b"[", RECORD)
        for unit in (*PLAIN, RECORD, b'"M",', b'"M1",', b"a-\n", b">b\n1\n")
    ),
    "head": tuple((b"", unit) for unit in (b"#\n", b"# x\n", b"# x", b"; x\r\n", b"#\n \n", b'{"a":', b" \n"))
    + tuple((b"# x\n", unit) for unit in PLAIN),
    "numbering": tuple(
        (head, unit)
        for head in (b"", b"1-", b"number\n", b"number,residue\n")
        for unit in (*PLAIN, b"1 ", b"1,", b"1-2,", b"-1 ", b"1-", b"52A,", b"1,A\n", b"1\n", b"- ", b"\xe2\x80\x93")
    ),
}
"""For each reader, the beginning of a file and what repeats after it."""

CASES = [(reader, head, unit) for reader, shapes in SHAPES.items() for head, unit in shapes]
NAMES = [f"{reader}-{head[:6]!r}-{unit[:6]!r}" for reader, head, unit in CASES]


def filled(head: bytes, unit: bytes, size: int) -> bytes:
    return (head + unit * (size // len(unit) + 1))[:size]


def read(reader: str, data: bytes, on_invalid: str = "reject") -> ServiceError | None:
    """Read a file to its end, as the service does, and return the refusal if there is one."""
    try:
        if reader == "alignment":
            read_alignment(data)
        elif reader == "assay":
            read_assay(io.BytesIO(data))
        elif reader == "columns":
            read_columns(data, ["a", "b"])
        elif reader == "contexts":
            read_context(data, ENCODE)
        elif reader == "head":
            Upload(io.BytesIO(data))
        elif reader == "numbering":
            numbering_of_file(data, "ACDEFGHIKL")
        elif reader == "structure":
            read_chains(data)
        elif reader == "tables":
            read_library("csv", data, on_invalid)
        elif reader in ("workbook", "texts"):
            read_workbook(reader, data.decode())
        elif reader == "kind":
            kind_of(data[:HEAD])
        elif reader in ("gzip", "encoding"):
            for _ in blocks_of(io.BytesIO(data)):
                pass
        elif reader in {"variants", "score set"}:
            rules = replace(ENCODE, variants=VariantRules("ACDEFGHIKL", SEQUENTIAL))
            read_library("plain" if reader == "variants" else "csv", data, on_invalid, rules)
        else:
            read_library(reader, data, on_invalid)
    except ServiceError as refusal:
        return refusal
    return None


def read_workbook(part: str, xml: str) -> None:
    """Read a workbook with this XML in its sheet, or in its shared texts."""
    book = by_hand(xml) if part == "workbook" else by_hand("", {"xl/sharedStrings.xml": f"<sst>{xml}</sst>"})
    for _ in table_records(workbook_table([book]), ENCODE, Tally(), ()):
        pass


def read_library(format: str, data: bytes, on_invalid: str = "reject", rules: ItemRules = ENCODE) -> InputTally:
    tally = InputTally(on_invalid, "nothing was queued")
    for record in Reader(blocks_of(io.BytesIO(data)), format, rules):
        tally.note(record)
        tally.check_room()
    tally.check()
    return tally
