"""Annotation tracks of a long scan: on the axis of the other pictures, which scrolls."""

from __future__ import annotations

import re

import httpx
import pytest
from playwright.sync_api import expect

from tests.e2e.conftest import ready, violations
from tests.factories import UBIQUITIN

LONG = (UBIQUITIN * 10)[:700]
TABLE = "name,kind,start,end\nfirst repeat,domain,1,76\nlast repeat,domain,609,684\nlysine,site,48,48\n"


@pytest.fixture(scope="module")
def address(stack) -> str:
    headers = {"Authorization": f"Token {stack.token}"}
    with stack.client() as client, httpx.Client(base_url=stack.url, headers=headers, timeout=60) as http:
        item = {"sequence": LONG, "name": "long"}
        body = {"model": "e1-demo", "action": "scan", "params": {"method": "wildtype_marginal"}, "items": [item]}
        job = http.post("/api/jobs/", json=body).json()["id"]
        client.wait(job, timeout=240)
        answer = http.post(f"/api/jobs/{job}/annotations/", files={"file": ("features.csv", TABLE.encode())})
        assert answer.status_code == 201, answer.text
    return f"/jobs/{job}/items/0/"


def test_features_are_read_with_the_keyboard_and_move_the_axis(page, address):
    page.goto(address)
    ready(page)
    expect(page.locator("#tracks")).to_have_attribute("data-ready", "")
    page.locator("#tracks .picture-stage").focus()
    status = page.locator("#tracks [role=status]")
    page.keyboard.press("Home")
    expect(status).to_have_text("first repeat (domain), 1 to 76")
    page.keyboard.press("ArrowRight")
    expect(status).to_have_text("last repeat (domain), 609 to 684")
    box = page.evaluate("document.querySelector('#heat').cellBox(0, 608)")
    width = page.evaluate("document.querySelector('#heat .picture-stage').clientWidth")
    assert 0 < box["x"] < width, "the heat map shows what the track went to"
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(r"position=609"))
    page.keyboard.press("ArrowDown")
    expect(status).to_have_text("lysine (site), 48")


def test_the_bar_moves_every_picture_along(page, address):
    page.goto(address)
    ready(page)
    expect(page.locator("#tracks")).to_have_attribute("data-ready", "")
    place = "document.querySelector('#heat').cellBox(0, 699).x"
    width = page.evaluate("document.querySelector('#heat .picture-stage').clientWidth")
    assert page.evaluate(place) > width, "a long protein begins with a part"
    page.evaluate("document.querySelector('#axis').scrollLeft = 1e6")
    page.wait_for_function(f"{place} < {width}")
    page.locator("#heat").get_by_role("button", name="Show all").click()
    expect(page.locator("#axis")).to_be_hidden()


@pytest.mark.slow
def test_the_page_with_tracks_has_no_violations(page, address):
    page.goto(address)
    ready(page)
    expect(page.locator("#tracks")).to_have_attribute("data-ready", "")
    page.get_by_text("Annotations: domains, active sites").click()
    expect(page.locator("#annotations")).to_contain_text("last repeat")
    assert violations(page) == []
