"""The documents describe every error code of the program, and no other."""

from __future__ import annotations

import re
from pathlib import Path

from tests.error_codes import codes_in

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "docs" / name for name in ("errors.md", "input-rules.md")]
SOURCES = [path for folder in ("e1client", "e1site", "jobs", "worker") for path in (ROOT / folder).rglob("*.py")]
OF_REST_FRAMEWORK = {"not_authenticated", "authentication_failed", "permission_denied", "method_not_allowed"}
REMEDY = (
    "describe each new code in a row of docs/errors.md (of docs/input-rules.md where it is about a record or a library "
    "file): the code in backticks in the first cell, its status, what it means, what to do. Take the row away where "
    "the code is gone."
)


def test_every_code_stands_in_the_documents():
    used, described = _used(), _described()
    assert len(used) > 150
    assert not (missing := sorted(used - described)), f"not described: {', '.join(missing)}; {REMEDY}"
    assert not (gone := sorted(described - used)), f"in no source any more: {', '.join(gone)}; {REMEDY}"


def test_no_code_stands_twice_on_a_page():
    for page in PAGES:
        codes = _codes_on(page)
        assert not (twice := sorted({code for code in codes if codes.count(code) > 1})), f"{page.name}: {twice}"


def _described() -> set[str]:
    return {code for page in PAGES for code in _codes_on(page)}


def _codes_on(page: Path) -> list[str]:
    """Return the texts in backticks in the first cells of tables whose heading is "code"."""
    codes: list[str] = []
    of_codes = False
    for line in page.read_text().splitlines():
        if not line.startswith("|"):
            of_codes = False
        elif line.startswith("| code |"):
            of_codes = True
        elif of_codes:
            codes += re.findall(r"`(\w+)`", line.split("|")[1])
    return codes


def _used() -> set[str]:
    return OF_REST_FRAMEWORK | {code for path in SOURCES for code in codes_in(path)}
