"""Pages that renew themselves: what a person reads or points at keeps its place."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page

from tests.e2e.conftest import ready, until
from tests.e2e.steps import library, wait_for

pytestmark = pytest.mark.slow

WATCH = """
window.shifts = [];
window.renewed = 0;
new PerformanceObserver((list) => {
  for (const entry of list.getEntries())
    if (!entry.hadRecentInput) window.shifts.push({
      at: entry.startTime,
      value: entry.value,
      what: entry.sources.map((one) => (one.node?.outerHTML ?? one.node?.textContent ?? "").trim().slice(0, 90)),
    });
}).observe({ type: "layout-shift", buffered: true });
addEventListener("htmx:afterSwap", () => { window.renewed += 1; }, true);
"""
MOVED = 0.002
"""The most that renewals of a page may add up to, by the measure of browsers, whose bound for a good page is 0.1.

A number that gets a digit more moves the words behind it: 0.0006. One line more on the page of a job: 0.26."""
RENEWALS = 3


def opened(page: Page, address: str) -> float:
    """Open a page, and return the moment from which it is watched, in milliseconds of the page."""
    page.add_init_script(WATCH)
    page.goto(address)
    ready(page)
    page.wait_for_function(
        "() => window.renewed >= 1"
    )  # the first one brings what was not known when the page was made
    return page.evaluate("performance.now()")


def test_nothing_moves_while_a_job_runs(open_page, service, tmp_path):
    """Words change on the pages of the job, all jobs, the models, and operations."""
    path = tmp_path / "steady.fasta"
    path.write_text(library(40_000))
    first = open_page(width=1440).page
    job = service.submit(path, model="e1-demo", action="encode", name="steady")
    first.goto(f"/jobs/{job.id}/")
    wait_for(first, "running")
    until(lambda: service.job(job.id).counts["succeeded"] > 0)
    pages = {address: first.context.new_page() for address in ("/", "/service/", "/operations/")}
    pages[f"/jobs/{job.id}/"] = first
    since = {address: opened(page, address) for address, page in pages.items()}
    found = {}
    for address, page in pages.items():
        page.wait_for_function(f"() => window.renewed >= {1 + RENEWALS}", timeout=60_000)
        shifts = [one for one in page.evaluate("window.shifts") if one["at"] > since[address]]
        if sum(one["value"] for one in shifts) > MOVED:
            found[address] = shifts
    assert service.job(job.id).state == "running", "it ended before all pages were watched"
    service.cancel(job)
    assert found == {}
