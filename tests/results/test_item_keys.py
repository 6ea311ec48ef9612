"""Files of scores name each variant by its code, its positions and numbers, not only by the name of its record."""

from __future__ import annotations

import io
import itertools

import numpy as np
import pyarrow.parquet as pq
import pytest

from jobs.actions.item_keys import VariantKeys
from jobs.files import pieces
from jobs.models import Job
from jobs.science.variants.numbering_forms import read_numbering
from tests.factories import SHORT
from tests.helpers import body, submit
from tests.results.export_checks import content, hdf5
from tests.results.table_checks import frame, workbook

pytestmark = pytest.mark.django_db

NUMBERING = '{"labels": "51-52, 52A-52B, 53-58"}'
TABLE = b"variant,name\nT52AS,NA\nK52R:A52BG,pair\nM51W,0012\nWT,wt\nM51V,\n"
VARIANTS = ["T52AS", "K52R:A52BG", "M51W", "WT", "M51V"]
POSITIONS = ["3", "2 4", "1", "", "1"]
NUMBERS = ["52A", "52 52B", "51", "", "51"]


@pytest.fixture
def job(api, inline_worker):
    params = f'{{"parent": "{SHORT}", "method": "wildtype_marginal", "numbering": {NUMBERING}}}'
    answer = submit(api, TABLE, "v.csv", action="score", params=params)
    assert answer.status_code == 202, answer.content
    inline_worker()
    return Job.objects.get(pk=body(answer)["id"])


def test_tables_have_the_code_the_positions_and_their_numbers(job):
    for table in (frame(content(job, "csv")), *workbook(content(job, "xlsx")).values()):
        assert list(table.columns)[:7] == ["index", "name", "state", "error", "variant", "positions", "numbers"]
        for title, expected in (("variant", VARIANTS), ("positions", POSITIONS), ("numbers", NUMBERS)):
            assert ["" if cell != cell else str(cell) for cell in table[title].fillna("")] == expected
        assert table["name"].tolist()[:4] == ["NA", "pair", "0012", "wt"]


def test_arrays_have_them_as_text(job):
    arrays = np.load(io.BytesIO(content(job, "npz")), allow_pickle=False)
    rows = pq.read_table(io.BytesIO(content(job, "parquet")))
    with hdf5(job) as file:
        for title, expected in (("variant", VARIANTS), ("positions", POSITIONS), ("numbers", NUMBERS)):
            assert arrays[title].tolist() == expected
            assert rows[title].to_pylist() == expected
            assert file[title].asstr()[:].tolist() == expected


def test_texts_too_wide_for_an_array_are_whole_beside_it(job, monkeypatch):
    monkeypatch.setattr(pieces, "NAME_BYTES", 0)
    monkeypatch.setattr(pieces, "NAME_LETTERS", 4)
    arrays = np.load(io.BytesIO(content(job, "npz")), allow_pickle=False)
    assert arrays["variant"].tolist() == [text[:4] for text in VARIANTS]
    whole, ends = arrays["variant_utf8"].tobytes(), arrays["variant_offsets"].tolist()
    assert [whole[start:end].decode() for start, end in itertools.pairwise(ends)] == VARIANTS


@pytest.mark.parametrize(
    ("text", "cells"),
    [
        ("M3V", ("M3V", 1, 3)),
        (SHORT[:-1], (SHORT[:-1], "", "")),
        (f"W{SHORT[1:]}", (f"{SHORT[0]}3W", 1, 3)),
    ],
)
def test_cells_of_one_position_are_numbers(text, cells):
    keys = VariantKeys(SHORT, read_numbering({"start": 3, "skip": [5]}, "numbering"))
    assert keys.cells(text) == cells
