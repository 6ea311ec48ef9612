"""Rare states of the service in both themes and on a phone: their words, and no violation found by axe.

`E1_PICTURES=FOLDER` keeps a picture of each.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.e2e import rare
from tests.e2e.conftest import ready, violations

pytestmark = pytest.mark.slow

LOOKS = {"light": {}, "dark": {"dark": True}, "phone": {"phone": True}}


@pytest.fixture(scope="module")
def jobs(stack, tmp_path_factory) -> Iterator[dict[str, str]]:
    made = rare.make_jobs(stack, tmp_path_factory.mktemp("rare"))
    rare.make_workers(stack)
    yield made
    rare.remove_workers(stack)
    with stack.client() as client:  # its leases would delay tests that wait for an idle service
        client.delete(made["pausing"])


@pytest.fixture(params=LOOKS)
def look(request, open_page):
    watched = open_page(**LOOKS[request.param])
    yield watched
    watched.check()


def proper(page: Page, name: str) -> None:
    """Assert that the page is accessible and no wider than the screen."""
    assert page.evaluate("document.documentElement.scrollWidth") <= page.viewport_size["width"], name
    if folder := os.environ.get("E1_PICTURES"):
        dark = page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches")
        page.screenshot(path=f"{folder}/{name}-{page.viewport_size['width']}{'-dark' * dark}.png", full_page=True)
    assert violations(page) == [], name


def test_a_job_whose_end_is_near_warns_and_can_be_kept(look, jobs, stack):
    page = look.page
    page.goto(f"/jobs/{jobs['ends soon']}/")
    ready(page)
    expect(page.locator("#expires")).to_contain_text("are removed soon")
    proper(page, "ends-soon")
    page.get_by_role("button", name="Keep for 30 days from now").click()
    expect(page.get_by_role("main")).to_contain_text("The results stay for 30 days from now.")
    expect(page.locator("#expires")).to_have_count(0)
    with stack.sql() as cursor:
        cursor.execute("UPDATE jobs_job SET expires_at = now() + interval '2 days' WHERE id = %s", [jobs["ends soon"]])


def test_an_expired_job_says_what_is_gone_and_offers_nothing_that_fails(look, jobs):
    page = look.page
    look.expected = re.compile("status of 410")
    page.goto(f"/jobs/{jobs['expired']}/")
    ready(page)
    expect(page.locator("#expired")).to_contain_text("were removed")
    expect(page.locator("#live .state").first).to_have_text("expired")
    expect(page.get_by_role("heading", name="Results")).to_have_count(0)
    expect(page.locator("#command-e1")).not_to_contain_text("e1 download")
    expect(page.get_by_role("link", name="Run again with changes")).to_have_count(0)
    proper(page, "expired")
    assert page.request.get(page.get_by_role("link", name="manifest").get_attribute("href")).ok
    page.goto(f"/jobs/{jobs['expired']}/items/")
    expect(page.get_by_role("main")).to_contain_text("expired")
    proper(page, "expired-items")


def test_a_job_that_pauses_says_what_still_goes_on(look, jobs):
    look.page.goto(f"/jobs/{jobs['pausing']}/")
    ready(look.page)
    live = look.page.locator("#live")
    expect(live).to_contain_text("by you or an administrator; what is being computed finishes")
    expect(live).to_contain_text("3 with a worker")
    expect(look.page.get_by_role("button", name="Resume")).to_be_visible()
    proper(look.page, "pausing")


def test_workers_that_drain_or_ail_are_named_with_what_it_means(look, jobs):
    page = look.page
    page.goto("/service/")
    ready(page)
    expect(page.get_by_role("heading", name="Jobs are computed, but 2 workers do not work")).to_be_visible()
    for name, words in (
        ("gpu-2", "finishes 3 chunks and takes nothing more"),
        ("gpu-3", "holds nothing: it can be stopped"),
        ("gpu-4", "expected -88.7; it takes nothing until it is started anew"),
        ("gpu-5", "silent last report"),
        ("gpu-6", "stopped"),
    ):
        expect(page.get_by_role("row", name=name)).to_contain_text(words)
    proper(page, "service")


@pytest.fixture(scope="module")
def limited(stack) -> tuple[str, str]:
    return "limited", rare.make_user(stack, "limited")


@pytest.mark.parametrize("look", LOOKS)
def test_a_quota_that_is_nearly_or_wholly_used_says_so_before_a_job_is_refused(open_page, stack, jobs, limited, look):
    user, password = limited
    rare.own_job(stack, user, jobs["pausing"])
    used = rare.stored_bytes(stack, jobs["pausing"])
    watched = open_page(anonymous=True, **LOOKS[look])
    watched.expected = re.compile("status of 413")
    page = watched.page
    try:
        page.goto("/login/?next=/account/quota/")
        page.get_by_label("User name").fill(user)
        page.get_by_label("Password").fill(password)
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", level=1, name="Quota")).to_be_visible()
        storage = page.get_by_role("row", name=re.compile("^Storage"))
        rare.limit(stack, user, active_jobs=1, stored_bytes=used * 105 // 100)
        page.reload()
        expect(storage).to_contain_text("nearly used up")
        expect(page.get_by_role("row", name=re.compile("^Unfinished jobs"))).to_contain_text(
            "used up A new job is refused until"
        )
        proper(page, "quota-near")
        rare.limit(stack, user, active_jobs=0, stored_bytes=used * 80 // 100)
        page.reload()
        expect(storage).to_contain_text("over the limit A new job is refused until you delete some")
        proper(page, "quota-over")
        page.goto("/jobs/new/?example=encode")
        ready(page)
        expect(page.locator("#estimate")).to_contain_text("The service would refuse this job now.")
        page.get_by_role("button", name="Submit job").click()
        expect(page.get_by_role("alert")).to_contain_text(f"of {used * 80 // 100:,} bytes already")
        proper(page, "refused-by-quota")
    finally:
        rare.own_job(stack, "admin", jobs["pausing"])


ADMIN = {
    "users": "/admin/auth/user/",
    "user and quota": "/admin/auth/user/1/change/",
    "new user": "/admin/auth/user/add/",
    "workers": "/admin/jobs/worker/",
    "queues": "/admin/jobs/worker/queues/",
    "jobs": "/admin/jobs/job/",
    "start": "/admin/",
}


def test_the_administration_is_accessible_and_fits_a_phone(look, jobs):
    page = look.page
    for name, address in ADMIN.items():
        page.goto(address)
        expect(page.locator("footer")).to_contain_text("Profluent-E1")
        look.check()
        look.expected = re.compile("Applying inline style")  # axe's own, in forms with jQuery
        proper(page, f"admin-{name.replace(' ', '-')}")
        look.expected = re.compile("(?!)")
    page.goto(ADMIN["queues"])
    expect(page.get_by_role("row", name="gpu-4")).to_contain_text("sick: self-test")


def test_a_worker_is_drained_in_the_administration(page, jobs, stack):
    """Drain by hand, as before a deploy. No process runs this worker."""
    page.goto(ADMIN["workers"])
    page.get_by_role("row", name="gpu-5").get_by_role("checkbox").check()
    page.locator("select[name=action]").select_option("drain")
    page.get_by_role("button", name="Run").or_(page.get_by_role("button", name="Go")).click()
    expect(page.locator(".messagelist")).to_contain_text("finish what they have and take nothing more")
    with stack.sql() as cursor:
        cursor.execute("SELECT draining FROM jobs_worker WHERE name = 'gpu-5.example.org'")
        assert cursor.fetchone() == (True,)
