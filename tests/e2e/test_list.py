"""The list of jobs in the browser: its filter, while the list updates."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, Request, expect

from tests.e2e.conftest import held_back, ready
from tests.e2e.steps import GOOD, submit


@pytest.fixture(scope="module", autouse=True)
def jobs(stack, tmp_path_factory) -> None:
    with stack.client() as client:
        for name in ("haystack", "second pin"):
            path = tmp_path_factory.mktemp("list") / "library.fasta"
            path.write_text(GOOD)
            client.submit(path, model="e1-demo", action="log_prob", name=name)


def filtered(page: Page, text: str) -> None:
    expect(page).to_have_url(re.compile(f"search={text}(&|$)"))
    expect(page.locator("#jobs tbody tr")).to_have_count(1)


def test_the_list_filters_without_reload_and_the_address_says_so(page):
    submit(page, "needle-in-the-list.fasta", GOOD, action="log_prob")
    page.get_by_role("navigation", name="Main").get_by_role("link", name="Jobs").click()
    ready(page)
    page.get_by_label("Search names and ids").fill("needle")
    filtered(page, "needle")
    page.reload()
    expect(page.get_by_label("Search names and ids")).to_have_value("needle")
    expect(page.locator("#jobs tbody tr")).to_have_count(1)
    page.go_back()
    expect(page.get_by_label("Search names and ids")).to_have_value("")


def test_what_was_asked_before_does_not_come_over_what_was_filtered(page):
    page.goto("/")
    ready(page)

    def is_live(request: Request) -> bool:
        return request.headers.get("hx-target") == "jobs" and "search=" not in request.url

    held = []
    page.route("**/*", lambda route: held.append(route) if is_live(route.request) else route.continue_())
    with page.expect_request(is_live) as asked:  # its answer is still to come
        page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    with page.expect_event("requestfailed", lambda request: request == asked.value):
        page.get_by_label("Search names and ids").fill("pin")
    filtered(page, "pin")
    for route in held:
        route.abort()


def test_what_was_typed_before_the_script_has_loaded_filters_too(page):
    with held_back(page, "**/assets/main-*.js"):
        page.goto("/", wait_until="commit")
        page.get_by_label("Search names and ids").fill("pin")
    filtered(page, "pin")
