"""Downloads against a real Postgres: every number of every format, in input order, also after changes to the
job.
"""

from __future__ import annotations

import io
from itertools import pairwise

import numpy as np
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from e1client.results import Results
from jobs.errors import InvalidInput
from jobs.models import Chunk, Item, Job, Output
from jobs.models.states import JobState
from jobs.queue.lifecycle import job_cancel, job_delete, job_retry
from jobs.results.export import FORMATS, ExportBroken, export_open
from tests.libraries import BAD_LETTER, OUT_OF_MEMORY, library
from tests.results.export_checks import (
    check_all_formats,
    check_npz,
    content,
    csv_rows,
    expected_arrays,
    json_rows,
    npz,
)

pytestmark = pytest.mark.django_db

ENCODE_CASES = [
    {"include": ["mean"]},
    {"include": ["mean"], "repr_layers": [-1, 0, 3]},
    {"include": ["per_token"], "repr_layers": [2, -1]},
    {"include": ["logits"]},
    {"include": ["mean", "logits"]},
    {"include": ["mean", "per_token", "logits"], "repr_layers": [1, -1]},
]
CASES = [
    ("log_prob", {}),
    ("predict", {"rows": "all"}),
    ("predict", {"rows": "masked"}),
    *(("encode", params) for params in ENCODE_CASES),
    ("predict", {"dtype": "float16"}),
    ("encode", {"include": ["mean"], "dtype": "float16", "repr_layers": [-1, 0]}),
    ("encode", {"include": ["mean", "per_token", "logits"], "dtype": "float16"}),
]


STREAMED = [name for name, format in FORMATS.items() if format.blocks]
"""Formats that are written while they are sent; test_artefacts.py has the others."""


@pytest.fixture
def tiny_pages(monkeypatch):
    """Pages so small that chunks, contexts and arrays cross their borders everywhere."""
    monkeypatch.setattr("jobs.results.export.reading.PAGE_ITEMS", 5)
    monkeypatch.setattr("jobs.results.export.reading.PAGE_BYTES", 1500)
    monkeypatch.setattr("jobs.results.export.npz.SNAPSHOT_PAGE", 2)
    monkeypatch.setattr("jobs.results.export.arrays.BATCH_BYTES", 3000)
    monkeypatch.setattr("jobs.results.export.arrays.BLOCK_BYTES", 100)
    monkeypatch.setattr("jobs.files.pieces.BLOCK_BYTES", 100)


@pytest.mark.parametrize(("action", "params"), CASES)
def test_every_action_in_every_format(action, params):
    lib = library(action, params)
    lib.finish()
    check_all_formats(lib)


@pytest.mark.slow
@pytest.mark.usefixtures("tiny_pages")
@pytest.mark.parametrize(("action", "params"), CASES)
def test_failed_skipped_and_retried_items_across_page_borders(action, params):
    contexts = [("MKTAYIA", "MKT"), ("ACDE",)]
    lib = library(action, params, items=45, skipped={0, 9, 10, 44}, contexts=contexts)
    lib.finish(failing={1, 12, 13, 20, 30, 43})
    Job.objects.filter(pk=lib.job.pk).update(state=JobState.PARTIAL)
    assert job_retry(job_id=lib.job.pk) == 6
    lib.finish(failing={13})
    together = Item.objects.filter(job=lib.job, index__in=[1, 12, 43]).values("chunk").distinct()
    assert together.count() == 1, "the retried items, far apart, share a later chunk"
    assert lib.results.keys() == set(range(45)) - {0, 9, 10, 44, 13}
    check_all_formats(lib)
    rows = json_rows(lib.job)
    assert [row["index"] for row in rows] == list(range(45))
    assert rows[0]["error"] == BAD_LETTER.as_dict()
    assert rows[13]["error"] == {**OUT_OF_MEMORY.as_dict(), "line": 27}


@pytest.mark.slow
@pytest.mark.usefixtures("tiny_pages")
@pytest.mark.parametrize("action", ["log_prob", "predict", "encode"])
def test_more_than_a_thousand_items(action, monkeypatch):
    monkeypatch.setattr("jobs.results.export.reading.PAGE_ITEMS", 97)
    lib = library(action, items=1_111)
    lib.finish(failing=set(range(3, 1_111, 50)))
    check_all_formats(lib)


def test_a_running_job_gives_what_is_finished():
    lib = library("encode", items=40)
    chunks = list(Chunk.objects.filter(job=lib.job).order_by("id"))
    lib.finish(chunks[1::2])
    check_all_formats(lib)
    assert [row["index"] for row in json_rows(lib.job)] == [*range(8, 16), *range(24, 32)]


def test_a_cancelled_job_says_so_in_every_row():
    lib = library("log_prob", items=16)
    lib.finish(list(Chunk.objects.filter(job=lib.job).order_by("id")[:1]))
    job_cancel(job_id=lib.job.pk)
    check_all_formats(lib)
    rows = json_rows(lib.job)
    assert {row["state"] for row in rows[8:]} == {"cancelled"}
    assert rows[8]["error"]["code"] == "cancelled"
    assert csv_rows(lib.job)[8]["error"].startswith("cancelled: ")


@pytest.mark.parametrize(
    ("action", "params", "shapes"),
    [
        ("log_prob", {}, {"log_prob": (0,)}),
        ("encode", {"repr_layers": [6]}, {"mean_layer_6": (0, 128)}),
        (
            "encode",
            {"include": ["per_token", "logits"]},
            {"per_token_layer_6": (0, 128), "logits": (0, 20), "offsets": (1,)},
        ),
        ("predict", {}, {"logits": (0, 20), "mask_positions": (0,), "mask_offsets": (1,), "offsets": (1,)}),
    ],
)
def test_nothing_finished_yet_gives_arrays_with_their_shapes(action, params, shapes):
    lib = library(action, params)
    arrays = npz(lib.job)
    assert arrays["index"].shape == arrays["name"].shape == (0,)
    assert {name: arrays[name].shape for name in shapes} == shapes
    assert content(lib.job, "jsonl") == b""
    if action == "log_prob":
        assert content(lib.job, "csv") == b"index,name,state,error,log_prob\n"


