"""A whole session by keyboard: no pointer event is sent, and the focus is always visible."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from playwright.sync_api import expect

from tests.e2e.conftest import ready, until
from tests.e2e.keys import FOCUS, Keys
from tests.e2e.steps import BAD, fail_chunk_of, library, wait_for


@pytest.fixture(params=["light", pytest.param("phone in the dark", marks=pytest.mark.slow)])
def keys(request, open_page) -> Iterator[Keys]:
    dark = request.param != "light"
    watched = open_page(anonymous=True, dark=dark, phone=dark)
    watched.expected = re.compile("status of 400")
    yield Keys(watched.page)
    assert watched.page.evaluate("window.pointers") == []


def log_in(keys: Keys, password: str) -> None:
    keys.page.goto("/login/")
    ready(keys.page)
    expect(keys.page.get_by_label("User name")).to_be_focused()
    assert keys.focus() == "User name"
    keys.page.keyboard.type("admin")
    keys.to("Password")
    keys.page.keyboard.type(password)
    keys.press("Enter")
    expect(keys.page.get_by_role("heading", name="Jobs", exact=True)).to_be_visible()
    ready(keys.page)


def search(keys: Keys, name: str) -> None:
    """Search the list of jobs, which updates below the input."""
    keys.to("Search names and ids")
    keys.press("Control+a")
    keys.page.keyboard.type(name)
    expect(keys.page).to_have_url(re.compile(f"search={quote(name)}(&|$)"))
    expect(keys.page.locator("#jobs tbody tr")).to_have_count(1)
    assert keys.focus() == "Search names and ids"


@pytest.mark.slow
def test_a_session_with_keys_alone(keys, stack, service, tmp_path):
    page = keys.page
    mine, other = f"keys {tmp_path.name[-1]}", f"stop {tmp_path.name[-1]}"
    log_in(keys, stack.password)

    # A new job from pasted sequences, one of them wrong; the browser's findings lead to their places.
    keys.open("New job")
    ready(page)
    keys.to("Or paste sequences")
    page.keyboard.insert_text(BAD)
    expect(page.locator("#preview-status")).to_contain_text("1 record is not valid")
    keys.to("Action")
    page.keyboard.type("log")
    expect(page.locator("#id_action")).to_have_value("log_prob")
    keys.to("Job name")
    page.keyboard.type(mine)
    keys.open("Submit job")
    expect(page.get_by_role("alert")).to_contain_text("nothing was queued")
    expect(page.locator("#refusal")).to_be_focused()
    keys.focus()
    keys.open("the records listed below")
    expect(page.locator("#records")).to_be_focused()
    keys.open("7")
    assert keys.focus() == "Or paste sequences"
    page.keyboard.type("A")  # the wrong letter is selected
    expect(page.locator("#id_sequences")).to_have_value(BAD.replace("MKT1", "MKTA"))
    expect(page.locator("#preview-status")).to_contain_text("all letters are fine")
    keys.open("Submit job")
    expect(page.get_by_role("heading", level=1, name=mine)).to_be_visible()
    ready(page)
    wait_for(page, "succeeded")
    job = service.jobs(limit=1)[0]

    # Open the job from the list, and retry its failed items.
    fail_chunk_of(stack, job.id, index=0)
    page.reload()
    ready(page)
    keys.open("Jobs")
    ready(page)
    search(keys, mine)
    keys.open(mine)
    expect(page.get_by_role("heading", level=1, name=mine)).to_be_visible()
    ready(page)
    keys.open("Retry 3 failed items")
    expect(page.get_by_role("main")).to_contain_text("3 failed items are queued again")
    wait_for(page, "succeeded")

    # Cancel another job: the button disappears, and the focus is not lost.
    path = tmp_path / "long.fasta"
    path.write_text(library(8000))
    long = service.submit(path, model="e1-demo", action="encode", name=other)
    keys.open("Jobs")
    ready(page)
    search(keys, other)
    keys.open(other)
    ready(page)
    keys.open("Cancel job")
    keys.to("Cancel for good")
    service.cancel(long)  # another request is faster
    wait_for(page, "cancelled")
    expect(page.locator("#do-cancel")).to_have_count(0)
    assert keys.focus().startswith("State cancelled")
    keys.press("Tab")
    keys.focus()

    # The downloads.
    keys.to("CSV")
    with page.expect_download() as download:
        keys.press("Enter")
    rows = list(csv.DictReader(io.StringIO(Path(download.value.path()).read_text())))
    states = Counter(row["state"] for row in rows)
    counts = service.job(long.id).counts
    assert states == {name: counts[name] for name in ("succeeded", "cancelled") if counts[name]}
    keys.to("Build HDF5")
    keys.press("Enter")
    expect(page.locator("#download-h5")).to_be_visible(timeout=60_000)
    with page.expect_download() as download:
        keys.open("HDF5")
    assert download.value.suggested_filename.endswith(".h5")


@pytest.mark.slow
def test_a_job_is_cancelled_and_logged_out_of_with_keys_alone(keys, stack, service, tmp_path):
    page = keys.page
    log_in(keys, stack.password)
    path = tmp_path / "stopped.fasta"
    path.write_text(library(8000))
    job = service.submit(path, model="e1-demo", action="encode", name="stopped by a key")
    page.goto(f"/jobs/{job.id}/")
    ready(page)
    keys.open("Cancel job")
    keys.open("Cancel for good")
    expect(page.get_by_role("main")).to_contain_text("The job is cancelled. Finished results stay.")
    until(lambda: service.job(job.id).is_final)
    keys.to("Account")
    keys.press("Enter")
    keys.open("Log out")
    expect(page.get_by_role("heading", name="Log in")).to_be_visible()


@pytest.mark.slow
def test_every_stop_of_the_tab_key_is_seen_on_the_pages_of_a_job(keys, stack, service, tmp_path):
    """From the first stop to the last, nothing traps or covers the focus."""
    path = tmp_path / "stops.fasta"
    path.write_text(BAD)
    job = service.submit(path, model="e1-demo", action="encode", name="stops", on_invalid="skip")
    service.wait(job, timeout=120)
    log_in(keys, stack.password)
    pages = ["/", "/jobs/new/", f"/jobs/{job.id}/", f"/jobs/{job.id}/items/", f"/jobs/{job.id}/items/0/", "/contexts/"]
    for address in [*pages, "/service/", "/account/tokens/", "/account/webhooks/", "/account/quota/"]:
        keys.page.goto(address)
        ready(keys.page)
        stops = 0
        for _ in range(150):
            keys.press("Tab")
            if keys.page.evaluate(FOCUS) is None:
                break
            keys.focus()
            stops += 1
        else:
            raise AssertionError(f"the Tab key never leaves {address}")
        assert stops > 5, address
