"""Public pages, and those on which links are made, as people without an account see them: axe, desks and phones.

`E1_PICTURES=FOLDER` keeps a picture of each.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.e2e import made
from tests.e2e.conftest import ready, violations
from tests.e2e.keys import Keys

pytestmark = pytest.mark.slow

LOOKS = {
    "light": {"width": 1440},
    "dark": {"dark": True, "width": 1440},
    "phone": {"phone": True},
    "dark phone": {"phone": True, "dark": True},
}


@pytest.fixture(scope="module")
def work(stack, tmp_path_factory) -> dict[str, str]:
    return made.make_work(stack, tmp_path_factory.mktemp("work"))


@pytest.fixture(scope="module")
def outside(stack, work) -> dict[str, str]:
    """Return the addresses of all kinds of public pages: the links of a job, a project and a campaign, and below."""
    scan, project, campaign = (made.published(stack, work[name]) for name in ("scan", "project", "campaign"))
    below = f"{campaign}campaigns/{work['campaign'].strip('/').rpartition('/')[2]}/"
    return {
        "public scan": scan,
        "public project": project,
        "public result of a project": f"{project}{work['scores'].lstrip('/')}",
        "public campaign": campaign,
        "public data": f"{below}data/",
        "public model": f"{below}{work['model'].partition('models/')[1]}{work['model'].partition('models/')[2]}",
        "public round": f"{below}rounds/1/",
    }


@pytest.fixture(params=LOOKS)
def look(request) -> Iterator[dict]:
    return LOOKS[request.param]


def proper(page: Page, name: str) -> list[str]:
    """Return what is wrong with a page: violations of axe, and a page wider than the screen."""
    ready(page)
    width = page.viewport_size["width"]
    if folder := os.environ.get("E1_PICTURES"):
        dark = page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches")
        page.screenshot(path=f"{folder}/{name.replace(' ', '-')}-{width}{'-dark' * dark}.png", full_page=True)
    wide = page.evaluate("document.documentElement.scrollWidth")
    return [*violations(page), *([f"{wide} pixels wide"] if wide > width else [])]


def test_public_pages_are_accessible_and_fit(open_page, outside, look):
    page = open_page(anonymous=True, **look).page
    wrong = {}
    for name, address in outside.items():
        page.goto(address)
        expect(page.locator("main h1")).to_be_visible()
        if found := proper(page, name):
            wrong[name] = found
    assert wrong == {}


def test_public_pages_are_walked_with_the_keyboard(open_page, outside):
    """From the first stop to the last the focus is seen, and nothing keeps it."""
    page = open_page(anonymous=True, width=1440).page
    keys = Keys(page)
    for name, address in outside.items():
        page.goto(address)
        ready(page)
        assert len(keys.walk()) > 5, name
    assert page.evaluate("window.pointers") == []


def test_pages_of_links_are_accessible_and_fit_before_and_after(open_page, work, look):
    page = open_page(**look).page
    wrong = {}
    for kind in ("scores", "project", "campaign"):
        page.goto(f"{work[kind]}public-link/")
        if page.get_by_text("Revoke the link").count():
            page.get_by_text("Revoke the link").click()
            page.get_by_role("button", name="Revoke").click()
        expect(page.get_by_role("heading", name="Everybody with a link sees")).to_be_visible()
        found = proper(page, f"link of {kind} before")
        page.get_by_label("Days until it ends").fill("30")
        page.get_by_role("button", name="Make a public link").click()
        expect(page.locator("#link")).to_contain_text("/public/")
        found += proper(page, f"link of {kind} made")
        page.get_by_text("Replace the link").click()
        page.get_by_text("Revoke the link").click()
        found += proper(page, f"link of {kind} to replace")
        page.get_by_role("button", name="Make a new link").click()
        expect(page.locator("#link")).to_contain_text("/public/")
        if found:
            wrong[kind] = found
    assert wrong == {}


def test_small_pictures_in_lists_are_named_and_take_no_stop_of_the_keyboard(open_page, work, look):
    page = open_page(**look).page
    page.goto("/?search=ubiquitin scan")
    ready(page)
    picture = page.get_by_role("table").get_by_role("img", name="Heat map of a scan of 76 positions").first
    expect(picture).to_be_visible()
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    keys = Keys(page)
    page.reload()
    ready(page)
    keys.to("ubiquitin scan")  # each stop on the way is a control whose focus is seen
    assert page.evaluate("document.activeElement.closest('tr').querySelector('svg.thumb') !== null")
    assert page.evaluate("document.querySelectorAll('svg.thumb[tabindex], svg.thumb a').length") == 0
