"""CSV and XLSX of every action: read back they equal the stored arrays, in order, with every name."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from typing import Any

import pandas as pd
import pytest

from jobs.errors import InvalidInput
from jobs.models import Chunk, Item, Job
from jobs.models.states import JobState
from jobs.pages.downloads import downloads_of
from jobs.queue.lifecycle import job_cancel, job_retry
from jobs.queue.progress import job_counts
from jobs.results.export import Part, export_open
from tests.factories import SHORT, finished
from tests.libraries import library
from tests.results.export_checks import content
from tests.results.table_checks import check_table, frame, tables_in, workbook
from worker.run_file import run

pytestmark = pytest.mark.django_db

CASES = [
    ("log_prob", {}),
    ("predict", {"rows": "all"}),
    ("predict", {"rows": "masked"}),
    ("predict", {"dtype": "float16"}),
    ("encode", {"include": ["mean"], "repr_layers": [-1, 0]}),
    ("encode", {"include": ["per_token"], "repr_layers": [2, -1]}),
    ("encode", {"include": ["logits"]}),
    ("encode", {"include": ["mean", "per_token", "logits"]}),
    ("encode", {"include": ["mean", "per_token", "logits"], "dtype": "float16"}),
]
NAMES = ["NA", "nan", "0012345678901234567890", "β-lactamase", "", "a,b", 'q"u', "same", "same", "null", "TRUE", "1e5"]


def check_tables(job: Job, results: Mapping[int, Mapping[str, Any]]) -> None:
    """Compare every table of a job, as CSV and as a sheet, with the results of its items."""
    sequences = dict(Item.objects.filter(job=job).values_list("index", "sequence"))
    names = list(Item.objects.filter(job=job).order_by("index").values_list("name", flat=True))
    expected: dict[str, dict[int, pd.DataFrame]] = {}
    for index, result in results.items():
        for name, rows in tables_in(result, sequences[index]):
            expected.setdefault(name, {})[index] = rows()
    sheets = workbook(content(job, "xlsx"))
    assert list(sheets) == list(expected)
    for name, of_items in expected.items():
        data = b"".join(export_open(job, "csv", Part(name)).blocks)
        check_table(frame(data), of_items, names)
        check_table(sheets[name], of_items, names)
        if len(expected) == 1:
            assert content(job, "csv") == data, "the only table needs no choice"


@pytest.fixture
def tiny_pages(monkeypatch):
    monkeypatch.setattr("jobs.results.export.reading.PAGE_ITEMS", 5)
    monkeypatch.setattr("jobs.results.export.reading.PAGE_BYTES", 1500)
    monkeypatch.setattr("jobs.results.export.tables.PAGE_CHUNKS", 1)
    monkeypatch.setattr("jobs.files.pieces.BLOCK_BYTES", 100)
    monkeypatch.setattr("jobs.files.tables.SLICE", 64)


@pytest.mark.parametrize(("action", "params"), CASES)
def test_every_table_equals_the_arrays(action, params):
    lib = library(action, params, items=12, names=NAMES)
    lib.finish()
    check_tables(lib.job, lib.results)


@pytest.mark.slow
@pytest.mark.usefixtures("tiny_pages")
@pytest.mark.parametrize(("action", "params"), [CASES[0], CASES[2], CASES[4], CASES[7]])
def test_failed_skipped_and_retried_items(action, params):
    lib = library(action, params, items=21, names=NAMES, skipped={0, 9, 20}, contexts=[("MKTAYIA", "MKT"), ("ACDE",)])
    lib.finish(failing={1, 12, 13, 19})
    Job.objects.filter(pk=lib.job.pk).update(state=JobState.PARTIAL)
    job_retry(job_id=lib.job.pk)
    lib.finish(failing={13})
    check_tables(lib.job, lib.results)
    first, _ = next(tables_in(lib.results[1], "M"))
    table = frame(b"".join(export_open(lib.job, "csv", Part(first)).blocks))
    refused = table[table["error"].notna()]
    assert refused["index"].tolist() == [0, 9, 13, 20], "each has one row"
    assert refused["error"].iloc[0] == "bad_letter: line 7 has 'J', which is no residue"
    assert refused["error"].iloc[2].startswith("out_of_memory: ")
    numbers = refused.drop(columns=["index", "name", "error", "state"], errors="ignore")
    assert numbers.isna().all(axis=None)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("action", "params", "items"),
    [
        ("scan", {}, [SHORT, "MK?XTA", "ACD"]),
        ("scan", {"positions": [2, 3]}, [SHORT, "ACD"]),
        ("scan", {"numbering": {"start": 3, "skip": [5, 9]}}, [SHORT]),
        ("scan", {"contexts": [["MKTAYIA"], ["ACDEFGH", "MKT"]]}, [SHORT, "ACD"]),
        ("contacts", {}, [SHORT, "MK", "ACDEFGH"]),
        ("contacts", {"contexts": [["MKTAYIA"], ["ACDEFGH", "MKT"]]}, [SHORT]),
    ],
)
def test_actions_of_many_passes(api, inline_worker, action, params, items):
    if action == "scan":
        params = {"method": "wildtype_marginal", **params}
        items = [sequence.replace("?", "X") for sequence in items]
    job = finished(api, inline_worker, action, [{"sequence": one, "name": "NA"} for one in items], **params)
    results = {n: api.get(f"{job['url']}items/{n}/").json()["result"] for n in range(len(items))}
    check_tables(Job.objects.get(pk=job["id"]), results)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("action", "params", "sequences"),
    [
        ("predict", {"rows": "masked"}, ["MK?TAYI", "?"]),
        ("encode", {"include": ["per_token"]}, ["MKTAYI", "A"]),
        ("scan", {"method": "wildtype_marginal", "numbering": {"start": 3, "skip": [5]}}, ["MKTAYI", "MXT"]),
        ("contacts", {"contexts": [["MKTAYIA"], ["ACDEFGH", "MKT"]]}, ["MKTAYI", "MK"]),
        ("log_prob", {}, ["MKTAYI", "MK"]),
    ],
)
def test_e1_run_writes_the_same_tables(api, inline_worker, tmp_path, action, params, sequences):
    items = [{"sequence": one, "name": "NA"} for one in sequences]
    served = Job.objects.get(pk=finished(api, inline_worker, action, items, **params)["id"])
    request = tmp_path / "in.json"
    request.write_text(json.dumps({"model": "e1-demo", "action": action, "params": params, "items": items}))
    how = {"action": None, "model": None, "context": None, "params": {}, "on_invalid": "reject", "name": ""}
    for suffix in ("csv", "xlsx"):
        out = tmp_path / f"out.{suffix}"
        assert run(request, out=out, report=lambda done, total: None, **how) == 0
    one, other = frame((tmp_path / "out.csv").read_bytes()), frame(content(served, "csv"))
    pd.testing.assert_frame_equal(one, other, rtol=1e-3, atol=1e-4)
    (mine,), (theirs,) = (
        workbook(data).values() for data in ((tmp_path / "out.xlsx").read_bytes(), content(served, "xlsx"))
    )
    pd.testing.assert_frame_equal(mine, theirs, rtol=1e-3, atol=1e-4)


def test_variants_are_a_row_each(api, inline_worker):
    params = {"parent": SHORT, "method": "wildtype_marginal", "contexts": [["MKTAYIA"], ["ACDEFGH", "MKT"]]}
    job = finished(api, inline_worker, "score", [{"variant": code} for code in ("M1A", "K2R:T3S")], **params)
    results = {n: api.get(f"{job['url']}items/{n}/").json()["result"] for n in range(2)}
    check_tables(Job.objects.get(pk=job["id"]), results)


def test_a_running_job_has_what_is_finished():
    lib = library("predict", items=24)
    chunks = list(Chunk.objects.filter(job=lib.job).order_by("id"))
    lib.finish(chunks[1:2])
    check_tables(lib.job, lib.results)
    assert sorted(lib.results) == list(range(8, 16))
    job_cancel(job_id=lib.job.pk)
    table = frame(content(lib.job, "csv"))
    assert table[table["error"].notna()]["index"].tolist() == [*range(8), *range(16, 24)]
    assert set(table["error"].dropna()) == {"cancelled: the job was cancelled before this item was computed"}


@pytest.mark.parametrize("action", ["log_prob", "predict", "encode", "scan", "contacts"])
def test_nothing_finished_yet_is_a_header(action):
    params = {"scan": {"method": "wildtype_marginal"}}.get(action, {})
    job = library(action, params, items=0).job
    head, *rows = content(job, "csv").decode().splitlines()
    assert (head[:11], rows) == ("index,name,", [])
    (sheet,) = workbook(content(job, "xlsx")).values()
    assert (list(sheet.columns), len(sheet)) == (head.split(","), 0)


def test_several_tables_are_chosen_by_name():
    job = library("encode", {"include": ["mean", "logits"]}).job
    with pytest.raises(InvalidInput) as refused:
        export_open(job, "csv")
    assert refused.value.code == "several_tables"
    problem = refused.value.problems[0]
    assert "mean (a row for each item), logits (a row for each amino acid at a position)" in problem.message
    for name in ("mean", "logits"):
        assert name in problem.message
        assert export_open(job, "csv", Part(name)).filename.endswith(f"-{name}.csv")
    assert "XLSX" in problem.remedy.upper()
    assert list(workbook(content(job, "xlsx"))) == ["mean", "logits"]
    assert list(workbook(b"".join(export_open(job, "xlsx", Part("logits")).blocks))) == ["logits"]


@pytest.mark.parametrize("format", ["csv", "xlsx", "npz"])
def test_a_table_that_is_not_there_is_refused(format):
    job = library("encode", {"include": ["mean", "logits"]}).job
    with pytest.raises(InvalidInput) as refused:
        export_open(job, format, Part("per_token"))
    assert refused.value.code == "unknown_table"


def test_excel_recognises_utf_8_by_a_mark(api):
    lib = library("log_prob", names=["β-lactamase"], items=1)
    lib.finish()
    data = b"".join(export_open(lib.job, "csv", Part(bom=True)).blocks)
    assert data == b"\xef\xbb\xbf" + content(lib.job, "csv")
    assert frame(data)["name"].tolist() == ["β-lactamase"]
    assert frame(data).columns[0] == "index"


def test_a_workbook_says_where_its_numbers_come_from():
    lib = library("log_prob", items=3)
    lib.finish()
    about = pd.read_excel(io.BytesIO(content(lib.job, "xlsx")), sheet_name="about", engine="calamine", index_col=0)[
        "value"
    ]
    assert about["job"] == str(lib.job.pk)
    assert "not E1-600M" in about["attribution"]
    assert about["action"] == "log_prob"


@pytest.mark.parametrize(
    ("limit", "value", "said"),
    [
        ("MAX_ROWS", 100, "has more rows than the 99 that a sheet of XLSX holds"),
        ("MAX_COLUMNS", 7, "has 8 columns, and a sheet of XLSX holds 7"),
        ("MAX_CELLS", 600, "cells, and a spreadsheet opens about 600"),
    ],
)
def test_what_a_sheet_cannot_hold_is_refused_before_the_first_byte(monkeypatch, limit, value, said):
    lib = library("predict", items=8)
    lib.finish()
    monkeypatch.setattr(f"jobs.files.xlsx.{limit}", value)
    monkeypatch.setattr("jobs.results.export.tables.MAX_ROWS", 100 if limit == "MAX_ROWS" else 10_000)
    with pytest.raises(InvalidInput) as refused:
        export_open(lib.job, "xlsx")
    assert refused.value.code == "sheet_too_large"
    assert said in refused.value.problems[0].message
    assert "csv" in refused.value.problems[0].remedy
    assert len(frame(content(lib.job, "csv"))) > 99, "the remedy works"


def test_a_full_sheet_is_written_and_one_row_more_is_not(monkeypatch):
    lib = library("log_prob", items=9)
    lib.finish()
    for module in ("files.xlsx", "results.export.tables"):
        monkeypatch.setattr(f"jobs.{module}.MAX_ROWS", 10)
    assert len(workbook(content(lib.job, "xlsx"))["log_prob"]) == 9
    for module in ("files.xlsx", "results.export.tables"):
        monkeypatch.setattr(f"jobs.{module}.MAX_ROWS", 9)
    with pytest.raises(InvalidInput, match="more rows"):
        export_open(lib.job, "xlsx")


@pytest.mark.parametrize(("action", "limit"), [("log_prob", 10), ("predict", 1500)])
def test_a_running_job_that_will_outgrow_a_sheet_is_refused_beforehand(monkeypatch, action, limit):
    lib = library(action, items=16)
    lib.finish(list(Chunk.objects.filter(job=lib.job).order_by("id")[:1]))
    for module in ("files.xlsx", "results.export.tables"):
        monkeypatch.setattr(f"jobs.{module}.MAX_ROWS", limit)
    assert len(frame(content(lib.job, "csv"))) < limit, "what there is now would fit"
    with pytest.raises(InvalidInput) as refused:
        export_open(lib.job, "xlsx")
    (problem,) = refused.value.problems
    assert problem.code == "sheet_too_large"
    assert problem.message.startswith("once the job is over, the table")
    offered = [one for one in downloads_of(lib.job, job_counts(lib.job)) if one.format == "xlsx"]
    assert ["once the job is over" in one.refused for one in offered] == [True]
    for module in ("files.xlsx", "results.export.tables"):
        monkeypatch.setattr(f"jobs.{module}.MAX_ROWS", 100_000)
    assert export_open(lib.job, "xlsx").blocks
