"""Properties of every file: the cut into blocks changes nothing, and only ServiceError is raised."""

import csv
import gzip
import io
import json

import dnaio
import pytest
from Bio.SeqIO.FastaIO import SimpleFastaParser
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from jobs.errors import ServiceError
from jobs.parsing import ItemReader, Reader, Record, blocks_of, fasta, read_context
from jobs.parsing.letters import accession_problem
from jobs.parsing.recognition import kind_of
from jobs.parsing.records import Place
from tests.parsing.reading import ENCODE, LOG_PROB, PREDICT

FORMATS = ("fasta", "jsonl", "csv")
few = settings(max_examples=100, deadline=None)

sequences = st.text(alphabet="ACDEFGHIKLMNPQRSTVWYBXZUO", min_size=1, max_size=60)
headers = st.text(
    alphabet=st.characters(codec="utf-8", categories=("L", "N", "P", "S", "Zs"), exclude_characters="\x85"),
    max_size=20,
)
line_ends = st.sampled_from(["\n", "\r\n", "\r"])
# Text made of pieces that readers trip over: it reaches more branches than random bytes.
awkward = st.lists(
    st.sampled_from(
        [
            *(
                b">",
                b">a b\n",
                b"\n",
                b"\r",
                b"\r\n",
                b"MKT",
                b"mk",
                b"A" * 40,
                b" ",
                b"\t",
                b"*",
                b"-",
                b"J",
            ),
            *(b"?", b";", b"\0", b'"', b",", b"{", b"}", b"[", b":", b"sequence", b"name", b'"a\nb",'),
            *(b"sequence,name\n", b'{"sequence": "MKT"}', b"\xc3", b"\xa9", b"\xc3\xa9", b"\xe2\x80\xa8"),
            *(b"\xef\xbb\xbf", b"\x1f\x8b", b"\xff\xfe"),
        ]
    ),
    max_size=30,
).map(b"".join)
anything = st.one_of(awkward, awkward.map(lambda data: b">" + data), st.binary(max_size=60))


@pytest.fixture(autouse=True)
def short_holds(monkeypatch):
    """Read records of more than 16 bytes line by line, so that small examples reach that code too."""
    monkeypatch.setattr(fasta, "HOLD", 16)


def outcome(data, format, rules=ENCODE, *, cut=None, block=1 << 18):
    """Return everything that reading yields or raises."""
    blocks = [data] if cut is None else [data[i : i + cut] for i in range(0, len(data), cut)]
    reader = Reader(blocks, format, rules, block=block)
    records = []
    try:
        records.extend(reader)
        error = None
    except ServiceError as refusal:
        error = refusal.as_dict()
    return records, error, reader.cleaning, reader.warnings()


@few
@given(data=anything, format=st.sampled_from(FORMATS), cut=st.integers(1, 9), block=st.integers(2, 50))
@example(data=b">\r>a b\n>", format="fasta", cut=1, block=2)
@example(data=b">a\nMK\r\n>b\nAC", format="fasta", cut=1, block=6)
@example(data=b">a\r\nMKTAYIAKQRMKTAYIAKQR\r\n>b", format="fasta", cut=3, block=2)
def test_blocks_change_nothing_and_only_service_errors_come_out(data, format, cut, block):
    for rules in (ENCODE, PREDICT, LOG_PROB):
        assert outcome(data, format, rules, cut=cut, block=block) == outcome(data, format, rules)


@few
@given(data=anything)
@example(data=b">a\rMKTAYIAKQRMKTAYIAKQR\n>b\nMKT")
def test_the_quick_the_careful_and_the_long_way_agree(data):
    patch = pytest.MonkeyPatch()
    long = outcome(data, "fasta", block=5)  # with the short hold of these tests
    with patch.context() as patched:
        patched.setattr(fasta, "HOLD", 1 << 16)
        quick = outcome(data, "fasta")
        patched.setattr(fasta.FastaSource, "_quick", lambda *_: None)
        careful = outcome(data, "fasta")
    assert quick == careful == long


@few
@given(data=anything, format=st.sampled_from(FORMATS))
def test_packed_and_plain_are_the_same(data, format):
    if data.startswith(b"\x1f\x8b"):
        return
    try:
        plain = b"".join(blocks_of(io.BytesIO(data)))
    except ServiceError:
        return
    assert b"".join(blocks_of(io.BytesIO(gzip.compress(data)))) == plain


