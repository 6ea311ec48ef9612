"""The code blocks of README and `docs/`: which ones run, which ones do not and why. CONTRIBUTING.md has the markers."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), ROOT / "examples" / "README.md")
SHELL, PYTHON = ("", "sh", "bash"), ("python",)
FENCE = re.compile(r"^( *)```(\w*)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
OF_THE_MACHINE = re.compile(
    r"\b(sudo|useradd|systemctl|docker|apt|apt-get|firewall-cmd|git|make|pip|rm -r\w*)\s|"
    r"(?<![\w.])/(etc|opt|usr|var|srv)/"
)
"""What changes more than the reader's folder and service."""
OUTSIDE = re.compile(r"CHECKOUT/(\.\./\S+)")
"""Public data that are not in the repository."""
MARKER = re.compile(r"<!-- (not run|given): (.+?) -->\n(?:\s*\n)*\Z", re.DOTALL)


@dataclass(frozen=True)
class Block:
    """A block of code, and the number of its first line on the page.

    `given` is a command that prepares what the reader has already. `reason` says why the block does not run here.
    `shown` is its output, if the page shows it.
    """

    language: str
    code: str
    line: int
    given: str = ""
    reason: str = ""
    shown: str | None = None

    @property
    def runs(self) -> bool:
        return not self.reason

    @property
    def changes_the_machine(self) -> bool:
        return self.language in SHELL and OF_THE_MACHINE.search(self.code) is not None


def blocks(text: str) -> list[Block]:
    """Return the blocks of shell and Python. A block of `text` directly after one of them is its output."""
    found: list[Block] = []
    end = 0
    for fence in FENCE.finditer(text):
        indent, language, content = fence.groups()
        code = "".join(line.removeprefix(indent) for line in content.splitlines(keepends=True))
        between, end = text[end : fence.start()], fence.end()
        if language == "text" and found and not between.strip() and found[-1].shown is None:
            found.append(_with_output(found.pop(), code))
        elif language in SHELL or language in PYTHON or _markers(between):
            marked = _markers(between)
            line = text.count("\n", 0, fence.start(3)) + 1
            found.append(Block(language, code, line, marked.get("given", ""), marked.get("not run", "")))
    return found


def missing(found: Sequence[Block]) -> list[str]:
    """Return the files outside the checkout that the reader of these blocks has, and that this machine lacks."""
    names = [name for block in found for name in OUTSIDE.findall(block.given)]
    return [name for name in names if not (ROOT / name).is_file()]


def _markers(before: str) -> dict[str, str]:
    """Return the markers that end this text: those directly above a block."""
    marked: dict[str, str] = {}
    while found := MARKER.search(before):
        marked[found[1]] = " ".join(found[2].split()) if found[1] == "not run" else found[2].strip()
        before = before[: found.start()]
    return marked


def _with_output(block: Block, shown: str) -> Block:
    return Block(block.language, block.code, block.line, block.given, block.reason, shown)
