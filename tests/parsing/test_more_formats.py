"""Formats of databases and of alignments, handed in as a library."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from Bio import AlignIO, SeqIO
from Bio.Align import MultipleSeqAlignment
from Bio.Seq import Seq
from Bio.SeqRecord import SeqRecord
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.errors import InvalidInput, TooLarge
from jobs.parsing import BadRecord, Reader, Record, flatfiles, interleaved, open_reader
from jobs.parsing.asked import Reading
from jobs.parsing.letters import GAPS
from jobs.parsing.looks import GAP_MARKS
from jobs.science.variants.numbering import SEQUENTIAL
from jobs.science.variants.rules import VariantRules
from tests.parsing.reading import ENCODE

GENPEPT = b"""LOCUS       ABC12345                  22 aa            linear   BCT 01-JAN-2020
DEFINITION  invented protein
            of two lines.
ACCESSION   ABC12345
VERSION     ABC12345.2
FEATURES             Location/Qualifiers
     Protein         1..22
                     /product="invented"
ORIGIN
        1 mktayiakqr qisfvkshfs rq
//
"""
UNIPROT = b"""ID   BLAT_ECOLX              Reviewed;          22 AA.
AC   P62593; P00810;
DT   21-JUL-1986, integrated into UniProtKB/Swiss-Prot.
DT   21-JUL-1986, sequence version 1.
DT   27-NOV-2024, entry version 177.
DE   RecName: Full=Beta-lactamase TEM;
OS   Escherichia coli.
OX   NCBI_TaxID=562;
SQ   SEQUENCE   22 AA;  2500 MW;  0123456789ABCDEF CRC64;
     MKTAYIAKQR QISFVKSHFS RQ
