"""Alignments as programs write them: annotation rows, blocks behind NUL bytes, lower case, stops, names, formats."""

from __future__ import annotations

import gzip
import io

import pytest
from Bio import AlignIO
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from jobs.errors import InvalidInput, TooLarge
from jobs.science.alignments import rows as alignment_rows
from jobs.science.alignments.reading import Alignment, read_alignment
from tests.alignments import cases

QUERY, HOM = "MKTAYIAKQRQISFVKSHFSRQ", "MKTAYIAKQRQISFVRSHFSRE"
PAIR = f">query\n{QUERY}\n>hom1\n{HOM}\n"
SS = "CCHHHHHHHHCCEEEEECCCCC"


def columns(alignment: Alignment) -> list[str]:
    return [row.tobytes().decode() for row in alignment.columns]


def left_out(alignment: Alignment) -> list[tuple[str, str, int]]:
    return [(problem.code, problem.record, problem.line) for problem in alignment.skipped]


def noted(alignment: Alignment) -> list[str]:
    assert all(note.message for note in alignment.notes)
    return [note.code for note in alignment.notes]


def refused(text: str | bytes, **options) -> list[tuple[str, int | None, str | None]]:
    with pytest.raises(InvalidInput) as caught:
        read_alignment(text if isinstance(text, bytes) else text.encode(), **options)
    assert all(problem.remedy for problem in caught.value.problems)
    return [(problem.code, problem.line, problem.record) for problem in caught.value.problems]


# --- rows that are no homologs ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    ["ss_dssp", "ss_pred PSIPRED", "ss_conf", "sa_dssp", "aa_dssp", "aa_pred", "ss_stride", "Consensus", "x_consensus"],
)
@pytest.mark.parametrize("place", [0, 1, 2], ids=["first", "second", "last"])
def test_annotation_rows_are_left_out_wherever_they_are(name, place):
    rows = [f">query\n{QUERY}\n", f">hom1\n{HOM}\n"]
    rows.insert(place, f">{name}\n9876543219876543210123\n")
    alignment = read_alignment("".join(rows).encode())
    assert alignment.names == ("query", "hom1")
    assert columns(alignment) == [QUERY, HOM]
    assert left_out(alignment) == [("annotation_row", name.split()[0], 1 + 2 * place)]


@pytest.mark.parametrize("name", ["ss_1", "aa_12", "sa_2B", "ssb_ECOLI", "AA_1", "my_ss_pred", "consensus_1"])
def test_proteins_with_similar_names_are_homologs(name):
    assert read_alignment(f"{PAIR}>{name}\n{HOM}\n".encode()).names == ("query", "hom1", name)


def test_annotation_rows_of_other_lengths_and_letters_hurt_nobody():
    text = f">ss_dssp\nCC-HH\n>ss_conf\n99*/?!\n{PAIR}>cons_consensus\nxx..xx\n"
    alignment = read_alignment(text.encode())
    assert columns(alignment) == [QUERY, HOM]
    assert len(alignment.skipped) == 3


def test_a_consensus_that_is_the_named_parent_stays():
    text = f">design_consensus\n{QUERY}\n>hom1\n{HOM}\n>Consensus\n{HOM}\n".encode()
    assert read_alignment(text, parent=QUERY).names == ("design_consensus", "hom1")
    assert read_alignment(text).names == ("hom1",)


def test_annotations_alone_are_no_alignment():
    assert refused(f">ss_pred\n{SS}\n>Consensus\n{QUERY}\n") == [("empty_alignment", 1, "ss_pred")]
    # What the remedy says is accepted.
    assert read_alignment(f">sequence_1\n{QUERY}\n>Consensus\n{QUERY}\n".encode()).parent == QUERY


# --- blocks of MMseqs2 and ColabFold ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        f"{PAIR}\0",
        f"{PAIR}\n\0\n",
        f"{PAIR}\0\0\n\0",
        f"\0{PAIR}",
        f"#22\t1\n{PAIR}\0",
        f">query\n{QUERY}\n\0>query\n{QUERY}\n>hom1\n{HOM}\n\0",
        f">query\n{QUERY}\0>query\n{QUERY}\0>hom1\n{HOM}\0",
        f">query desc\n{QUERY}\n\0#22\t1\n>query\n{QUERY[:9]}\n{QUERY[9:]}\n>hom1\n{HOM}\n",
        f"#22\t1\n>query\n{QUERY}\n#22\t1\n>query\n{QUERY}\n>hom1\n{HOM}\n",
    ],
)
def test_blocks_behind_nul_bytes_are_one_alignment(text):
    alignment = read_alignment(text.encode())
    assert alignment.names == ("query", "hom1")
    assert columns(alignment) == [QUERY, HOM]
    repeats = text.count(">query") - 1
    assert [code for code, *_ in left_out(alignment)] == ["repeated_query"] * repeats


