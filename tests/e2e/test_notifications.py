"""Notices of the browser: only a click asks for permission, and each ended job is shown once."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from tests.e2e.conftest import violations
from tests.e2e.steps import library

FAKE = """
class Fake extends EventTarget {
  constructor(title, options) { super(); window.shown.push([title, options.tag]); }
  static get permission() { return localStorage.getItem("fake-permission") ?? "default"; }
  static async requestPermission() {
    window.asked += 1;
    localStorage.setItem("fake-permission", "granted");
    return "granted";
  }
}
window.shown = [];
window.asked = 0;
window.Notification = Fake;
"""


def choose(page: Page, when: str) -> None:
    page.goto("/account/notifications/")
    page.get_by_label("In the browser").select_option(when)
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Your choice is stored.")).to_be_visible()


def test_a_job_that_ended_is_shown_once_and_only_a_click_asks(open_page, service, tmp_path):
    page = open_page().page
    page.add_init_script(FAKE)
    choose(page, "all")
    try:
        expect(page.get_by_text("This browser has not been asked yet.")).to_be_visible()
        assert violations(page) == []
        assert page.evaluate("asked") == 0
        page.get_by_role("button", name="Allow in this browser").click()
        expect(page.get_by_text("This browser allows it.")).to_be_visible()
        assert page.evaluate("asked") == 1
        with page.expect_response(re.compile("/notifications/news/")):
            page.goto("/")
        path = tmp_path / "library.fasta"
        path.write_text(library(8))
        job = service.submit(path, model="e1-demo", action="log_prob", name="a short job")
        service.wait(job, timeout=120)
        page.reload()
        page.wait_for_function("shown.length > 0")
        assert page.evaluate("shown") == [["a short job: succeeded", job.id]]
        with page.expect_response(re.compile("/notifications/news/")):
            page.reload()
        assert page.evaluate("[asked, shown.length]") == [0, 0]
    finally:
        choose(page, "off")