@few
@given(data=anything, rules=st.sampled_from((ENCODE, PREDICT, LOG_PROB)), packed=st.booleans())
def test_uploads_and_contexts_give_only_service_errors(data, rules, packed):
    data = gzip.compress(data)[: len(data) + 15] if packed else data
    for call in (
        lambda: list(blocks_of(io.BytesIO(data))),
        lambda: read_context(data, rules),
        lambda: kind_of(data),
    ):
        refusal = None
        try:
            call()
        except ServiceError as error:
            refusal = error
        assert refusal is None or refusal.problems[0].remedy


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(alphabet=st.characters(), max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["sequence", "context_sequences", "name", "x"]), inner, max_size=4)
    ),
    max_leaves=8,
)


@few
@given(items=st.lists(json_values, max_size=4), strict=st.booleans())
def test_any_items_are_records_or_bad_records_that_can_be_stored(items, strict):
    for index, record in enumerate(ItemReader(items, ENCODE, strict=strict)):
        assert record.index == index
        if not isinstance(record, Record):
            assert record.problems
            text = (
                record.name + record.sequence + json.dumps([p.as_dict() for p in record.problems], ensure_ascii=False)
            )
            assert "\0" not in text
            text.encode("utf-8")


@st.composite
def libraries(draw):
    """Draw a valid FASTA file with random wrapping and line ends, and its (header, sequence) pairs."""
    records = draw(st.lists(st.tuples(headers, sequences), min_size=1, max_size=6))
    end = draw(line_ends)
    text = ""
    for header, sequence in records:
        width = draw(st.integers(1, 70))
        lines = [sequence[i : i + width] for i in range(0, len(sequence), width)]
        text += end.join([">" + header, *lines, *[""] * draw(st.integers(0, 2))]) + end
    return records, text if draw(st.booleans()) else text.rstrip("\r\n")


@few
@given(library=libraries(), block=st.integers(2, 40))
def test_wrapping_and_line_ends_do_not_matter(library, block):
    records, text = library
    read = outcome(text.encode(), "fasta", block=block)[0]
    assert [(r.header, r.sequence) for r in read] == [(header.strip(" "), seq) for header, seq in records]
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    assert [r.line for r in read] == [i + 1 for i, line in enumerate(lines) if line.startswith(">")]


@few
@given(library=libraries())
@example(library=([("\xa0", "A")], ">\xa0\nA"))
def test_biopython_and_dnaio_read_the_same(library):
    text = library[1].replace("\r\n", "\n").replace("\r", "\n")
    ours = [(r.header, r.sequence) for r in outcome(text.encode(), "fasta")[0]]
    theirs = [(title.strip(" "), seq) for title, seq in SimpleFastaParser(io.StringIO(text, newline="\n"))]
    # biopython also strips the blanks of Unicode from the end of a header, such as a no-break space
    assert [(h.rstrip(), seq) for h, seq in ours] == [(title.rstrip(), seq) for title, seq in theirs]
    if text.isascii():
        with dnaio.open(io.BytesIO(text.encode()), fileformat="fasta") as file:
            assert ours == [(record.name.strip(" "), record.sequence) for record in file]


@few
@given(data=st.data(), at=st.integers(0, 10**6), letter=st.sampled_from("J-.*1#\u00e9"), library=libraries())
def test_one_wrong_character_is_found_where_it_is(data, at, letter, library):
    lines = library[1].replace("\r\n", "\n").replace("\r", "\n").split("\n")
    residues = [i for i, line in enumerate(lines) if line and not line.startswith(">")]
    line = data.draw(st.sampled_from(residues))
    column = at % len(lines[line])
    lines[line] = lines[line][:column] + letter + lines[line][column:]
    # A digit makes a few short sequences identifiers of the PDB, which have a message of their own.
    assume(letter != "1" or accession_problem(lines[line].upper(), Place()) is None)
    found = [p for r in outcome("\n".join(lines).encode(), "fasta")[0] if not isinstance(r, Record) for p in r.problems]
    assert [(p.line, p.column, p.character) for p in found] == [(line + 1, column + 1, letter)]


@few
@given(
    records=st.lists(st.tuples(sequences, sequences), min_size=1, max_size=5),
    separator=st.sampled_from(",;\t"),
)
def test_csv_and_jsonl_round_trip(records, separator):
    table = io.StringIO()
    writer = csv.writer(table, delimiter=separator)
    writer.writerows([("name", "sequence"), *records])
    lines = "\n".join(json.dumps({"name": name, "sequence": sequence}) for name, sequence in records)
    for data, format in ((table.getvalue(), "csv"), (lines, "jsonl")):
        assert [(r.name, r.sequence) for r in outcome(data.encode(), format)[0]] == records