def test_a_homolog_with_the_letters_of_the_query_stays():
    alignment = read_alignment(f"{PAIR}>UniRef100_A\n{QUERY}\n".encode())
    assert alignment.names == ("query", "hom1", "UniRef100_A")


def test_a_nul_byte_inside_a_row_is_refused_with_its_place():
    with pytest.raises(InvalidInput) as caught:
        read_alignment(f">query\n{QUERY}\n>hom1\nMKTAYIAKQR\0QISFVRSHFSRE\n".encode())
    (problem,) = caught.value.problems
    assert (problem.code, problem.line, problem.column) == ("control_character", 4, 11)
    assert read_alignment(PAIR.encode()).depth == 2


@pytest.mark.parametrize(("name", "row"), [("102", HOM), ("P2_HUMAN", HOM[:-3])], ids=["numbered", "shorter"])
def test_blocks_of_another_query_are_another_alignment(name, row):
    first = f">101\n{QUERY}\n>UniRef100_A\n{HOM}\n"
    second = f">{name}\n{row}\n>UniRef100_B\n{row}\n"
    with pytest.raises(InvalidInput) as caught:
        read_alignment(f"{first}\0{second}\0".encode())
    (problem,) = caught.value.problems
    assert (problem.code, problem.line, problem.record) == ("several_alignments", 5, name)
    for part in (first, second):  # What the remedy says is accepted.
        assert read_alignment(part.encode()).depth == 2


def test_a_block_without_the_query_is_read_and_noted():
    alignment = read_alignment(f"{PAIR}\0>env_B\n{HOM}\n".encode())
    assert alignment.names == ("query", "hom1", "env_B")
    assert noted(alignment) == ["joined_blocks"]


def test_the_joined_chains_of_colabfold_are_noted_and_one_can_be_kept():
    other = "GSHMLEERLG"
    text = (
        f"#22,10\t1,1\n>101\t102\n{QUERY}{other}\n>hit_pair\n{HOM}{other}\n"
        f">101\n{QUERY}{'-' * 10}\n>hit_a\n{HOM}{'-' * 10}\n>102\n{'-' * 22}{other}\n>hit_b\n{'-' * 22}GSHMLEERLA\n"
    ).encode()
    alignment = read_alignment(text)
    assert alignment.names == ("101", "hit_pair", "hit_a", "hit_b")
    assert [code for code, *_ in left_out(alignment)] == ["repeated_query"] * 2
    (note,) = alignment.notes
    assert (note.code, "2 chains, of 22 and 10 residues" in note.message) == ("joined_chains", True)
    one = read_alignment(text, parent=QUERY, add_parent=True)
    assert columns(one) == [QUERY, QUERY, HOM, HOM]
    assert [problem.code for problem in one.skipped][-1] == "empty_row"


def test_copies_of_one_chain_are_no_joined_chains():
    assert noted(read_alignment(f"#22\t4\n{PAIR}".encode())) == []


def test_comments_are_skipped_and_counted():
    text = f"#A3M#\n# made by hand\n; old\n\n>query\n{QUERY}\n# between\n>hom1\n{HOM[:5]}\n#inside\n{HOM[5:]}\n"
    alignment = read_alignment(text.encode())
    assert columns(alignment) == [QUERY, HOM]
    (note,) = alignment.notes
    assert (note.code, note.line, note.message.startswith("4 comment lines were skipped")) == ("comment_lines", 2, True)


def test_there_is_an_end_to_blocks_and_comments(monkeypatch):
    from jobs.science.alignments import formats

    monkeypatch.setattr(formats, "MAX_ROWS", 3)
    monkeypatch.setattr(alignment_rows, "MAX_LINES", 3)
    for text, code in (
        (PAIR + "\0\n" * 4, "too_many_rows"),
        (PAIR + "#\n" * 4, "too_many_lines"),
        ("#\n" * 4 + PAIR, "too_many_lines"),
    ):
        with pytest.raises(TooLarge) as caught:
            read_alignment(text.encode())
        assert caught.value.code == code


