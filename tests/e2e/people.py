"""People whose actions are counted, so that a test can say how much a task asks of them."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

from playwright.sync_api import Locator, Page, expect

RECORD = "E1_JOURNEYS"
"""The variable with the file to which finished journeys are added, a line of JSON each."""


class Person:
    """Somebody at a page. Each click, choice, filled field, chosen file and key that acts is one action.

    Reading, scrolling and waiting are none. `finish` says how many actions a part of the work took.
    """

    def __init__(self, page: Page, journey: str) -> None:
        self.page, self.journey = page, journey
        self.actions: list[str] = []
        self._since = time.monotonic()

    def click(self, target: Locator) -> None:
        self._note("click", target)
        target.click()

    def fill(self, target: Locator, text: str) -> None:
        self._note("fill", target)
        target.fill(text)

    def choose(self, target: Locator, option: str) -> None:
        self._note("choose", target)
        target.select_option(label=option)

    def attach(self, target: Locator, file: Path) -> None:
        self._note("attach", target)
        target.set_input_files(file)

    def press(self, key: str) -> None:
        self.actions.append(f"press {key}")
        self.page.keyboard.press(key)

    def download(self, target: Locator) -> str:
        """Click, and return the text of the file that comes."""
        with self.page.expect_download() as caught:
            self.click(target)
        return Path(caught.value.path()).read_text(encoding="utf-8-sig")

    def log_in(self, name: str, password: str) -> None:
        """Log in on the page that asks for it, in three actions."""
        self.fill(self.page.get_by_label("User name"), name)
        self.fill(self.page.get_by_label("Password"), password)
        self.press("Enter")
        expect(self.page.get_by_role("heading", name="Log in")).to_have_count(0)

    def button(self, name: str) -> Locator:
        """Return the button of this name in the page's main part."""
        return self.page.get_by_role("main").get_by_role("button", name=name, exact=True)

    def link(self, name: str) -> Locator:
        """Return the first link of this name in the page's main part."""
        return self.page.get_by_role("main").get_by_role("link", name=name, exact=True).first

    def finish(self, part: str, *, most: int) -> None:
        """Record the actions and seconds since the last part, and assert that the actions are at most `most`."""
        done, seconds = self.actions, time.monotonic() - self._since
        line = {"journey": self.journey, "part": part, "actions": len(done), "seconds": round(seconds, 1), "what": done}
        print(json.dumps(line))
        if path := os.environ.get(RECORD):
            with Path(path).open("a") as file:
                file.write(json.dumps(line) + "\n")
        assert len(done) <= most, f"{part} takes {len(done)} actions: {'; '.join(done)}"
        self.actions, self._since = [], time.monotonic()

    def _note(self, act: str, target: Locator) -> None:
        expect(target).to_have_count(1)
        words = target.evaluate(
            "one => one.labels?.[0]?.textContent || one.getAttribute('aria-label') || one.textContent || one.id"
        )
        self.actions.append(f"{act} {' '.join(words.split())[:40]}")
