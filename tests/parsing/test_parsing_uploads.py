"""Unpacking, recognition and limits of uploads, and the documentation of every code."""

import ast
import gzip
import io
import re
import zlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import jobs.parsing
from jobs.errors import InvalidInput, ServiceError, TooLarge
from jobs.limits import MIB
from jobs.parsing import blocks_of, upload
from jobs.parsing.recognition import kind_of
from tests.parsing.reading import read

FASTA = b"".join(b">r%d\nMKTAYIAKQR\n" % i for i in range(5000))
REPOSITORY = Path(__file__).parents[2]


class Trickle(io.BytesIO):
    """A stream that returns at most `step` bytes a read, as sockets do."""

    def __init__(self, data, step):
        super().__init__(data)
        self._step = step

    def read(self, size=-1):
        return super().read(min(size, self._step) if size >= 0 else self._step)


def unpacked(data, step=1 << 16, **options):
    return b"".join(blocks_of(Trickle(data, step), **options))


# --- unpacking ------------------------------------------------------------------------------------


@pytest.mark.parametrize("step", [1, 7, 1 << 16])
def test_gzip_of_one_and_of_several_members(step):
    assert unpacked(gzip.compress(FASTA), step) == FASTA
    members = gzip.compress(FASTA[:777]) + gzip.compress(b"") + gzip.compress(FASTA[777:]) + b"\0" * 9
    assert unpacked(members, step) == FASTA


@pytest.mark.parametrize("step", [1, 1 << 16])
def test_a_byte_order_mark_is_dropped(step):
    assert unpacked(b"\xef\xbb\xbf" + FASTA, step) == FASTA
    assert unpacked(gzip.compress(b"\xef\xbb\xbf" + FASTA), step) == FASTA


def test_every_truncation_of_a_gzip_file_is_noticed():
    packed = gzip.compress(FASTA[:300])
    for end in range(2, len(packed)):
        with pytest.raises(InvalidInput) as caught:
            unpacked(packed[:end])
        assert caught.value.code == "truncated_gzip"


@pytest.mark.parametrize("at", [2, 40, -6])
def test_damaged_gzip(at):
    packed = bytearray(gzip.compress(FASTA))
    packed[at] ^= 0x55
    with pytest.raises(InvalidInput) as caught:
        unpacked(bytes(packed))
    assert caught.value.code == "bad_gzip"


def test_something_behind_the_gzip_file_is_no_gzip():
    with pytest.raises(InvalidInput) as caught:
        unpacked(gzip.compress(FASTA) + b">more\nMKT\n")
    assert caught.value.code == "bad_gzip"


SEVEN_BITS = bytes(max(1, byte & 127) for byte in range(256))
CHANGES = st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), max_size=4)


@given(st.binary(max_size=400).map(lambda data: data.translate(SEVEN_BITS)), CHANGES, st.integers(1, 64))
@settings(max_examples=300)
def test_whatever_is_done_to_a_gzip_file_only_service_errors_come_out(text, changes, step):
    packed = bytearray(gzip.compress(b">a\n" + text) + gzip.compress(text))
    for at, value in changes:
        packed[at % len(packed)] = value
    try:
        whole, code = unpacked(bytes(packed), step), ""
    except ServiceError as error:
        whole, code = b"", error.code
    assert code in ("", "bad_gzip", "truncated_gzip", "not_text", "utf_16", "upload_too_large", "gzip_ratio")
    assert code or changes or whole == b">a\n" + text * 2


def test_limits_on_size_and_ratio(monkeypatch):
    with pytest.raises(TooLarge) as caught:
        unpacked(gzip.compress(FASTA), max_bytes=len(FASTA) - 1)
    assert (caught.value.code, caught.value.status_code) == ("upload_too_large", 413)
    monkeypatch.setattr(upload, "GZIP_RATIO_FROM", MIB)
    bomb = gzip.compress(b">a\n" + b"A" * (4 * MIB))
    with pytest.raises(TooLarge) as caught:
        unpacked(bomb)
    assert caught.value.code == "gzip_ratio"


def test_a_bomb_is_stopped_without_being_unpacked_whole():
    given = []
    bomb = gzip.compress(b"A" * (64 * MIB))
    with pytest.raises(TooLarge):
        given.extend(map(len, blocks_of(io.BytesIO(bomb), max_bytes=MIB)))
    assert sum(given) <= MIB


def test_a_library_of_variants_is_no_bomb():
    parent = "ACDEFGHIKLMNPQRSTVWY" * 100
    library = "".join(f">m{i}\n{parent[:i]}A{parent[i + 1 :]}\n" for i in range(2000)).encode()
    assert len(library) / len(zlib.compress(library, 9)) < upload.MAX_GZIP_RATIO / 2


@pytest.mark.parametrize(
    ("data", "code", "word"),
    [
        (b"\x89PNG\r\n\x1a\n" + b"\0" * 99, "not_text", "PNG"),
        (b"PK\x03\x04" + b"\0" * 99, "not_text", "ZIP"),
        (b"%PDF-1.7 ...", "not_text", "PDF"),
        (gzip.compress(gzip.compress(FASTA, mtime=0), mtime=0), "not_text", "gzip"),
        (b"\0\0\0\0" * 99, "not_text", "binary"),
        (">a\nMKT\n".encode("utf-16")[:-1], "utf_16", "UTF-8"),
    ],
)
def test_what_is_no_text_is_named(data, code, word):
    for reading in (
        lambda: unpacked(data),
        lambda: read(data),
        lambda: read(data, "jsonl"),
        lambda: read(data, "csv"),
    ):
        with pytest.raises(InvalidInput) as caught:
            reading()
        assert caught.value.code == code
        assert word in caught.value.detail + caught.value.problems[0].remedy