# --- the query in lower case -----------------------------------------------------------------------------------------


def test_a_query_in_lower_case_is_read_in_capitals_and_noted():
    text = f">query\n{QUERY.lower()}\n>hom1\n{HOM}\n>hom2\nMKTAYIAKQRaaQISFVRSHFSRE\n"
    alignment = read_alignment(text.encode())
    assert columns(alignment) == [QUERY, HOM, HOM]
    assert alignment.sequences[2] == "MKTAYIAKQRAAQISFVRSHFSRE"
    assert noted(alignment) == ["lower_case_query"]


def test_low_complexity_in_the_query_is_read_in_capitals():
    text = f">query\nMKTAYiakqrqiSFVKSHFSRQ\n>hom1\n{HOM}\n>hom2\nMKTAYIAKQRaaQISFVRSHFSRE\n"
    alignment = read_alignment(text.encode())
    assert (alignment.parent, noted(alignment)) == (QUERY, ["lower_case_query"])


def test_true_insertions_of_the_query_are_refused_once():
    rows = f">hom1\n{HOM}\n>hom2\nMKTAYIAKQRaaQISFVRSHFSRE\n"
    assert refused(f">query\nMKTAYggIAKQRQISFVKSHFSRQ\n{rows}") == [("query_insertions", 1, "query")]
    mended = f">query\nMKTAYIAKQRQISFVKSHFSRQ\n{rows}"  # the insertion has no column, so it goes
    assert read_alignment(mended.encode()).depth == 3


@pytest.mark.parametrize("query", [QUERY[:-1], QUERY + "W", QUERY[:-1].lower(), QUERY[:9] + "-" + QUERY[9:]])
def test_a_first_row_that_differs_from_all_others_is_named_alone(query):
    rows = "".join(f">hom{n}\n{HOM[:10]}{'a' * n}{HOM[10:]}\n" for n in range(3))
    code = "query_insertions" if query.islower() else "unequal_rows"
    assert refused(f">query\n{query}\n{rows}") == [(code, 1, "query")]


def test_an_alignment_in_lower_case_is_refused_once_if_insertions_cannot_be_told():
    text = f">query\n{QUERY.lower()}\n>hom1\nmktayaakqrqisfvrshfsre\n>hom2\nmktayiakqraaqisfvrshfsre\n"
    assert refused(text) == [("query_insertions", 1, "query")]
    capitals = text.replace(QUERY.lower(), QUERY).replace("mktayaakqrqisfvrshfsre", "MKTAYAAKQRQISFVRSHFSRE")
    mended = capitals.replace("mktayiakqraaqisfvrshfsre", "MKTAYIAKQRaaQISFVRSHFSRE")
    assert read_alignment(mended.encode()).depth == 3


def test_rows_of_one_length_in_lower_case_are_all_columns():
    alignment = read_alignment(PAIR.lower().encode())
    assert columns(alignment) == [QUERY, HOM]
    assert noted(alignment) == ["lower_case_query"]


# --- rows without letters, stops, gaps, names ------------------------------------------------------------------------


@pytest.mark.parametrize("row", ["", "\n", "----------------------\n", " \n\n"])
def test_rows_without_letters_are_skipped_on_request(row):
    text = f">query\n{QUERY}\n>hom1 empty\n{row}>hom2\nMKTAYIAKQRaQISFVRSHFSRE\n"
    assert refused(text) == [("empty_row", 3, "hom1")]
    alignment = read_alignment(text.encode(), skip_empty=True)
    assert alignment.names == ("query", "hom2")
    assert left_out(alignment) == [("empty_row", "hom1", 3)]