//
"""
SEQUENCE = "MKTAYIAKQRQISFVKSHFSRQ"


def opened(data, name="", **options):
    return open_reader(io.BytesIO(data), options.pop("rules", ENCODE), filename=name, **options)


def refusal(data, name="", **options):
    with pytest.raises(InvalidInput) as caught:
        list(opened(data, name, **options))
    return caught.value


# --- records of databases -------------------------------------------------------------------------


def test_pir_has_names_without_the_type_and_titles_as_descriptions():
    data = (
        b"\n>P1;CRAB_TEST\nalpha crystallin B chain\n MDITIHNPLI RRPLFSWLAP\n DQ*\n\n>F1;HBA\n\nmvls*\nC;Accession: X\n"
    )
    reader = opened(data, "two.pir")
    assert list(reader) == [
        Record(0, "CRAB_TEST", "CRAB_TEST alpha crystallin B chain", 2, "MDITIHNPLIRRPLFSWLAPDQ", None),
        Record(1, "HBA", "HBA", 7, "MVLS", None),
    ]
    assert reader.cleaning["lower_case"] == 1


def test_a_record_of_pir_without_its_end_is_no_record_and_the_others_are_read():
    bad, nucleotides, good = opened(b">P1;A\nMKTAYI\nMKTAYI\n>DL;B\ntitle\nACGT*\n>P1;C\ntitle\nMKT*\n")
    assert [(p.code, p.line, p.record) for p in bad.problems] == [("bad_record", 1, "A")]
    assert [(p.code, p.line, p.record) for p in nucleotides.problems] == [("nucleotides", 4, "B")]
    assert (good.name, good.sequence, good.line) == ("C", "MKT", 7)


def test_a_wrong_letter_of_pir_has_its_place():
    (bad,) = opened(b">P1;A\ntitle\nMKTJYI*\n")
    assert [(p.code, p.line, p.record) for p in bad.problems] == [("bad_letter", 1, "A")]
    assert "'J' at position 4" in bad.problems[0].message


def test_genpept_is_named_by_accession_and_version():
    reader = opened(GENPEPT + b"\n" + GENPEPT.replace(b"ABC12345", b"XYZ"), "protein.txt")
    assert [(r.name, r.header, r.line, r.sequence) for r in reader] == [
        ("ABC12345.2", "ABC12345.2 ABC12345 invented protein of two lines", 1, SEQUENCE),
        ("XYZ.2", "XYZ.2 XYZ invented protein of two lines", 13, SEQUENCE),
    ]


def test_uniprot_text_is_named_by_accession():
    (record,) = opened(UNIPROT, "P62593.txt")
    assert (record.name, record.sequence) == ("P62593", SEQUENCE)
    assert "BLAT_ECOLX" in record.header
    assert "Beta-lactamase TEM" in record.header


@pytest.mark.parametrize(
    ("damage", "code"),
    [
        ((b"ORIGIN\n        1 mktayiakqr qisfvkshfs rq\n", b""), "bad_record"),
        ((b"qisfvkshfs", b"qisf-kshfs"), "bad_letter"),
        ((b"qisfvkshfs rq", b"qisfvkshfs"), "bad_record"),
        ((b"22 aa            linear", b"66 bp    DNA     linear"), "nucleotides"),
    ],
)
def test_a_damaged_record_is_named_and_the_others_are_read(damage, code):
    good, bad, last = opened(GENPEPT + GENPEPT.replace(*damage) + GENPEPT)
    assert [p.code for p in bad.problems] == [code]
    assert bad.name.startswith("ABC12345")
    assert (bad.line, bad.problems[0].line) == (12, 12)
    assert isinstance(good, Record)
    assert isinstance(last, Record)


def test_a_record_that_never_ends_is_refused(monkeypatch):
    monkeypatch.setattr(flatfiles, "MAX_RECORD", 1000)
    error = refusal(GENPEPT.replace(b"ORIGIN\n", b"COMMENT     x\n" * 100))
    assert (error.code, error.problems[0].line) == ("record_too_long", 1)


def test_a_record_of_uniprot_that_was_cut_is_refused():
    (bad,) = opened(UNIPROT.replace(b" RQ\n", b"\n"))
    assert "announces 22 residues, and has 20" in bad.problems[0].message


def test_full_sequences_of_variants_are_read_from_every_format(variant_rules):
    for data in (GENPEPT, UNIPROT, f">P1;A\ntitle\n{SEQUENCE}*\n".encode()):
        (record,) = opened(data, rules=variant_rules)
        assert isinstance(record, Record), data


@pytest.fixture
def variant_rules():
    return replace(ENCODE, variants=VariantRules(SEQUENCE, SEQUENTIAL))


# --- alignments -----------------------------------------------------------------------------------

A3M = b"#6\t1\n>ss_pred\nCCHHHC\n>query one\nMKTAYI\n>hom1\nM-TaaAY.I\n\0>query_consensus\nMKTAYI\n>hom2\nMKT-YI*\n\0"


def test_rows_of_a3m_lose_their_gaps_and_annotations_are_left_out():
    reader = opened(A3M, "x.a3m")
    assert [(r.index, r.name, r.sequence, r.line) for r in reader] == [
        (0, "query", "MKTAYI", 4),
        (1, "hom1", "MTAAAYI", 6),
        (2, "hom2", "MKTYI", 10),
    ]
    assert {what: count for what, count in reader.cleaning.items() if count} == {
        "gaps": 2,
        "lower_case": 1,
        "trailing_star": 1,
    }
    codes = {warning.code: warning for warning in reader.warnings()}
    assert set(codes) == {"comment_lines", "annotation_rows"}
    assert codes["annotation_rows"].message == (
        "2 rows that annotate the alignment were left out (first: ss_pred, line 2)"
    )


def test_a_gap_in_unaligned_fasta_is_a_fault():
    bad, *_ = opened(b">a\nMK-TAY\n>b\nMKTAYWWW\n>c\nMK\n", "x.fasta")
    assert [(p.code, p.column) for p in bad.problems] == [("bad_letter", 3)]


CLUSTAL = b"""CLUSTAL O(1.2.4) multiple sequence alignment


seqA      MKTAYIAKQR 10
seqB      MKTAYIAK-- 8
          ********

seqA      QISFVK 16
seqB      QI-FVK 13
          ** ***
"""
STOCKHOLM = b"""# STOCKHOLM 1.0
#=GF ID x
seqA/1-16 MKTAYIAKQR
seqB      MKTAYIAK..
#=GC SS_cons ..........

