"""The beginning of a file decides its kind. What comes later is read as that kind, or refused with its place."""

from __future__ import annotations

import gzip
import io
import json

import pytest

from jobs.errors import InvalidInput
from jobs.parsing import open_reader, upload
from jobs.parsing.recognition import HEAD
from jobs.parsing.upload import LookedAt
from tests.parsing.reading import ENCODE

LONG = b"# " + b"x" * 98 + b"\n"
COMMENTS = LONG * (HEAD // len(LONG) + 10)


def records(data, name=""):
    return [(one.name, one.sequence) for one in open_reader(io.BytesIO(data), ENCODE, filename=name)]


@pytest.mark.parametrize("name", ["x.fasta", "x.fa.gz", "x.faa"])
def test_comments_longer_than_the_head_before_fasta(name):
    assert records(COMMENTS + b">a\nMKT\n", name.removesuffix(".gz")) == [("a", "MKT")]


def test_comments_longer_than_the_head_before_a_table():
    assert records(COMMENTS + b"name,sequence\na,MKT\n", "x.csv") == [("a", "MKT")]


@pytest.mark.parametrize(
    "data", [b">a\nMKT\n", b"name,sequence\na,MKT\n", b"name\tsequence\r\na\tMKT\r\n", b"\n\n>a\nMKT"]
)
@pytest.mark.parametrize("many", [1, 2, 3.5])
@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_what_comes_after_long_comments_tells_the_kind(data, many, pack):
    comments = LONG * int(many * HEAD / len(LONG))
    assert records(pack(comments + data)) == [("a", "MKT")]


def test_comments_without_an_end_are_refused_with_a_remedy_that_works(monkeypatch):
    monkeypatch.setattr(upload, "LONGEST_HEAD", 2 * HEAD)
    with pytest.raises(InvalidInput) as caught:
        records(COMMENTS * 4 + b">a\nMKT\n")
    assert caught.value.code == "unknown_format"
    assert records(COMMENTS * 4 + b">a\nMKT\n", "x.fasta") == [("a", "MKT")], "the name says it"
    assert records(b">a\nMKT\n") == [("a", "MKT")]


LONG_NAME = {"name": "a", "sequence": "MKT", "context_sequences": ["MRT" * 600] * 40}


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_a_first_line_longer_than_the_head_is_jsonl_or_a_request(pack):
    line = json.dumps(LONG_NAME).encode()
    assert len(line) > HEAD
    assert records(pack(line + b"\n" + line + b"\n")) == [("a", "MKT")] * 2
    assert records(pack(line)) == [("a", "MKT")]
    assert records(pack(b'{"items": [' + line + b"," + line + b"]}")) == [("a", "MKT")] * 2
    assert records(pack(b"[" + line + b"]")) == [("a", "MKT")]


FEATURES = b"COMMENT     a long remark about this protein and how it was found\n" * (HEAD // 50)
HEADS = {
    "GenPept": b"LOCUS       X 3 aa linear\n" + FEATURES + b"ORIGIN\n        1 mkt\n//\n",
    "UniProt": b"ID   X Reviewed; 3 AA.\nAC   X;\n"
    + b"CC   a long remark about this protein\n" * (HEAD // 30)
    + b"SQ   SEQUENCE   3 AA;  350 MW;  0123456789ABCDEF CRC64;\n     MKT\n//\n",
    "Stockholm": b"# STOCKHOLM 1.0\n" + b"#=GF CC a long remark about this family\n" * (HEAD // 30) + b"X MKT\n//\n",
    "A3M": b"#A3M#\n" + COMMENTS + b">X\nMKT\n>Y\nMK-\n",
    "PIR": b">P1;X\ntitle\nMKT*\n" + b"C;a long remark about this protein\n" * (HEAD // 30),
}


@pytest.mark.parametrize("what", HEADS)
def test_long_heads_of_other_formats_are_read(what):
    assert records(HEADS[what])[0] == ("X", "MKT")


@pytest.mark.parametrize("data", [b">a\nMKT\n", b'{"items": [{"sequence": "MKT"}]}', COMMENTS + b">a\nMKT\n", b""])
@pytest.mark.parametrize("pack", [bytes, gzip.compress])
@pytest.mark.parametrize("size", [1, 7, 1 << 20, -1])
def test_a_stream_that_was_looked_at_is_whole(data, pack, size):
    packed = pack(data)
    looked = LookedAt(io.BytesIO(packed))
    assert looked.kind.key == ("json" if b"items" in data else "fasta" if data else "empty")
    parts = []
    while block := looked.read(size):
        parts.append(block)
    assert b"".join(parts) == packed


def test_gaps_behind_the_head_are_faults_with_their_places():
    """The first rows have no gaps, so that the file is FASTA; a gap is never dropped unsaid."""
    rows = b"".join(b">r%d\nMKTAYIAKQR\n" % n for n in range(HEAD // 12))
    found = list(open_reader(io.BytesIO(rows + b">last\nMKT-YIAKQR\n"), ENCODE, filename="x.fasta"))
    assert [problem.code for problem in found[-1].problems] == ["bad_letter"]