def test_a_first_row_without_letters_cannot_be_skipped():
    text = f">query\n>hom1\n{HOM}\n"
    for skip in (False, True):
        with pytest.raises(InvalidInput) as caught:
            read_alignment(text.encode(), skip_empty=skip)
        assert "skip" not in caught.value.problems[0].remedy, "that remedy would not work"
    assert read_alignment(text.removeprefix(">query\n").encode()).depth == 1


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        (["MKT-AY*", "MKTQAW*", "MKTQA--"], ["MKTAY", "MKTAW", "MKTA-"]),
        (["MKTAY*", "MKTQAW*"[:4] + "W*", "MKTA-*"], ["MKTAY", "MKTQW", "MKTA-"]),
        (["MKTAY*", "MKTaaAW*", "MK-AY"], ["MKTAY", "MKTAW", "MK-AY"]),
        (["MKTAY", "MKTAW*", "MK-AY"], ["MKTAY", "MKTAW", "MK-AY"]),
        (["MKTAY-", "MKTA*-", "MK-AYY"], ["MKTAY", "MKTA-", "MK-AY"]),
    ],
)
def test_stops_at_the_ends_of_rows_are_dropped_and_counted(rows, expected):
    alignment = read_alignment("".join(f">r{n}\n{row}\n" for n, row in enumerate(rows)).encode())
    assert columns(alignment) == expected
    assert not any("*" in sequence for sequence in alignment.sequences)
    (note,) = alignment.notes
    ended = sum("*" in row for row in rows)
    assert (note.code, note.message.split()[0]) == ("trailing_star", str(ended))


def test_a_stop_inside_a_row_is_refused_with_a_remedy_that_works():
    text = f">query\n{QUERY}\n>hom1\n MKTA*IAKQ*QISFVRSHFSRE*\n"
    with pytest.raises(InvalidInput) as caught:
        read_alignment(text.encode())
    (problem,) = caught.value.problems
    assert (problem.code, problem.line, problem.column, problem.character) == ("bad_letter", 4, 6, "*")
    assert "(2 times" in problem.message
    for other in "-X":
        assert read_alignment(text.replace("A*I", f"A{other}I").replace("Q*Q", f"Q{other}Q").encode()).depth == 2
    assert refused(f">query\n{QUERY}\n>hom1\nMKTAYIAKQR*\nISFVRSHFSRE\n")[0] == ("bad_letter", 4, "hom1")


@pytest.mark.parametrize("gap", "_~")
def test_other_characters_for_gaps(gap):
    alignment = read_alignment(f">query\n{QUERY}\n>h\nMKTAYIAKQR{gap}ISFVKSH{gap * 3}Q\n".encode())
    assert columns(alignment) == [QUERY, "MKTAYIAKQR-ISFVKSH---Q"]
    assert alignment.sequences[1] == "MKTAYIAKQRISFVKSHQ"
    assert noted(alignment) == ["gap_characters"]


def test_repeated_names_are_kept_and_noted():
    alignment = read_alignment(f"{PAIR}>hom1\n{HOM[:-1]}Q\n>hom1\n{HOM}\n>query\n{HOM}\n".encode())
    assert alignment.names == ("query", "hom1", "hom1", "hom1", "query")
    (note,) = alignment.notes
    assert (note.code, note.line, note.message.split()[0]) == ("repeated_names", 5, "3")


def test_names_that_ncbi_joined_are_the_first():
    text = f">WP_1\x01WP_2 protein two\n{QUERY}\n>WP_3 one\x01WP_4\n{HOM}\n"
    assert read_alignment(text.encode()).names == ("WP_1", "WP_3")


def test_a_header_without_a_line_end_before_it_is_refused_with_its_place():
    with pytest.raises(InvalidInput) as caught:
        read_alignment(f">query\n{QUERY}\n>hom1\n{HOM}>hom2\n{HOM}\n".encode())
    assert [(p.code, p.line, p.column) for p in caught.value.problems if p.character == ">"] == [("bad_letter", 4, 23)]


def test_a_name_without_end_is_refused():
    assert refused(f">{'x' * 5000}\n{QUERY}\n")[0][:2] == ("header_too_long", 1)
    assert read_alignment(f">{'x' * 4096} {'y' * 5000}\n{QUERY}\n".encode()).depth == 1


def test_masked_residues_are_refused_with_a_remedy_that_works():
    with pytest.raises(InvalidInput) as caught:
        read_alignment(f">query\n{QUERY}\n>hom1\n{HOM.replace('Y', '?')}\n".encode())
    assert caught.value.problems[0].code == "mask_in_context"
    assert "X" in caught.value.problems[0].remedy
    assert read_alignment(f">query\n{QUERY}\n>hom1\n{HOM.replace('Y', 'X')}\n".encode()).depth == 2


