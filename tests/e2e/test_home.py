"""From a card of the home page to results, with and without scripts, and how the cards look to axe."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.e2e.conftest import ready, violations

PAGES = ("/", "/jobs/new/?task=scan", "/jobs/new/?task=score")


@pytest.mark.slow
@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "plain"])
def test_a_scan_takes_two_clicks_from_the_home_page(open_page, scripts):
    page = open_page(scripts=scripts).page
    page.goto("/")
    page.get_by_role("link", name="Try an example of: Scan every mutation of a protein").click()
    expect(page.get_by_role("heading", level=1, name="Scan every mutation of a protein")).to_be_visible()
    if scripts:
        ready(page)
    expect(page.get_by_label("Action")).to_be_hidden()
    page.get_by_label("Job name").fill("")
    page.get_by_role("button", name="Submit job").click()
    expect(page.get_by_role("heading", level=1, name="ubiquitin scan, 76 aa")).to_be_visible(timeout=60_000)


def test_a_problem_in_a_folded_field_is_opened_by_the_script(watched):
    watched.expected = re.compile("status of 400")
    page = watched.page
    page.goto("/jobs/new/?task=embed")
    ready(page)
    page.get_by_label("Or paste sequences").fill(">a\nMKTAYI\n")
    page.locator("#advanced > summary").click()
    page.get_by_label("Layers").fill("99")
    page.locator("#advanced > summary").click()
    page.get_by_role("button", name="Submit job").click()
    expect(page.get_by_role("link", name="the layers")).to_be_visible()
    expect(page.locator("#problem-repr_layers")).to_be_visible()
    expect(page.locator("#problem-repr_layers")).to_contain_text(re.compile("layer"))


@pytest.mark.slow
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("phone", [False, True], ids=["desk", "phone"])
def test_the_cards_and_forms_are_accessible_and_fit(open_page, dark, phone, request):
    page = open_page(dark=dark, phone=phone).page
    for address in PAGES:
        page.goto(address)
        ready(page)
        assert violations(page) == [], address
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), address
