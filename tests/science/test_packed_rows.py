"""Alignments as bytes and back."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.science.alignments.packed import alignment_digest, counts_packed, counts_unpacked, packed, unpacked
from jobs.science.alignments.reading import Alignment


@st.composite
def alignments(draw):
    columns = draw(st.integers(1, 9))
    rows = draw(st.lists(st.text("ACDEFGHIKLMNPQRSTVWY-", min_size=columns, max_size=columns), min_size=1, max_size=9))
    names = tuple(draw(st.text("abc|_é/1", min_size=1, max_size=5)) for _ in rows)
    inserted = [draw(st.booleans()) for _ in rows]
    sequences = tuple(row.replace("-", "") + ("QQ" if more else "") for row, more in zip(rows, inserted, strict=True))
    letters = np.frombuffer("".join(rows).encode(), dtype=np.uint8).reshape(len(rows), columns)
    return Alignment(names, letters, sequences)


@given(alignments())
def test_what_is_packed_comes_back(alignment):
    back = unpacked(packed(alignment), depth=alignment.depth)
    assert (back.names, back.sequences) == (alignment.names, alignment.sequences)
    assert (back.columns == alignment.columns).all()
    assert alignment_digest(back) == alignment_digest(alignment)


def test_every_part_of_a_row_is_in_the_digest():
    letters = np.frombuffer(b"MKT", dtype=np.uint8).reshape(1, 3)
    gap = np.frombuffer(b"MK-", dtype=np.uint8).reshape(1, 3)
    made = {
        alignment_digest(Alignment((name,), columns, (sequence,)))
        for name, columns, sequence in [
            ("a", letters, "MKT"),
            ("b", letters, "MKT"),
            ("a", gap, "MKT"),
            ("a", letters, "MKTQ"),
        ]
    }
    assert len(made) == 4


def test_damage_is_noticed():
    alignment = Alignment(("a",), np.frombuffer(b"MKT", dtype=np.uint8).reshape(1, 3), ("MKT",))
    data = b"".join(packed(alignment))
    with pytest.raises(ValueError, match="damaged"):
        unpacked([b"x" + data], depth=1)
    with pytest.raises(ValueError, match="not 2"):
        unpacked([data], depth=2)


def test_counts_come_back():
    counts = np.array([1, 70_000, 3], dtype=np.int64)
    assert (counts_unpacked(counts_packed(counts)) == counts).all()