def test_names_survive_and_formulas_do_not():
    names = ["é蛋白🧬", "=1+1", "@x", "-a", "+b", "same", "same", 'q"u,ote', "two\nlines", "", "it's"]
    lib = library("log_prob", items=len(names), names=names, skipped={3})
    lib.finish()
    assert [row["name"] for row in json_rows(lib.job)] == names
    assert npz(lib.job)["name"].tolist() == [name for name in names if name != "-a"]
    neutral = {"=1+1": "'=1+1", "@x": "'@x", "-a": "'-a", "+b": "'+b"}
    assert [row["name"] for row in csv_rows(lib.job)] == [neutral.get(name, name) for name in names]
    check_all_formats(lib)


def test_one_very_long_name_does_not_widen_all_of_them(monkeypatch):
    monkeypatch.setattr("jobs.files.pieces.NAME_BYTES", 1000)
    names = ["é蛋白🧬" + "x" * 300, "short", "", "y" * 256, "z" * 400]
    lib = library("encode", items=len(names), names=names, skipped={4})
    lib.finish()
    arrays = npz(lib.job)
    assert arrays["name"].dtype == np.dtype("<U256")
    assert arrays["name"].tolist() == [name[:256] for name in names[:4]]
    text, ends = arrays["name_utf8"].tobytes(), arrays["name_offsets"]
    assert [text[a:b].decode() for a, b in pairwise(ends)] == names[:4]
    assert Results(arrays).names == names[:4]
    assert [row["name"] for row in json_rows(lib.job)] == names


def test_a_few_long_names_stay_in_one_array():
    names = ["x" * 4000, "short"]
    lib = library("log_prob", items=len(names), names=names)
    lib.finish()
    assert npz(lib.job)["name"].tolist() == names
    assert "name_utf8" not in npz(lib.job)


def test_arrays_of_whole_chunks_are_read_without_their_items():
    lib = library("encode", items=64)
    lib.finish()
    with CaptureQueriesContext(connection) as asked:
        check_npz(lib)
    assert not [one for one in asked.captured_queries if "jobs_output" in one["sql"] and "item_index" in one["sql"]]


def test_a_checkpoint_of_another_width_is_exported_as_stored():
    lib = library("encode", {"include": ["mean", "per_token"]}, width=32)
    lib.finish()
    check_npz(lib)


def test_an_unknown_format_lists_the_known_ones():
    with pytest.raises(InvalidInput) as refused:
        export_open(library("log_prob").job, "xls")
    assert refused.value.code == "unknown_format"
    assert refused.value.problems[0].remedy == "Choose from jsonl, csv, xlsx, npz, parquet, h5."


@pytest.mark.usefixtures("tiny_pages")
def test_an_npz_holds_its_snapshot_though_the_job_runs_on():
    lib = library("encode", {"include": ["mean", "per_token"]}, items=40)
    chunks = list(Chunk.objects.filter(job=lib.job).order_by("id"))
    lib.finish(chunks[1:3], failing={9})
    expected = expected_arrays(lib)
    blocks = export_open(lib.job, "npz").blocks
    start = next(blocks)
    lib.finish([chunks[0], *chunks[3:]])
    Job.objects.filter(pk=lib.job.pk).update(state=JobState.PARTIAL)
    job_retry(job_id=lib.job.pk)
    with np.load(io.BytesIO(start + b"".join(blocks)), allow_pickle=False) as arrays:
        for name, array in expected.items():
            np.testing.assert_array_equal(arrays[name], array, err_msg=name)


@pytest.mark.usefixtures("tiny_pages")
@pytest.mark.parametrize("format", STREAMED)
def test_a_job_deleted_meanwhile_breaks_the_transfer_off(format):
    lib = library("encode", items=40)
    lib.finish()
    blocks = export_open(lib.job, format).blocks
    next(blocks)
    job_delete(job_id=lib.job.pk)
    with pytest.raises(ExportBroken):
        list(blocks)


@pytest.mark.parametrize("format", STREAMED)
def test_damaged_bytes_are_never_sent(format):
    lib = library("encode", items=24)
    lib.finish()
    damaged = Output.objects.filter(chunk__job=lib.job).order_by("id")[1]
    data = bytearray(damaged.data)
    data[100] ^= 1
    Output.objects.filter(pk=damaged.pk).update(data=bytes(data))
    with pytest.raises(ExportBroken, match="checksum") as broken:
        content(lib.job, format)
    assert broken.value.code == "bad_checksum"


@pytest.mark.parametrize("format", STREAMED)
def test_a_missing_row_is_never_passed_over(format):
    lib = library("encode", items=24)
    lib.finish()
    Output.objects.filter(chunk__job=lib.job).order_by("id")[2].delete()
    with pytest.raises(ExportBroken, match="not stored"):
        content(lib.job, format)


def test_the_same_results_give_the_same_bytes():
    lib = library("encode", {"include": ["mean", "logits"]})
    lib.finish()
    assert content(lib.job, "npz") == content(lib.job, "npz")


@pytest.mark.parametrize("format", STREAMED)
def test_the_file_is_called_after_the_job_and_its_action(format):
    job = library("log_prob").job
    assert export_open(job, format).filename == f"library-log_prob.{format}"
    job.name = ""
    assert export_open(job, format).filename == f"e1-demo-{job.pk.hex[:8]}-log_prob.{format}"
