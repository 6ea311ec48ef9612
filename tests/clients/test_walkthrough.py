"""The blocks of docs/walkthrough.md run in order in one Python, and each prints what the page shows."""

from __future__ import annotations

import doctest
import io
import re
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.stack import Stack

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "walkthrough.md"
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    """A block of Python, its first line on the page, and its output if the page shows one."""

    code: str
    line: int
    shown: str | None


def blocks(text: str) -> list[Block]:
    """Return the page's blocks of Python. A block of text after one is its output."""
    found: list[Block] = []
    for fence in FENCE.finditer(text):
        language, content = fence.groups()
        if language == "python":
            found.append(Block(content, text.count("\n", 0, fence.start(2)), None))
        elif language == "text":
            last = found.pop()
            assert last.shown is None, f"two outputs below the block at line {last.line}"
            found.append(Block(last.code, last.line, content))
    return found


def test_the_page_is_read_as_people_read_it() -> None:
    page = "words\n```python\nprint(1)\n```\n\n```text\n1\n```\n```python\nx = 2\n```\n"
    assert blocks(page) == [Block("print(1)\n", 2, "1\n"), Block("x = 2\n", 9, None)]


def test_the_page_runs_and_prints_what_it_shows(stack: Stack, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("E1_URL", stack.url)
    monkeypatch.setenv("E1_TOKEN", stack.token)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.chdir(ROOT)
    page = blocks(PAGE.read_text())
    assert len(page) > 15
    names: dict[str, Any] = {}
    for block in page:
        printed = io.StringIO()
        with redirect_stdout(printed):
            # Empty lines in front make a traceback name the line of the page.
            exec(compile("\n" * block.line + block.code, str(PAGE), "exec"), names)
        if block.shown is not None:
            same = doctest.OutputChecker().check_output(block.shown, printed.getvalue(), doctest.ELLIPSIS)
            assert same, f"line {block.line}: the page shows\n{block.shown}but it prints\n{printed.getvalue()}"