# --- which format ---------------------------------------------------------------------------------


def reader_of(head, filename="", media_type="", entrance="library"):
    return upload.Upload(io.BytesIO(head), filename=filename, media_type=media_type).kind.require(entrance)


@pytest.mark.parametrize(
    ("filename", "content_type", "head", "expected"),
    [
        ("library.FASTA.gz", "text/csv", b">a\nMKT", "fasta"),
        ("x.jsonl", "application/octet-stream", b">a\nMKT", "fasta"),
        ("x.tsv.gz", "", b"a\tb", "table"),
        ("", "application/x-ndjson", b"broken", "plain"),
        ("", "application/x-ndjson", b"[broken", "jsonl"),
        ("", "application/x-ndjson", b'[{"sequence": "MKT"}]', "json"),
        ("x.txt", "text/plain", b"\n>a\nMKT", "fasta"),
        ("stdin", "", b"; a remark\n>a\nMKT", "fasta"),
        ("x.txt", "text/plain", gzip.compress(FASTA, mtime=0), "fasta"),
        ("", "", b'\xef\xbb\xbf {"sequence": "MKT"}', "jsonl"),
        ("", "", b"id;Sequence\n1;MKT\n", "table"),
        ("stdin.txt", "", b"mutant,score\nA1C,2\n", "table"),
        ("x.txt", "text/plain", b"\n MKTAYI akq?\n", "plain"),
        ("x.fasta", "", b"MKTAYI\n", "plain"),
        ("x.fasta", "", b"Dear all, here it is\n", "fasta"),
    ],
)
def test_the_reader_of_a_library(filename, content_type, head, expected):
    assert reader_of(head, filename, content_type) == expected


@pytest.mark.parametrize(
    ("head", "code"),
    [
        (b"Dear all, here it is.\n", "unknown_format"),
        (b"@a\nMKT\n+\nIII\n", "other_format"),
        (b"A24T\nG56D\n", "other_format"),
        (b" \n", "empty_file"),
        (b"%PDF-1.7", "not_text"),
    ],
)
def test_what_no_library_is_read_from(head, code):
    with pytest.raises(InvalidInput) as caught:
        reader_of(head, "x.txt", "text/plain")
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("line", "bare"),
    [
        (b"MKT", True),
        (b" mk t*\n>x\n!", True),
        (b"M", True),
        (b"1 MKT-?.9", True),
        (b"12 - 9", False),
        (b"MKT!", False),
        (b"MK\xc3\x84", False),
        (b"A" * MIB + b"!", False),
    ],
)
def test_a_bare_line_has_a_letter_and_nothing_that_no_sequence_has(line, bare):
    assert (kind_of(line[: upload.HEAD] if bare else line).key == "plain") is bare


def test_any_first_line_may_be_a_variant_where_variants_are_expected():
    assert reader_of(b"A24T,G56D\n", "codes.txt", entrance="variants") == "plain"
    assert reader_of(b"A24T,G56D\nA24T,G56D\n", "codes.txt", entrance="variants") == "plain"
    assert reader_of(b"mutant;score\n", "codes.txt", entrance="variants") == "table"


# --- documentation --------------------------------------------------------------------------------


def test_every_code_is_documented_and_every_documented_code_exists():
    page = (REPOSITORY / "docs" / "input-rules.md").read_text()
    documented = set(re.findall(r"^\| `(\w+)` \|", page, flags=re.MULTILINE))
    listed = set(re.findall(r"\b\w+\b", jobs.parsing.__doc__.partition("Codes")[2]))
    assert documented == codes_in_source() - WHOLE_REQUEST
    assert documented <= listed


WHOLE_REQUEST = {
    "no_items",
    "invalid_records",
    "too_many_bad_records",
    "too_many_items",
    "context_file_too_large",
    "bad_body",
    "bad_layout",
    "bad_on_invalid",
    "too_many_values",
    "bad_line",
    "several_alignments",
    "too_many_lines",
    "unfinished_alignment",
}
"""Codes of `jobs.parsing` for a whole request or one of its parameters; docs/errors.md lists them."""


CALLS = {"Problem", "problem", "one", "refused", "_warning", "_refused"}
"""Functions whose first argument is a code."""


def codes_in_source():
    """Return the codes of problems in the package's source: literals in calls or assigned to `code`."""
    found = set()
    assays = REPOSITORY / "jobs" / "variants" / "assay_files.py"
    for path in (assays, *Path(jobs.parsing.__file__).parent.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call):
                name = getattr(node.func, "attr", getattr(node.func, "id", ""))
                candidates = node.args[:1] if name in CALLS else []
                candidates += [keyword.value for keyword in node.keywords if keyword.arg == "code"]
            elif isinstance(node, ast.Assign):
                names = {leaf.id: leaf for leaf in ast.walk(node.targets[0]) if isinstance(leaf, ast.Name)}
                value = node.value.elts[0] if isinstance(node.value, ast.Tuple) else node.value
                candidates = [value] if "code" in names else []
            elif isinstance(node, ast.AnnAssign) and getattr(node.target, "id", "") == "code":
                candidates = [node.value]
            else:
                continue
            found |= {c.value for c in candidates if isinstance(c, ast.Constant) and isinstance(c.value, str)}
    return found