seqA/1-16 QISFVK
seqB      QI~FVk
//
"""


def test_clustal_and_stockholm_lose_their_gaps_and_keep_the_lines_of_their_rows():
    for data, first in ((CLUSTAL, 4), (STOCKHOLM, 3)):
        reader = opened(data)
        records = list(reader)
        assert [r.sequence for r in records] == ["MKTAYIAKQRQISFVK", "MKTAYIAKQIFVK"]
        assert [r.line for r in records] == [first, first + 1]
        assert reader.cleaning["gaps"] == 1
    assert records[0].name == "seqA/1-16"


def test_several_alignments_of_one_stockholm_file_are_one_library():
    assert [r.index for r in opened(STOCKHOLM + STOCKHOLM)] == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("data", "code", "line"),
    [
        (CLUSTAL.replace(b"10\n", b"10 more\n"), "bad_line", 4),
        (CLUSTAL.replace(b"QISFVK 16", b"QISFVK x"), "bad_line", 8),
        (STOCKHOLM.replace(b"seqB      MKT", b"seqB x    MKT"), "bad_line", 4),
        (STOCKHOLM.replace(b"//\n", b""), "unfinished_alignment", None),
    ],
)
def test_faults_of_alignments(data, code, line):
    error = refusal(data)
    assert (error.code, error.problems[0].line) == (code, line)


@pytest.mark.parametrize("data", [CLUSTAL, STOCKHOLM])
def test_alignments_are_bounded(monkeypatch, data):
    monkeypatch.setattr(interleaved, "MAX_CHARACTERS", 30)
    with pytest.raises(TooLarge):
        list(opened(data))


ROWS = st.integers(1, 150).flatmap(
    lambda width: st.lists(
        st.text(alphabet="ACDEFGHIKLMNPQRSTVWY-", min_size=width, max_size=width), min_size=1, max_size=6
    )
)


@given(ROWS, st.sampled_from(["clustal", "stockholm"]))
@settings(deadline=None, max_examples=60)
def test_what_biopython_writes_is_read(rows, format):
    named = [SeqRecord(Seq(row), id=f"seq{at}") for at, row in enumerate(rows)]
    text = io.StringIO()
    AlignIO.write([MultipleSeqAlignment(named)], text, format)
    lines = list(enumerate(text.getvalue().splitlines(), start=1))
    read = interleaved.clustal_rows(lines) if format == "clustal" else next(interleaved.stockholm_alignments(lines))
    assert [(row.name, row.text) for row in read] == [(one.id, str(one.seq)) for one in named]
    assert [lines[row.line - 1][1].split()[0] for row in read] == [row.name for row in read]


PROTEINS = st.lists(st.text(alphabet="ACDEFGHIKLMNPQRSTVWY", min_size=1, max_size=150), min_size=1, max_size=5)


@given(PROTEINS, st.sampled_from(["pir", "genbank"]))
@settings(deadline=None, max_examples=60)
def test_records_that_biopython_writes_are_read(sequences, format):
    named = [
        SeqRecord(Seq(one), id=f"P{at}", description=f"protein {at}", annotations={"molecule_type": "protein"})
        for at, one in enumerate(sequences)
    ]
    text = io.StringIO()
    SeqIO.write(named, text, format)
    records = list(opened(text.getvalue().encode()))
    assert [(r.name, r.sequence) for r in records] == [(one.id, str(one.seq)) for one in named]
    assert all("protein" in r.header for r in records)
    lines = text.getvalue().splitlines()
    assert all(lines[r.line - 1].startswith((">", "LOCUS")) for r in records)


# --- text without headers -------------------------------------------------------------------------


def test_several_bare_lines_are_refused_with_offers_that_work():
    data = b"MKTAYIAKQR\n\nqisfvkshfs\n"
    problem = refusal(data).problems[0]
    assert (problem.code, problem.line) == ("bare_lines", 3)
    offers = problem.as_dict()["offers"]
    assert [(offer["field"], offer["value"]) for offer in offers] == [("layout", "join"), ("layout", "lines")]
    assert [r.sequence for r in opened(data, reading=Reading("join"))] == ["MKTAYIAKQRQISFVKSHFS"]
    assert [(r.name, r.sequence, r.line) for r in opened(data, reading=Reading("lines"))] == [
        ("record_1", "MKTAYIAKQR", 1),
        ("record_2", "QISFVKSHFS", 3),
    ]


def test_lines_before_the_first_header_are_refused_with_a_remedy_that_works():
    error = refusal(b"MKTAYI\n>b\nMKT\n", "x.fasta")
    assert (error.code, error.problems[0].line) == ("not_fasta", 1)
    assert len(list(opened(b">name\nMKTAYI\n>b\nMKT\n", "x.fasta"))) == 2


GENBANK_BLOCKS = b"""        1 mktayiakqr qisfvkshfs rqmktayiak qrqisfvksh fsrqmktayi akqrqisfvk
       61 shfsrqmkta yiakqrqisf
