"""Gzip files of several members, as bgzip, `cat a.gz b.gz` and sequencing centres write them, at every reader."""

from __future__ import annotations

import gzip
import io
import struct
import zlib
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.errors import InvalidInput
from jobs.maps.column_files import read_columns
from jobs.parsing import open_reader, read_context
from jobs.science.alignments.reading import read_alignment
from jobs.science.contacts.chains import read_chains
from jobs.science.variants.numbering_files import numbering_of_file
from jobs.variants.assay_files import read_assay
from tests.factories import pdb
from tests.parsing.reading import ENCODE

QUERY = "MKTAYIAKQRQISFVKSHFSRQ"
FASTA = f">query one\n{QUERY}\n>hom\n{QUERY[:-1]}E\n".encode()
END_OF_BGZF = bytes.fromhex("1f8b08040000000000ff0600424302001b0003000000000000000000")


def bgzf(data: bytes, size: int) -> bytes:
    """Write the blocks that bgzip writes: members that name their own size, and an empty one at the end."""
    blocks = []
    for at in range(0, len(data), size):
        packer = zlib.compressobj(6, zlib.DEFLATED, -15)
        packed = packer.compress(data[at : at + size]) + packer.flush()
        head = b"\x1f\x8b\x08\x04" + bytes(4) + b"\x00\xff\x06\x00BC\x02\x00" + struct.pack("<H", len(packed) + 25)
        tail = struct.pack("<II", zlib.crc32(data[at : at + size]), len(data[at : at + size]))
        blocks.append(head + packed + tail)
    return b"".join(blocks) + END_OF_BGZF


def library(data):
    return [record.sequence for record in open_reader(io.BytesIO(data), ENCODE, filename="library.fasta.gz")]


def unnamed(data):
    return [record.sequence for record in open_reader(io.BytesIO(data), ENCODE, filename="")]


READERS = {
    "library": (library, FASTA),
    "library by its content": (unnamed, FASTA),
    "contexts": (lambda data: read_context(data, ENCODE), FASTA),
    "alignment": (lambda data: read_alignment(data).sequences, FASTA),
    "assay": (lambda data: read_assay(io.BytesIO(data)).values, b"mutant,score\nM1A,0.5\nK2R,1.5\n"),
    "columns": (lambda data: read_columns(data, ["a", "b"])[0][0].values.tolist(), b"name,x\na,1\nb,2\n"),
    "numbering": (lambda data: numbering_of_file(data, "MKT").numbering, b"2 3 5A\n"),
    "structure": (lambda data: [chain.letters for chain in read_chains(data)], pdb(QUERY)),
}


@pytest.mark.parametrize("reader", READERS)
@settings(max_examples=40, deadline=None)
@given(cuts=st.lists(st.integers(0, 3000), max_size=6), zeros=st.integers(0, 600))
def test_every_reader_reads_all_members(reader, cuts, zeros):
    read, data = READERS[reader]
    places = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    members = [data[start:end] for start, end in pairwise(places)]
    packed = b"".join(gzip.compress(member, mtime=0) for member in members) + bytes(zeros)
    assert read(packed) == read(data)


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("size", [1, 7, 65280])
def test_every_reader_reads_bgzip(reader, size):
    read, data = READERS[reader]
    assert read(bgzf(data, size)) == read(data)


@pytest.mark.parametrize("reader", READERS)
def test_a_last_member_that_breaks_off_or_is_damaged_is_no_end(reader):
    read, data = READERS[reader]
    first, second = gzip.compress(data[: len(data) // 2]), gzip.compress(data[len(data) // 2 :])
    for packed, code in ((first + second[:-5], "truncated_gzip"), (first + b"more", "bad_gzip")):
        with pytest.raises(InvalidInput) as caught:
            read(packed)
        assert caught.value.code == code
