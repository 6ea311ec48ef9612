"""A real browser and a real service: Debian's Chromium, and `e1 up` with its worker.

These tests need their own pytest run, as `make test` does: Playwright's event loop and Django's check for one do not
share a process.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Dialog, Page, Route, expect, sync_playwright

from e1client.api import Client
from e1site.stack.processes import wait_gone
from tests.needed import needed_program
from tests.stack import Stack, running_stack

ARGUMENTS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
SECONDS = 60
REPLACED = re.compile(r"^htmx:(afterRequest|sendAbort)\b")
"""The error that htmx logs for a request replaced by a newer one. Broken requests log another name as well."""

expect.set_options(timeout=30_000)

THEMES = ["light", pytest.param("dark", marks=pytest.mark.slow)]
"""The themes of the longest tests: `make test` looks at the light one, `make test-slow` at the dark one too."""


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    with running_stack("e2e", E1_RETENTION_DAYS="30", E1_PUBLIC_LINKS="true") as stack:
        yield stack


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    path = needed_program(*BROWSERS, package="chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(ARGUMENTS))
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def logged_in(browser: Browser, stack: Stack) -> dict:
    """Return the state of a browser in which the administrator has logged in through the form."""
    context = browser.new_context(base_url=stack.url)
    page = context.new_page()
    page.goto("/")
    page.get_by_label("User name").fill("admin")
    page.get_by_label("Password").fill(stack.password)
    page.get_by_role("main").get_by_role("button", name="Log in").click()
    expect(page.get_by_role("heading", name="Jobs", exact=True)).to_be_visible()
    state = context.storage_state()
    context.close()
    return state


class Watched:
    """A page that must stay without script errors, refused resources and policy violations."""

    def __init__(self, context: BrowserContext) -> None:
        self.page: Page = context.new_page()
        self.faults: list[str] = []
        self.expected = re.compile("(?!)")
        self.page.on("console", self._console)
        self.page.on("pageerror", lambda error: self.faults.append(f"script error: {error}"))
        self.page.on("dialog", self._dialog)

    def _console(self, message: ConsoleMessage) -> None:
        known = self.expected.search(message.text) or REPLACED.search(message.text)
        if message.type == "error" and not known:
            self.faults.append(f"console: {message.text}")

    def _dialog(self, dialog: Dialog) -> None:
        """Note a question before leaving a page as a fault. The test that expects another dialog answers it."""
        if dialog.type == "beforeunload":
            self.faults.append("the page asks whether it may be left")
            dialog.accept()

    def check(self) -> None:
        assert self.faults == []


@pytest.fixture
def open_page(browser: Browser, stack: Stack, logged_in: dict) -> Iterator[Callable[..., Watched]]:
    """Return a function that opens a page in its own context.

    For example `open_page(dark=True, phone=True, scripts=False, anonymous=True)`."""
    opened: list[Watched] = []

    def make(
        *,
        dark: bool = False,
        phone: bool = False,
        scripts: bool = True,
        anonymous: bool = False,
        width: int = 1200,
        density: int = 1,
    ) -> Watched:
        context = browser.new_context(
            base_url=stack.url,
            storage_state=None if anonymous else logged_in,
            color_scheme="dark" if dark else "light",
            viewport={"width": 390, "height": 800} if phone else {"width": width, "height": 900 // density},
            device_scale_factor=density,
            java_script_enabled=scripts,
            accept_downloads=True,
        )
        context.set_default_timeout(30_000)
        watched = Watched(context)
        opened.append(watched)
        return watched

    yield make
    for watched in opened:
        watched.page.context.close()
    for watched in opened:
        watched.check()


@pytest.fixture
def watched(open_page: Callable[..., Watched]) -> Watched:
    return open_page()


@pytest.fixture
def page(watched: Watched) -> Page:
    return watched.page


@pytest.fixture
def service(stack: Stack) -> Iterator[Client]:
    with stack.client() as client:
        yield client


def ready(page: Page) -> None:
    """Wait until the scripts of the page have taken it over."""
    expect(page.locator("html")).to_have_attribute("data-ready", "")


@contextmanager
def held_back(page: Page, address: str) -> Iterator[None]:
    """Hold back what the page requests from this address until the end of the block."""
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page.route(address, hold)
    with page.expect_request(address):
        yield
    for route in held:
        route.continue_()
    page.unroute(address)


COLOURS = {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}
"""The rules of axe that depend on the theme."""


def violations(page: Page, *, colours_only: bool = False) -> list[str]:
    """Return the violations that axe finds, in short."""
    options: dict[str, object] = {"resultTypes": ["violations"]}
    found = Axe().run(page, options=options | ({"runOnly": COLOURS} if colours_only else {})).response["violations"]
    return [f"{one['id']}: {one['help']}: {node['html'][:150]}" for one in found for node in one["nodes"]]


def faults_at(page: Page, widths: Sequence[int]) -> list[str]:
    """Return the violations that axe finds, and the widths at which the page is wider than its screen."""
    ready(page)
    found, before = violations(page), page.viewport_size
    assert before is not None
    for width in widths:
        page.set_viewport_size({"width": width, "height": 844})
        if (wide := page.evaluate("document.documentElement.scrollWidth")) > width:
            found.append(f"{wide} pixels wide at {width}")
    page.set_viewport_size(before)
    return found


def until(condition: Callable[[], bool]) -> None:
    """Wait for something outside of the browser."""
    assert wait_gone(lambda: not condition(), SECONDS), "it did not happen in time"


def until_computing(service: Client) -> None:
    """Wait for a worker that computes and whose rate is known."""
    until(lambda: service._transport.http.get("/readyz").json()["ready"])