"""
UNIPROT_BLOCKS = b"""        10         20
MKTAYIAKQR QISFVKSHFS
"""


def test_numbered_lines_are_one_sequence_and_that_is_counted():
    for data in (GENBANK_BLOCKS, b"ORIGIN\n" + GENBANK_BLOCKS + b"//\n"):
        reader = opened(data)
        (record,) = reader
        assert (record.sequence, record.name) == ((SEQUENCE * 4)[:80], "record_1")
        assert reader.cleaning["numbers"] == 1
    (record,) = opened(b"     MKTAYIAKQR QISFVKSHFS        20\n     RQ        22\n")
    assert record.sequence == SEQUENCE


def test_numbers_that_do_not_count_the_residues_are_a_fault_and_the_remedies_work():
    data = GENBANK_BLOCKS.replace(b"61", b"71")
    error = refusal(data)
    assert (error.code, error.problems[0].line) == ("wrong_line_numbers", 2)
    without = data.replace(b"71", b"").replace(b" 1 ", b"")
    assert [len(r.sequence) for r in opened(b">name\n" + without)] == [80]


def test_names_and_sequences_of_a_spreadsheet_are_read_and_said():
    data = (
        "TEM-1\tMKTAYIAKQR\nSHV-1\tmktayiakqw\n\nbéta\tMKTAYIAKQ1\n".encode()
        + b"".join(b"a%d\tMKTAYI\n" % n for n in range(6))
        + b"x\n"
    )
    reader = opened(data)
    records = list(reader)
    assert [(r.name, r.sequence, r.line) for r in records[:2]] == [
        ("TEM-1", "MKTAYIAKQR", 1),
        ("SHV-1", "MKTAYIAKQW", 2),
    ]
    assert [(r.line, r.problems[0].code) for r in records[2:] if isinstance(r, BadRecord)] == [
        (4, "bad_letter"),
        (11, "wrong_field_count"),
    ]
    (warning,) = reader.warnings()
    assert (warning.code, "first column was read as names" in warning.message) == ("no_header", True)


def test_the_longer_column_is_that_of_the_sequences():
    assert [(r.name, r.sequence) for r in opened(b"MKTAYIAKQR\tHAEMO\nMKTAYIAKQW\tMYOGLO\n")] == [
        ("HAEMO", "MKTAYIAKQR"),
        ("MYOGLO", "MKTAYIAKQW"),
    ]


def test_two_columns_that_may_both_be_sequences_are_refused_and_the_remedy_works():
    assert refusal(b"MKTAY\tMKTAW\n").code == "unclear_column"
    assert [r.name for r in opened(b"name\tsequence\nMKTAY\tMKTAW\n")] == ["MKTAY"]


@pytest.mark.parametrize("text", ["beta lactamase TEM of Escherichia", "Homo sapiens kinase"])
def test_words_are_no_sequence(text):
    (bad,) = opened(text.encode())
    assert [(p.code, p.line, p.column) for p in bad.problems] == [("words", 1, 1)]
    assert text in bad.problems[0].message


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("P62593", "accession"),
        (">x\nP62593\n", "accession"),
        ("name,sequence\nx,A0A024RBG1-2\n", "accession"),
        ('{"sequence": "blat_ecolx"}', "accession"),
        ("WP_000027057.1", "accession"),
        ("UPI0000000001", "accession"),
        ("AAA12345.1", "accession"),
        ("1BTL", "accession"),
        ("MKTA1", "bad_letter"),
    ],
)
def test_an_accession_is_said_to_be_one(text, code):
    (bad,) = opened(text.encode())
    assert [p.code for p in bad.problems][:1] == [code]
    if code == "accession":
        assert "not a sequence" in bad.problems[0].message
        assert "Paste the sequence" in bad.problems[0].remedy


# --- wrapped headers ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("kinase OS Homo sapiens\nMKTAYIAKQRQISFVKSHFSRQ", True),
        ("KINASE OS HOMO\nMKTAYIAKQRQISFVKSHFSRQ", True),
        ("protein kinase\nMKTAYIAKQRQISFVKSHFSRQ", True),
        ("\n kinase OS Homo\nsapiens strain\nMKTAYIAKQRQISFVKSHFSRQ", True),
        ("kinase OS Homo sapiens\nMKTAY IAKQRQ", True),
        ("MDITIHNPLI RRPLFSWLAP\nDQIF*", False),
        ("MDITIHNPLI RRPLFSWLAP\n\nDQIF", False),
        ("mditihnpli rrplfswlap\nDQIFDQIFDQ D", False),
        ("M K T A Y\nI", False),
        ("MKT\nAY IAKQRQ", False),
    ],
)
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_words_before_the_sequence_are_a_wrapped_header(body, words, end):
    text = f">a\n{body}\n>b\nMKT\n".replace("\n", end).encode()
    first, second = Reader([text], "fasta", ENCODE)
    assert isinstance(second, Record)
    if not words:
        assert first.sequence == "".join(body.upper().replace("*", "").split())
        return
    (problem,) = first.problems
    line = 3 if body.startswith("\n") else 2
    assert (problem.code, problem.line, problem.column) == ("words", line, 2 if body.startswith("\n") else 1)


def test_both_remedies_of_a_wrapped_header_work():
    assert isinstance(next(iter(opened(b">a kinase OS Homo\nMKTAYIAKQRQISF\n"))), Record)
    assert isinstance(next(iter(opened(b">a\nkinaseOSHomo\nMKTAYIAKQRQISF\n"))), Record)


# --- encodings ------------------------------------------------------------------------------------


def test_text_as_excel_saves_it_is_read_and_said():
    text = ">β1 café\nMKT\n>b naïve\nAYI\n"
    for encoding in ("utf-16", "utf-16-le", "utf-16-be", "utf-32"):
        reader = opened(text.encode(encoding))
        assert [(r.header, r.line) for r in reader] == [("β1 café", 1), ("b naïve", 3)]
        (warning,) = reader.warnings()
        assert (warning.code, "UTF-" in warning.message) == ("text_encoding", True)
    reader = opened(text.replace("β", "B").encode("cp1252"))
    assert [r.header for r in reader] == ["B1 café", "b naïve"]
    (warning,) = reader.warnings()
    assert (warning.code, warning.line) == ("text_encoding", 1)
    assert warning.message == "2 lines were read as Windows-1252 text (first: line 1)"
    assert opened(text.encode()).warnings() == []


def test_files_that_were_joined_may_have_both_encodings_and_marks():
    data = ">a\nMKT\n".encode("utf-8-sig") + ">β\nMKT\n".encode("utf-8-sig") + ">é\nMKT\n".encode("cp1252")
    reader = opened(data)
    assert [r.name for r in reader] == ["a", "β", "é"]
    (warning,) = reader.warnings()
    assert warning.line == 5


CHARACTERS = st.characters(codec="cp1252", exclude_categories=["C"])
NAMES = st.text(CHARACTERS, min_size=1, max_size=20).map(lambda name: "x" + "".join(name.split()) + "é")


@given(st.lists(NAMES, min_size=1, max_size=5), st.sampled_from(["\n", "\r\n", "\r"]), st.integers(1, 50))
@settings(deadline=None)
def test_every_encoding_and_every_cut_gives_the_same_names(names, end, step):
    text = "".join(f">{name}{end}MKT{end}" for name in names)
    for encoding in ("utf-8", "utf-8-sig", "utf-16", "cp1252"):
        data = text.encode(encoding)
        assert [r.name for r in opened(data)] == names
        cut = [data[at : at + step] for at in range(0, len(data), step)]
        assert [r.name for r in Reader(cut, "fasta", ENCODE)] == names


def test_gaps_are_the_same_for_every_format():
    assert set(GAPS) == GAP_MARKS


@given(st.binary(max_size=200), st.sampled_from([b">P1;A\n", GENPEPT[:80], UNIPROT[:60], CLUSTAL[:50], STOCKHOLM[:20]]))
@settings(deadline=None)
def test_only_service_errors_come_out(data, head):
    records, refused = [], None
    try:
        records.extend(opened(head + data))
    except InvalidInput as error:
        refused = error
    problems = [problem for record in records if isinstance(record, BadRecord) for problem in record.problems]
    assert all(problem.remedy for problem in (*problems, *(refused.problems if refused else ())))
