"""The head of every page: one row on a desk, the account behind one disclosure: keys, no scripts, phones."""

from __future__ import annotations

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.e2e.conftest import ready, violations


def account(page: Page) -> Locator:
    return page.locator("summary", has_text="Account")


LOOKS = [
    {},
    *(pytest.param(look, marks=pytest.mark.slow) for look in ({"dark": True}, {"phone": True})),
    {"phone": True, "dark": True},
]


@pytest.mark.parametrize("look", LOOKS, ids=str)
def test_the_account_opens_and_is_accessible(open_page, look):
    page = open_page(**look).page
    page.goto("/account/tokens/")
    ready(page)
    sheet = page.get_by_role("navigation", name="Account")
    expect(sheet).to_be_hidden()
    account(page).click()
    expect(sheet.get_by_role("link", name="API tokens")).to_have_attribute("aria-current", "page")
    expect(page.get_by_role("button", name="Log out")).to_be_visible()
    assert violations(page) == []
    box = page.locator(".account-sheet").bounding_box()
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= page.viewport_size["width"]
    account(page).click()
    expect(sheet).to_be_hidden()


def test_the_head_is_one_row_on_a_desk_and_short_on_a_phone(open_page):
    for phone, most in ((False, 70), (True, 140)):
        page = open_page(phone=phone).page
        page.goto("/")
        assert page.locator("header.site-head").bounding_box()["height"] <= most


def test_the_account_closes_on_escape_and_when_focus_or_pointer_leave(page):
    page.goto("/")
    ready(page)
    sheet = page.get_by_role("navigation", name="Account")
    account(page).focus()
    page.keyboard.press("Enter")
    expect(sheet).to_be_visible()
    page.keyboard.press("Tab")
    expect(sheet.get_by_role("link", name="Quota")).to_be_focused()
    page.keyboard.press("Escape")
    expect(sheet).to_be_hidden()
    expect(account(page)).to_be_focused()
    page.keyboard.press("Space")
    expect(sheet).to_be_visible()
    page.keyboard.press("Shift+Tab")
    expect(sheet).to_be_hidden()
    account(page).click()
    page.get_by_role("heading", level=1).click()
    expect(sheet).to_be_hidden()


def test_without_scripts_the_account_opens_and_logs_out(browser, stack):
    context = browser.new_context(base_url=stack.url, java_script_enabled=False)
    page = context.new_page()  # a session of its own: logging out ends it
    page.goto("/login/?next=/account/quota/")
    page.get_by_label("User name").fill("admin")
    page.get_by_label("Password").fill(stack.password)
    page.get_by_role("main").get_by_role("button", name="Log in").click()
    account(page).click()
    page.get_by_role("link", name="Webhooks").click()
    expect(page.get_by_role("heading", level=1, name="Webhooks")).to_be_visible()
    account(page).click()
    page.get_by_role("button", name="Log out").click()
    expect(page.get_by_role("heading", name="Log in")).to_be_visible()
    context.close()


def test_the_administration_is_offered_to_staff_only(open_page, stack):
    page = open_page().page
    page.goto("/")
    account(page).click()
    expect(page.get_by_role("link", name="Administration")).to_be_visible()
    with stack.sql() as cursor:
        cursor.execute("UPDATE auth_user SET is_staff = false WHERE username = 'admin'")
        try:
            page.reload()
            account(page).click()
            expect(page.get_by_role("link", name="Quota")).to_be_visible()
            expect(page.get_by_role("link", name="Administration")).to_have_count(0)
        finally:
            cursor.execute("UPDATE auth_user SET is_staff = true WHERE username = 'admin'")
