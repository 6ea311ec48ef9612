"""The pages of operations and of use: accessible, in both themes, on a phone, and without scripts."""

from __future__ import annotations

import os

import pytest
from playwright.sync_api import expect

from tests.e2e.conftest import violations
from tests.e2e.steps import library


@pytest.fixture
def waiting(service, tmp_path):
    """Return a paused job, which the page shows for as long as the tests need."""
    path = tmp_path / "library.fasta"
    path.write_text(library(400))
    job = service.submit(path, model="e1-demo", action="encode", name="a library that waits")
    service.pause(job)
    yield job
    service.delete(job)


@pytest.mark.slow
@pytest.mark.parametrize("address", ["/operations/", "/account/usage/?who=everyone"])
@pytest.mark.parametrize("phone", [False, True])
@pytest.mark.parametrize("dark", [False, True])
def test_the_pages_are_accessible(open_page, waiting, address, phone, dark):
    watched = open_page(dark=dark, phone=phone)
    watched.page.goto(address)
    expect(watched.page.get_by_role("heading", level=1)).to_be_visible()
    assert violations(watched.page) == []
    assert watched.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    if folder := os.environ.get("E1_PICTURES"):
        name = f"{address.strip('/').split('/')[0]}-{'dark' if dark else 'light'}-{'phone' if phone else 'wide'}"
        watched.page.screenshot(path=f"{folder}/{name}.png", full_page=True)


@pytest.mark.slow
@pytest.mark.parametrize("scripts", [True, False])
def test_a_job_of_others_is_resumed_after_a_second_step(open_page, service, waiting, scripts):
    page = open_page(scripts=scripts).page
    page.goto("/operations/")
    row = page.get_by_role("row").filter(has=page.get_by_role("rowheader", name="a library that waits"))
    expect(row.get_by_role("button", name="Resume")).to_be_hidden()
    row.locator("summary").click()
    row.get_by_role("button", name="Resume").click()
    expect(page.get_by_text("goes on.")).to_be_visible()
    assert service.job(waiting).state != "paused"
    if not service.job(waiting).is_final:
        service.pause(waiting)


def test_a_person_is_added_and_logs_in_without_scripts(open_page):
    page = open_page(scripts=False).page
    page.goto("/operations/")
    page.get_by_label("Name").fill("barbara")
    page.get_by_role("button", name="Add person").click()
    password = page.locator("#new-password").inner_text()
    other = open_page(anonymous=True, scripts=False).page
    other.goto("/login/")
    other.get_by_label("User name").fill("barbara")
    other.get_by_label("Password").fill(password)
    other.get_by_role("main").get_by_role("button", name="Log in").click()
    expect(other.get_by_role("heading", name="Jobs", exact=True)).to_be_visible()
