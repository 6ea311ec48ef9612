"""Journeys to results: from a scan to picked, scored and downloaded variants, and two runs side by side."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import ready, violations
from tests.e2e.steps import TEM1


@pytest.fixture(scope="module")
def scan(stack) -> str:
    """Return the page of a finished scan of TEM-1."""
    import httpx

    body = {"model": "e1-demo", "action": "scan", "params": {"method": "wildtype_marginal"}, "name": "TEM-1 scan"}
    items = [{"sequence": TEM1, "name": "TEM-1"}]
    with stack.client() as client:
        headers = {"Authorization": f"Token {stack.token}"}
        answer = httpx.post(f"{stack.url}/api/jobs/", json={**body, "items": items}, headers=headers, timeout=60)
        assert answer.status_code == 202, answer.text
        client.wait(answer.json()["id"], timeout=240)
    return f"/jobs/{answer.json()['id']}/"


def opened(page: Page, address: str) -> Page:
    page.goto(address)
    ready(page)
    expect(page.locator("#heat")).to_have_attribute("data-ready", "")
    return page


def words(page: Page) -> list[str]:
    """Return the variants in the basket."""
    return (page.locator("#basket [data-words]").get_attribute("data-words") or "").split()


def test_twenty_variants_are_picked_scored_and_downloaded_in_seven_actions(page, scan):
    opened(page, scan)
    page.locator("#pick-best summary").click()
    page.get_by_label("At most per site").fill("2")
    page.locator("#pick-best").get_by_role("button", name="Pick").click()
    expect(page.locator("#basket")).to_contain_text("20 variants")
    picked = words(page)
    sites = [word[:-1] for word in picked]
    assert max(map(sites.count, sites)) <= 2
    page.get_by_role("link", name="Score together").click()
    page.get_by_role("button", name="Submit job").click()
    expect(page.locator("#sentence")).to_contain_text("20 succeeded", timeout=120_000)
    expect(page.locator("#outcome")).to_contain_text("The best 10 of 20 variants")
    page.get_by_role("link", name="Rank the variants").click()
    with page.expect_download() as download:
        page.get_by_role("link", name="These variants as CSV").click()
    rows = list(csv.DictReader(io.StringIO(Path(download.value.path()).read_text(encoding="utf-8-sig"))))
    assert {f"{row['positions']}{row['variant'][-1]}" for row in rows} == set(picked)
    assert all(float(row["score"]) == float(row["score"]) and len(row["sequence"]) == len(TEM1) for row in rows)


def test_cells_are_picked_by_click_range_and_key(page, scan):
    opened(page, scan)
    if words(page):
        page.get_by_role("button", name="Empty it").click()
        expect(page.locator("#basket")).to_contain_text("0 variants")
        opened(page, scan)
    canvas = page.locator("#heat canvas")
    box = page.evaluate("document.querySelector('heat-map').cellBox(3, 40)")
    at = {"x": box["x"] + box["width"] / 2, "y": box["y"] + box["height"] / 2}
    canvas.hover(position=at)
    expect(page.locator("#heat .picture-tip")).to_contain_text("R41L: score")
    canvas.click(position=at)
    expect(page.locator("#basket")).to_contain_text("1 variant")
    assert words(page) == ["41L"]
    canvas.click(position=at)
    expect(page.locator("#basket")).to_contain_text("0 variants")
    page.locator("#heat .picture-stage").focus()
    for key in ("Home", "Shift+ArrowRight", "Shift+ArrowDown", " "):
        page.keyboard.press(key)
    expect(page.locator("#basket")).to_contain_text("4 variants")
    page.get_by_role("link", name="Open", exact=True).click()
    expect(page.get_by_role("heading", name="Basket")).to_be_visible()
    assert violations(page) == []


ALIGNED = """() => [...document.querySelectorAll("table")].flatMap(table => {
  const row = table.tBodies[0]?.rows[0];
  const side = cell => getComputedStyle(cell).textAlign.replace("start", "left");
  return [...(row ? table.tHead?.rows[0].cells ?? [] : [])]
    .filter((head, at) => row.cells[at] && side(head) !== side(row.cells[at])).map(head => head.textContent);
})"""


@pytest.mark.slow
def test_heads_of_tables_are_aligned_with_their_columns(page, scan):
    for address in (scan, f"{scan}items/0/", f"{scan}items/", "/", "/service/"):
        page.goto(address)
        ready(page)
        assert page.evaluate(ALIGNED) == [], address


@pytest.mark.slow
@pytest.mark.parametrize("look", [{}, {"dark": True, "phone": True}], ids=["desk", "dark phone"])
def test_axe_finds_nothing_on_the_page_of_a_scanned_job(open_page, scan, look):
    page = opened(open_page(**look).page, scan)
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")


@pytest.mark.slow
def test_without_scripts_the_best_are_picked_and_the_basket_opens(open_page, scan):
    page = open_page(scripts=False).page
    page.goto(scan)
    page.locator("#pick-best summary").click()
    page.get_by_label("How many").fill("3")
    page.locator("#pick-best").get_by_role("button", name="Pick").click()
    page.get_by_role("link", name="Open", exact=True).click()
    expect(page.get_by_role("heading", name="Basket")).to_be_visible()