# --- Clustal, PIR, Stockholm -----------------------------------------------------------------------------------------

CLUSTAL = """CLUSTAL O(1.2.4) multiple sequence alignment


seqA      MKTAYIAKQR 10
seqB      MKTAYI-KQR 9
          ****** ***

seqA      Q-ISFVKSHFSRQ 22
seqB      QAISFVKSHF--- 19
          * ********
"""
CLUSTAL_COLUMNS = [QUERY, "MKTAYI-KQRQISFVKSHF---"]


@pytest.mark.parametrize(
    "first",
    [
        "CLUSTAL O(1.2.4) multiple sequence alignment",
        "CLUSTAL W (1.83) multiple sequence alignment",
        "CLUSTAL 2.1 multiple sequence alignment",
        "CLUSTALW",
        "MUSCLE (3.8) multiple sequence alignment",
        "PROBCONS version 1.12 multiple sequence alignment",
        "MSAPROBS 0.9.7 multiple sequence alignment",
        "Kalign (2.04) multiple sequence alignment in ClustalW format",
        "CLUSTAL FORMAT for T-COFFEE Version_11.00",
        "T-COFFEE, Version_11.00 [http://www.tcoffee.org]",
    ],
)
def test_clustal_of_many_programs(first):
    text = CLUSTAL.replace("CLUSTAL O(1.2.4) multiple sequence alignment", first)
    for written in (text, text.replace("\n", "\r\n"), "\n" + text, text.rstrip()):
        alignment = read_alignment(written.encode())
        assert alignment.names == ("seqA", "seqB")
        assert columns(alignment) == CLUSTAL_COLUMNS
        assert alignment.sequences == (QUERY, "MKTAYIKQRQAISFVKSHF")


def test_rows_of_clustal_with_one_name_stay_apart():
    """MUSCLE and Clustal cut names: proteins of one family then have the same."""
    text = CLUSTAL.replace("seqB ", "seqA ")
    alignment = read_alignment(text.encode())
    assert alignment.names == ("seqA", "seqA")
    assert columns(alignment) == CLUSTAL_COLUMNS
    assert noted(alignment) == ["repeated_names"]


@pytest.mark.parametrize(
    ("old", "new", "code", "line"),
    [
        ("seqB      QAISFVKSHF--- 19\n", "", "unequal_rows", 5),
        ("QAISFVKSHF--- 19", "QAISF VKSHF---", "bad_line", 9),
        ("QAISFVKSHF--- 19", "", "bad_line", 9),
        ("Q-ISFVKSHFSRQ", "Q-ISFVKSHFSR1", "bad_letter", 8),
        ("\nseqA      Q", "\nCLUSTAL O(1.2.4) multiple sequence alignment\n\nseqA      Q", "several_alignments", 8),
    ],
)
def test_faults_of_clustal_have_a_line(old, new, code, line):
    assert old in CLUSTAL
    assert refused(CLUSTAL.replace(old, new))[0][:2] == (code, line)


PIR = """>P1;CRAB_TEST
alpha crystallin B chain
 MKTAYIAKQR QISFVK
 SHFSRQ*

C; a comment
>F1;HBA_TEST

 MKTAYIAKQR -ISFVKSHFS RQ*
"""


def test_pir_has_names_without_codes_and_no_titles_as_residues():
    alignment = read_alignment(PIR.encode())
    assert alignment.names == ("CRAB_TEST", "HBA_TEST")
    assert columns(alignment) == [QUERY, "MKTAYIAKQR-ISFVKSHFSRQ"]
    assert noted(alignment) == ["comment_lines"]


@pytest.mark.parametrize(
    ("old", "new", "code", "line"),
    [
        ("SHFSRQ*", "SHFSRQ", "unfinished_alignment", 1),
        ("RQ*\n", "RQ", "unfinished_alignment", 7),
        ("alpha crystallin B chain\n", f"{QUERY}AAAAAAAAAA\n", "bad_line", 2),
        ("SHFSRQ*\n\nC; a comment\n", "SHFSRQ*", "bad_line", 4),
        ("SHFSRQ", "SHF/SRQ", "bad_letter", 4),
    ],
)
def test_faults_of_pir_have_a_line(old, new, code, line):
    text = PIR.replace(old, new) if old != "RQ*\n" else PIR.removesuffix("*\n")
    assert refused(text)[0][:2] == (code, line)


