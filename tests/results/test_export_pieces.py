"""The parts of downloads that need no database: the zip stream, blocks, cells of a spreadsheet, groups of
arrays.
"""

from __future__ import annotations

import csv
import io
import zipfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from e1protocol import MODELS
from jobs.attribution import attribution
from jobs.files.pieces import in_blocks, npy_header, text_cell, zip_blocks
from jobs.results.export.reading import ItemRow, Placed, StoredRow, groups


def member(array: np.ndarray, cut: int) -> list[bytes]:
    """An array as an .npy member in two pieces."""
    data = array.tobytes()
    return [npy_header(array.dtype, array.shape), data[:cut], data[cut:]]


def test_numpy_reads_the_zip_stream():
    arrays = {
        "small": np.arange(3, dtype="<i8"),
        "wide": np.random.default_rng(1).normal(size=(700, 128)).astype("<f4"),
        "name": np.array(["é蛋白🧬", ""], dtype="<U7"),
        "empty": np.empty((0, 20), dtype="<f4"),
    }
    blocks = list(zip_blocks((f"{name}.npy", member(array, 7)) for name, array in arrays.items()))
    assert len(blocks) > 1, "it is a stream"
    with np.load(io.BytesIO(b"".join(blocks)), allow_pickle=False) as loaded:
        assert list(loaded) == list(arrays)
        for name, array in arrays.items():
            assert loaded[name].dtype == array.dtype
            np.testing.assert_array_equal(loaded[name], array)


def test_every_member_may_grow_beyond_four_gibibytes():
    whole = b"".join(zip_blocks([("a.npy", [b"x" * 10])]))
    with zipfile.ZipFile(io.BytesIO(whole)) as archive:
        assert archive.testzip() is None
        assert archive.infolist()[0].extract_version >= zipfile.ZIP64_VERSION


def test_an_error_in_a_member_leaves_the_zip_unreadable():
    def pieces():
        yield b"x" * 1_000_000
        raise ValueError("the source broke")

    blocks = zip_blocks([("a.npy", pieces())])
    sent = next(blocks)
    with pytest.raises(ValueError, match="source broke"):
        list(blocks)
    with pytest.raises(zipfile.BadZipFile):
        zipfile.ZipFile(io.BytesIO(sent))


@given(st.lists(st.binary(max_size=300_000), max_size=6))
def test_blocks_hold_the_same_bytes(pieces):
    blocks = list(in_blocks(pieces))
    assert b"".join(blocks) == b"".join(pieces)
    assert all(len(block) >= 256 * 1024 for block in blocks[:-1])
    assert b"" not in blocks


@given(st.text())
def test_a_csv_reader_gets_the_text_back(text):
    (row,) = csv.reader(io.StringIO(f"{text_cell(text)},next", newline=""), strict=True)
    assert row in ([text, "next"], ["'" + text, "next"])
    assert not row[0].startswith(("=", "+", "-", "@", "\t", "\r", "\n"))


def placed(index: int, *stored: StoredRow, sequence: str = "") -> Placed:
    item = ItemRow(index, "", None, "succeeded", None, 1, 8, None, 0, sequence)
    return Placed(item, tuple((row, 0) for row in stored))


def row(row_id: int, numbers: int) -> StoredRow:
    return StoredRow(row_id, ("mean", 1), "<f4", numbers, (1,), b"")


def test_groups_count_a_shared_row_once_and_hold_at_least_one_item(monkeypatch):
    monkeypatch.setattr("jobs.results.export.reading.PAGE_BYTES", 100)
    shared, small, huge = row(1, 20), row(2, 4), row(3, 1_000)
    items = [
        placed(0, shared),
        placed(1, shared),
        placed(2, small),
        placed(3, huge),
        placed(4, huge),
        placed(5),
    ]
    cut = [[one.item.index for one in group] for group in groups(items)]
    assert cut == [[0, 1, 2], [3, 4, 5]]


def test_groups_count_letters_too(monkeypatch):
    monkeypatch.setattr("jobs.results.export.reading.PAGE_BYTES", 100)
    items = [placed(n, row(1, 1), sequence="M" * 60) for n in range(3)]
    assert [len(group) for group in groups(items)] == [1, 1, 1]


@pytest.mark.parametrize("slug", MODELS)
def test_attribution_names_profluent_e1_and_nobodys_endorsement(slug):
    text = attribution(MODELS[slug])
    assert "Profluent-E1" in text
    assert MODELS[slug].title in text
    assert "neither endorses" in text
    assert ("is not E1-600M" in text) == (slug == "e1-demo")
