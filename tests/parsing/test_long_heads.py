"""The first 64 KiB decide the kind of a file. What comes later is read as that kind, or refused with its place."""

from __future__ import annotations

import io

import pytest

from jobs.errors import InvalidInput
from jobs.parsing import open_reader
from jobs.parsing.recognition import HEAD
from tests.parsing.reading import ENCODE

LONG = b"# " + b"x" * 98 + b"\n"
COMMENTS = LONG * (HEAD // len(LONG) + 10)


def records(data, name=""):
    return [(one.name, one.sequence) for one in open_reader(io.BytesIO(data), ENCODE, filename=name)]


@pytest.mark.parametrize("name", ["x.fasta", "x.fa.gz", "x.faa"])
def test_comments_longer_than_the_head_need_a_name_that_says_fasta(name):
    assert records(COMMENTS + b">a\nMKT\n", name.removesuffix(".gz")) == [("a", "MKT")]


def test_comments_longer_than_the_head_before_a_table_need_its_name():
    assert records(COMMENTS + b"name,sequence\na,MKT\n", "x.csv") == [("a", "MKT")]


def test_without_a_name_they_are_refused_with_a_remedy_that_works():
    with pytest.raises(InvalidInput) as caught:
        records(COMMENTS + b">a\nMKT\n")
    assert caught.value.code == "unknown_format"
    assert records(b">a\nMKT\n") == [("a", "MKT")]


def test_gaps_behind_the_head_are_faults_with_their_places():
    """The first rows have no gaps, so that the file is FASTA; a gap is never dropped unsaid."""
    rows = b"".join(b">r%d\nMKTAYIAKQR\n" % n for n in range(HEAD // 12))
    found = list(open_reader(io.BytesIO(rows + b">last\nMKT-YIAKQR\n"), ENCODE, filename="x.fasta"))
    assert [problem.code for problem in found[-1].problems] == ["bad_letter"]
