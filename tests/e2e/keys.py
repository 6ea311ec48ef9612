"""A person at a keyboard, who must always see where the focus is."""

from __future__ import annotations

import time
from pathlib import Path

from playwright.sync_api import Page

SECONDS = 3
"""How long a renewed page may take until the focus is seen."""

WATCH = """
window.pointers = [];
for (const kind of ["pointerdown", "mousedown", "mousemove", "touchstart", "wheel"])
    addEventListener(kind, event => window.pointers.push(event.type), true);
"""

FOCUS = """() => {
    const element = document.activeElement;
    if (!element || element === document.body) return null;
    const style = getComputedStyle(element);
    const box = element.getBoundingClientRect();
    const outlined = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2;
    const inside = box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.left < innerWidth;
    const at = document.elementFromPoint(
        Math.min(innerWidth - 1, Math.max(0, box.left + Math.min(box.width, innerWidth) / 2)),
        Math.min(innerHeight - 1, Math.max(0, box.top) + Math.min(box.height, innerHeight - Math.max(0, box.top)) / 2));
    return {
        words: (element.labels?.[0]?.textContent || element.getAttribute("aria-label") || element.textContent || "")
            .replace(/\\s+/g, " ").trim(),
        seen: outlined && inside && box.width > 0,
        covered: at !== null && !element.contains(at) && !at.contains(element),
    };
}"""
"""The focused element, whether the focus is visible, and whether something covers it; null without focus."""


class Keys:
    """A person at a keyboard."""

    def __init__(self, page: Page) -> None:
        self.page = page
        page.add_init_script(WATCH)

    def focus(self) -> str:
        """Return the words of the focused element, and assert that the focus is visible."""
        found = self.page.evaluate(FOCUS)
        assert found, "the focus is lost"
        end = time.monotonic() + SECONDS
        while (not found["seen"] or found["covered"]) and time.monotonic() < end:
            # A page that was just renewed may not have been laid out and scrolled yet.
            self.page.wait_for_timeout(100)
            found = self.page.evaluate(FOCUS) or found
        assert found["seen"], f"nobody sees that the focus is on {found['words']!r}"
        assert not found["covered"], f"something lies over {found['words']!r}, which has the focus"
        return found["words"]

    def to(self, words: str, key: str = "Tab") -> None:
        """Press a key until the focused element begins with these words."""
        for _ in range(120):
            self.page.keyboard.press(key)
            if self.page.evaluate(FOCUS) is None:
                continue  # at the end of the page the browser's own bar gets the focus
            if self.focus().startswith(words):
                return
        raise AssertionError(f"{key} never reaches {words!r}")

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    def open(self, words: str) -> None:
        self.to(words)
        self.press("Enter")

    def walk(self, most: int = 400) -> list[str]:
        """Press Tab from the first stop to the last, and arrow keys in each viewer. Return the words of the stops."""
        stops: list[str] = []
        while len(stops) < most:
            self.press("Tab")
            if self.page.evaluate(FOCUS) is None:
                return stops
            stops.append(self.focus())
            if self.page.evaluate("document.activeElement.matches('[role=application]')"):
                self.press("ArrowRight", "ArrowDown")
        raise AssertionError("the Tab key never leaves the page")

    def attach(self, words: str, file: Path) -> None:
        """Open the chooser of a file at the field of these words, and choose."""
        with self.page.expect_file_chooser(timeout=60_000) as chooser:  # the browser takes a moment to hand them over
            self.to(words)
            self.press("Enter")
        chooser.value.set_files(file)

    def download(self, words: str) -> str:
        """Follow the link of these words, and return the text of the file that comes."""
        self.to(words)
        with self.page.expect_download() as caught:
            self.press("Enter")
        return Path(caught.value.path()).read_text(encoding="utf-8-sig")