def test_fasta_whose_names_look_like_pir_is_read_once_the_code_is_gone():
    text = f">P1;a\n{QUERY}\n>P1;b\n{HOM}\n"
    ((code, line, _),) = refused(text)
    assert (code, line) == ("unfinished_alignment", 1)
    with pytest.raises(InvalidInput) as caught:
        read_alignment(text.encode())
    assert "remove the code" in caught.value.problems[0].remedy
    assert read_alignment(text.replace("P1;", "").encode()).depth == 2


@pytest.mark.parametrize("between", ["", "\n", "\n\n", "#=GC RF xxx\n\n"])
def test_stockholm_with_and_without_blank_lines_between_blocks(between):
    blocks = [f"a {QUERY[:10]}\nb {HOM[:10]}\n", f"a {QUERY[10:]}\nb {HOM[10:]}\n"]
    alignment = read_alignment(f"# STOCKHOLM 1.0\n#=GF ID X\n\n{between.join(blocks)}//\n\0".encode())
    assert alignment.names == ("a", "b")
    assert columns(alignment) == [QUERY, HOM]


def test_rows_of_stockholm_with_one_name_stay_apart():
    alignment = read_alignment(f"# STOCKHOLM 1.0\na {QUERY}\na {HOM}\nb {HOM}\n//\n".encode())
    assert alignment.names == ("a", "a", "b")
    assert columns(alignment) == [QUERY, HOM, HOM]
    assert noted(alignment) == ["repeated_names"]


# --- every format means the same -------------------------------------------------------------------------------------

NAMES = st.text(alphabet="ABCDEFGHxyz0123456789|._-/", min_size=1, max_size=12).filter(
    lambda name: name[0] not in "-._/|"
)


@st.composite
def alignments(draw):
    """Draw names, and aligned rows of one length with at least one letter."""
    width = draw(st.integers(1, 90))
    count = draw(st.integers(1, 6))
    letters = st.text(alphabet="ACDEFGHIKLMNPQRSTVWYX-", min_size=width, max_size=width)
    rows = draw(st.lists(letters.filter(lambda row: row.strip("-")), min_size=count, max_size=count))
    names = draw(st.lists(NAMES, min_size=count, max_size=count, unique=True))
    return list(zip(names, rows, strict=True))


def as_fasta(rows, width=60) -> str:
    return "".join(
        f">{name} words\n" + "".join(f"{row[at : at + width]}\n" for at in range(0, len(row), width))
        for name, row in rows
    )


def as_a3m(rows) -> str:
    query = rows[0][1]

    def row_of(row):
        pairs = zip(query, row, strict=True)
        return "".join(letter if own != "-" else letter.lower().replace("-", "") for own, letter in pairs)

    return "".join(f">{name}\n{row_of(row)}\n" for name, row in rows)


def as_a2m(rows) -> str:
    query = rows[0][1]

    def row_of(row):
        pairs = zip(query, row, strict=True)
        return "".join(letter if own != "-" else letter.lower().replace("-", ".") for own, letter in pairs)

    return "".join(f">{name}\n{row_of(row)}\n" for name, row in rows)


def by_biopython(format):
    def write(rows) -> str:
        written = io.StringIO()
        AlignIO.write(AlignIO.read(io.StringIO(as_fasta(rows)), "fasta"), written, format)
        return written.getvalue()

    return write


def as_pir(rows) -> str:
    return "".join(
        f">P1;{name}\ntitle of it\n" + "".join(f" {row[at : at + 10]}\n" for at in range(0, len(row), 10)) + "*\n\n"
        for name, row in rows
    )


def as_blocks(first, *, width=20, counts=False, last=""):
    def write(rows) -> str:
        text = f"{first}\n\n"
        for at in range(0, len(rows[0][1]), width):
            for name, row in rows:
                count = f" {len(row[: at + width].replace('-', ''))}" if counts else ""
                text += f"{name:<14}{row[at : at + width]}{count}\n"
            text += "\n"
        return text + last

    return write


