"""The life of a job in the browser: log in, submit, watch, correct, cancel, retry, download."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest
from playwright.sync_api import Locator, Page, expect

from tests.e2e.conftest import until
from tests.e2e.steps import BAD, GOOD, cancel, fail_chunk_of, file, library, submit, wait_for


def moved_on(bar: Locator, seen: int) -> None:
    """Wait until the worker has done more of a job."""
    expect(bar).not_to_have_js_property("value", seen, timeout=60_000)


def test_logging_in_with_a_wrong_password_says_so_and_keeps_the_name(open_page):
    page = open_page(anonymous=True).page
    page.goto("/service/")
    expect(page).to_have_url(re.compile(r"/login/\?next=/service/$"))
    page.get_by_label("User name").fill("admin")
    page.get_by_label("Password").fill("not this one")
    page.get_by_role("main").get_by_role("button", name="Log in").click()
    expect(page.get_by_role("alert")).to_contain_text("correct")
    expect(page.get_by_label("User name")).to_have_value("admin")


def test_a_file_with_a_bad_record_is_mended_and_runs_to_its_end(page, watched):
    watched.expected = re.compile("status of 400")
    page.goto("/jobs/new/")
    page.locator("#id_action").select_option("log_prob")
    page.locator("#id_file").set_input_files(file("mine.fasta", BAD))
    preview = page.get_by_role("main")
    expect(preview).to_contain_text("line 7")  # found by the browser, before anything is sent
    page.get_by_role("button", name="Submit job").click()
    expect(page.get_by_role("alert")).to_contain_text("1")
    expect(page.get_by_role("main")).to_contain_text("broken")
    expect(page).to_have_url(re.compile("/jobs/new/"))
    page.locator("#id_file").set_input_files(file("mine.fasta", BAD.replace("MKT1", "MKTA")))
    page.get_by_role("button", name="Submit job").click()
    expect(page.get_by_role("heading", level=1, name="mine.fasta")).to_be_visible()
    wait_for(page, "succeeded")
    expect(page.locator("#sentence")).to_contain_text("3 succeeded")


def test_progress_moves_by_itself_and_a_job_is_cancelled_half_way(page, service):
    submit(page, "long.fasta", library(4000))
    wait_for(page, "running")
    bar = page.get_by_role("progressbar", name="Finished items")
    moved_on(bar, 0)
    seen = bar.evaluate("bar => bar.value")
    moved_on(bar, seen)
    assert bar.evaluate("bar => bar.value") > seen
    expect(page.locator("#live")).to_contain_text("to go", timeout=60_000)
    cancel(page)
    wait_for(page, "cancelled")
    job = service.jobs(limit=1)[0]
    assert job.counts["succeeded"] > 0
    assert job.counts["cancelled"] > 0
    assert job.counts["succeeded"] + job.counts["cancelled"] == 4000


@pytest.mark.slow
def test_no_click_is_lost_while_the_page_moves(page):
    submit(page, "clicks.fasta", library(4000))
    wait_for(page, "running")
    button = page.locator("#do-pause").element_handle()
    bar = page.get_by_role("progressbar", name="Finished items")
    seen = bar.evaluate("bar => bar.value")
    for _ in range(3):  # the part is renewed meanwhile, and the button stays the same element
        moved_on(bar, seen)
        seen = bar.evaluate("bar => bar.value")
    assert button.evaluate("button => button.isConnected")
    box = button.bounding_box()
    page.mouse.move(box["x"] + 5, box["y"] + 5)
    page.mouse.down()
    moved_on(bar, seen)
    page.mouse.up()
    wait_for(page, "paused")
    cancel(page)
    wait_for(page, "cancelled")


@pytest.mark.slow
def test_pause_and_resume(page):
    submit(page, "pause.fasta", library(6000))
    page.get_by_role("button", name="Pause").click()
    wait_for(page, "paused")
    expect(page.locator("#live")).to_contain_text("by you")
    page.get_by_role("button", name="Resume").click()
    cancel(page)
    wait_for(page, "cancelled")


def test_failed_items_are_shown_with_their_reason_and_retried(page, stack, service):
    submit(page, "retry.fasta", library(20), action="log_prob")
    wait_for(page, "succeeded")
    job = service.jobs(limit=1)[0]
    before = [row["result"] for row in rows(page, job.id)]
    fail_chunk_of(stack, job.id, index=9)
    page.reload()
    wait_for(page, "partial")
    expect(page.locator("#files")).to_contain_text("p9 did not fit")
    expect(page.locator("#files")).to_contain_text("Use a larger GPU.")
    page.locator("#problems summary").click()
    page.get_by_role("link", name="All failed items").click()
    expect(page.get_by_role("table")).to_contain_text("p8")
    page.go_back()
    page.get_by_role("button", name="Retry 8 failed items").click()
    expect(page.get_by_role("main")).to_contain_text("8 failed items are queued again")
    wait_for(page, "succeeded")
    assert [row["result"] for row in rows(page, job.id)] == before


def rows(page: Page, job: str) -> list[dict]:
    text = page.request.get(f"/api/jobs/{job}/results/?format=jsonl").text()
    return [json.loads(line) for line in text.splitlines()]


SHOWN = {"parquet": "Parquet", "h5": "HDF5"}


LATER = [pytest.param(format, marks=pytest.mark.slow) for format in ("jsonl", "parquet", "h5")]


@pytest.mark.parametrize("format", ["csv", "npz", *LATER])
def test_each_download_is_a_file_that_opens(page, service, tmp_path, format):
    submit(page, f"download-{format}.fasta", GOOD)
    wait_for(page, "succeeded")
    if format == "h5":
        page.get_by_role("button", name="Build HDF5").click()
        expect(page.locator("#download-h5")).to_be_visible(timeout=60_000)
    with page.expect_download() as download:
        page.get_by_role("link", name=SHOWN.get(format, format.upper()), exact=True).click()
    path = tmp_path / download.value.suggested_filename
    download.value.save_as(path)
    assert path.suffix == f".{format}"
    names, vectors = read(path, format)
    assert names == ["kinase", "beta"]
    stored = service.job(str(page.url).rstrip("/").rpartition("/")[2])
    expected = [row["result"]["embeddings"][0]["embedding"] for row in rows(page, stored.id)]
    assert np.array_equal(np.asarray(vectors, dtype=np.float32), np.asarray(expected, dtype=np.float32))


def read(path: Path, format: str) -> tuple[list[str], list]:
    match format:
        case "jsonl":
            lines = [json.loads(line) for line in path.read_text().splitlines()]
            return [row["name"] for row in lines], [row["result"]["embeddings"][0]["embedding"] for row in lines]
        case "csv":
            table = list(csv.DictReader(io.StringIO(path.read_text())))
            return [row["name"] for row in table], [[float(v) for v in list(row.values())[4:]] for row in table]
        case "npz":
            arrays = np.load(path)
            return arrays["name"].tolist(), arrays["mean_layer_6"]
        case "parquet":
            frame = pd.read_parquet(path)
            return frame["name"].tolist(), [list(vector) for vector in frame["mean_layer_6"]]
        case _:
            with h5py.File(path) as held:
                return held["name"].asstr()[:].tolist(), held["mean_layer_6"][:]


def test_the_manifest_downloads(page):
    submit(page, "manifest.fasta", GOOD, action="log_prob")
    wait_for(page, "succeeded")
    page.locator("#provenance summary").click()
    with page.expect_download() as download:
        page.get_by_role("link", name="Manifest").click()
    manifest = json.loads(Path(download.value.path()).read_text())
    assert manifest["demonstration"] is True
    assert manifest["counts"]["succeeded"] == 2


def test_reload_and_back_lose_nothing(page):
    submit(page, "back.fasta", GOOD, action="log_prob")
    wait_for(page, "succeeded")
    page.reload()
    wait_for(page, "succeeded")
    page.get_by_role("link", name="Browse results").click()
    page.get_by_role("link", name="kinase").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("kinase")
    page.go_back()
    page.go_back()
    wait_for(page, "succeeded")


def test_a_job_that_a_program_submits_is_seen_to_come_and_finish(page, service, tmp_path):
    """The list updates without a reload when a program submits a job."""
    page.goto("/")
    path = tmp_path / "appears.fasta"
    path.write_text(GOOD)
    job = service.submit(path, model="e1-demo", action="log_prob")
    expect(page.locator("#jobs")).to_contain_text("appears")
    until(lambda: service.job(job.id).is_final)
    expect(page.locator("#jobs tbody tr").first).to_contain_text("succeeded")


def test_without_scripts_a_job_is_submitted_watched_and_fetched(open_page, service):
    watched = open_page(scripts=False)
    watched.expected = re.compile("status of 400")
    page = watched.page
    page.goto("/jobs/new/")
    page.locator("#id_action").select_option("log_prob")
    page.locator("#id_file").set_input_files(file("plain.fasta", BAD))
    page.get_by_role("button", name="Submit job").click()
    expect(page.get_by_role("main")).to_contain_text("Line 7")
    page.locator("#id_file").set_input_files(file("plain.fasta", GOOD))
    page.get_by_role("button", name="Submit job").click()
    expect(page.get_by_role("heading", level=1, name="plain.fasta")).to_be_visible()
    until(lambda: service.jobs(limit=1)[0].is_final)
    page.reload()
    expect(page.locator("#live .state").first).to_have_text("succeeded")
    with page.expect_download() as download:
        page.get_by_role("link", name="CSV").click()
    assert "kinase" in Path(download.value.path()).read_text()


def test_run_again_with_changes_keeps_the_library(page, service):
    submit(page, "again.fasta", GOOD)
    wait_for(page, "succeeded")
    page.get_by_role("link", name="Run again with changes").click()
    page.locator("#id_action").select_option("log_prob")
    page.get_by_role("button", name="Submit job").click()
    wait_for(page, "succeeded")
    job = service.jobs(limit=1)[0]
    assert (job.data["action"], job.total) == ("log_prob", 2)
    assert [row["name"] for row in rows(page, job.id)] == ["kinase", "beta"]
