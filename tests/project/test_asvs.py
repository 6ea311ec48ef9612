"""docs/asvs.md answers every requirement of ASVS 5.0.0 at levels 1 and 2 once, and names what exists."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "asvs.md").read_text()
ROW = re.compile(r"^\| (\d+\.\d+\.\d+) \| ([^|]+) \| (holds|does not apply|does not hold) \| ([^|]+) \|$", re.MULTILINE)
NUMBERS = {
    1: {1: 2, 2: 9, 3: 11, 4: 3, 5: 2},
    2: {1: 3, 2: 3, 3: 4, 4: 1},
    3: {2: 2, 3: 4, 4: 6, 5: 5, 7: 2},
    4: {1: 3, 2: 1, 3: 2, 4: 4},
    5: {1: 1, 2: 3, 3: 2, 4: 3},
    6: {1: 3, 2: 12, 3: 4, 4: 4, 5: 5, 6: 3, 8: 4},
    7: {1: 3, 2: 4, 3: 2, 4: 5, 5: 2, 6: 2},
    8: {1: 2, 2: 3, 3: 1, 4: 1},
    9: {1: 3, 2: 4},
    10: {1: 2, 2: 2, 3: 4, 4: 11, 5: 5, 6: 2, 7: 3},
    11: {1: 2, 2: 3, 3: 3, 4: 4, 5: 1, 6: 1},
    12: {1: 3, 2: 2, 3: 4},
    13: {1: 1, 2: 5, 3: 2, 4: 5},
    14: {1: 2, 2: 4, 3: 3},
    15: {1: 3, 2: 3, 3: 7},
    16: {1: 1, 2: 5, 3: 4, 4: 3, 5: 3},
    17: {1: 1, 2: 4, 3: 2},
}
"""The number of requirements of each section at levels 1 and 2; within a section they come before those of level 3."""


def test_every_requirement_has_one_answer():
    wanted = [
        f"{chapter}.{section}.{number}"
        for chapter, sections in NUMBERS.items()
        for section, count in sections.items()
        for number in range(1, count + 1)
    ]
    assert len(wanted) == 253
    assert [number for number, *_ in ROW.findall(PAGE)] == wanted
    lines = [line for line in PAGE.splitlines() if re.match(r"\| \d+\.", line)]
    assert len(lines) == len(wanted), "a line that is no answer"


def test_what_holds_names_a_file_that_exists():
    for number, _, answer, reason in ROW.findall(PAGE):
        named = re.findall(r"`([\w./-]+/[\w./-]+|pyproject\.toml)`", reason)
        assert named or answer != "holds", number
        assert [name for name in named if not (ROOT / name).exists()] == [], number


def test_what_does_not_hold_has_a_plan_or_says_whose_task_it_is():
    for number, _, answer, reason in ROW.findall(PAGE):
        if answer == "does not hold":
            assert re.search(r"Plan: |left to the administrator|^as 1", reason), number


def test_the_page_of_security_counts_the_answers():
    counts = Counter(answer for _, _, answer, _ in ROW.findall(PAGE))
    text = re.sub(r"\s+", " ", (ROOT / "docs" / "security.md").read_text())
    assert (
        f"{counts['holds']} of 253 hold, {counts['does not apply']} do not apply, {counts['does not hold']} do not hold"
        in text
    )