WRITERS = {
    "fasta": as_fasta,
    "a3m": as_a3m,
    "a2m": as_a2m,
    "clustal by Biopython": by_biopython("clustal"),
    "muscle": as_blocks("MUSCLE (3.8) multiple sequence alignment", counts=True),
    "stockholm by Biopython": by_biopython("stockholm"),
    "stockholm in blocks": as_blocks("# STOCKHOLM 1.0", last="//\n"),
    "pir": as_pir,
}
DRESSES = {
    "plain": lambda text: text.encode(),
    "crlf": lambda text: text.replace("\n", "\r\n").encode(),
    "cr": lambda text: text.replace("\n", "\r").encode(),
    "bom": lambda text: b"\xef\xbb\xbf" + text.encode(),
    "two members of gzip": lambda text: b"".join(gzip.compress(part, mtime=0) for part in _halves(text)),
    "nul at the end": lambda text: text.encode() + b"\0",
}


def _halves(text: str) -> tuple[bytes, bytes]:
    data = text.encode()
    return data[: len(data) // 2], data[len(data) // 2 :]


@pytest.mark.parametrize("writer", WRITERS)
@settings(max_examples=60, deadline=None)
@given(rows=alignments(), dress=st.sampled_from(sorted(DRESSES)))
def test_an_alignment_in_any_format_reads_back_the_same(writer, rows, dress):
    query = rows[0][1]
    columns_of_query = [at for at, letter in enumerate(query) if letter != "-"]
    expected = ["".join(row[at] for at in columns_of_query) for _, row in rows]
    # A row with letters in insertions only is written in A3M without any column.
    assume(writer not in ("a3m", "a2m") or all(row.strip("-") for row in expected))
    alignment = read_alignment(DRESSES[dress](WRITERS[writer](rows)))
    assert alignment.names == tuple(name for name, _ in rows)
    assert columns(alignment) == expected
    assert alignment.sequences == tuple(row.replace("-", "") for _, row in rows)
    assert (alignment.skipped, alignment.notes) == ((), ())


@settings(max_examples=60, deadline=None)
@given(
    rows=alignments(),
    places=st.lists(st.tuples(st.integers(0, 6), st.sampled_from(["ss_pred", "ss_conf", "sa_dssp", "Consensus"]))),
    again=st.integers(0, 3),
)
def test_annotations_and_repeated_queries_change_nothing_but_the_count(rows, places, again):
    expected = read_alignment(as_a3m(rows).encode())
    written = [*rows]
    for place, name in places:
        written.insert(place, (name, "9C" * 7))
    parts = [
        f">{name}\n{row}\n" if name in {n for _, n in places} else as_a3m([rows[0], (name, row)]).split("\n", 2)[2]
        for name, row in written
    ]
    text = "".join(parts) + f"\0{as_a3m(rows[:1])}" * again
    alignment = read_alignment(text.encode())
    assert alignment.names == expected.names
    assert columns(alignment) == columns(expected)
    assert alignment.sequences == expected.sequences
    assert len(alignment.skipped) == len(places) + again


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            [">", "\n", "\0", "#22\t1", "# STOCKHOLM 1.0", "CLUSTAL", ">P1;a", "*", "-", "_", ".", " ", "MKT", "mk",
             "//", "ss_pred", "consensus", "a", "12", ";", "\r"]
        ),
        max_size=30,
    ).map("".join),
    st.booleans(),
)  # fmt: skip
def test_anything_is_an_alignment_or_refused_with_a_remedy(text, skip_empty):
    try:
        alignment = read_alignment(text.encode(), skip_empty=skip_empty)
    except InvalidInput as refusal:
        assert all(problem.remedy for problem in refusal.problems)  # noqa: PT017  both outcomes are right
        return
    assert alignment.columns.shape == (alignment.depth, len(alignment.parent))
    assert all(alignment.sequences)
    assert all(sequence.isalpha() and sequence.isupper() for sequence in alignment.sequences)


# --- the cases of all entrances --------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", cases.READ, ids=cases.name)
def test_cases_are_read(case):
    alignment = read_alignment(cases.content(case), skip_empty=case.get("skip_empty", False))
    assert list(alignment.names) == case["rows"]
    assert [problem.code for problem in alignment.skipped] == case["skipped"]
    assert noted(alignment) == case["notes"]


@pytest.mark.parametrize("case", cases.REFUSED, ids=cases.name)
def test_cases_are_refused(case):
    assert [problem[:2] for problem in refused(cases.content(case))] == [(case["refused"], case["line"])]
