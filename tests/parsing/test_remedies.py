"""Every code of a refusal has a remedy that works: what it says is done here, and the result is read.

`test_table_refusals` does so for tables, and `test_refusals` for kinds of files.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from jobs.errors import InvalidInput, Problem
from jobs.parsing.kinds import KINDS
from tests.error_codes import codes_in
from tests.parsing.remedies import alignments, files, records, science, tables
from tests.parsing.remedies.readers import READERS

CASES = [*records.CASES, *files.CASES, *alignments.CASES, *science.CASES]
ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_what_a_remedy_says_is_accepted(case, monkeypatch):
    read = READERS[case.reader]
    asked = dict(case.asked)
    if limit := asked.pop("limit", None):
        monkeypatch.setattr(*limit)
    with pytest.raises(InvalidInput) as caught:
        read(case.sent, **asked)
    problem = _problem(caught.value, case.code)
    assert problem.remedy
    assert case.words in problem.remedy
    for mended in case.mended:
        data, options = mended if isinstance(mended, tuple) else (mended, {})
        if isinstance(data, dict):
            data, options = case.sent, data
        data = data.encode() if isinstance(data, str) else data
        assert read(data, **asked | options)


def _problem(error: InvalidInput, code: str) -> Problem:
    if error.code == code and code not in {problem.code for problem in error.problems}:
        return Problem(code, str(error), "Correct them, or send on_invalid=skip.")
    return next(problem for problem in error.problems if problem.code == code)


READING = (
    *("jobs/parsing", "jobs/science/contacts", "jobs/science/variants", "jobs/alignments/bodies.py"),
    *(f"jobs/science/alignments/{name}.py" for name in ("formats", "pir", "reading", "repairs", "rows")),
    *("jobs/variants/assay_files.py", "jobs/maps/column_files.py"),
)
NOTES = {
    *("annotation_row", "gap_characters", "joined_blocks", "joined_chains", "lower_case_query", "repeated_names"),
    *("trailing_star", "numbers_filled", "accidental_fit"),
}
"""Codes of notes about alignments and variants that are read."""
ELSEWHERE = {
    "no_file": "tests/alignments/test_alignment_files.py",
    "bad_positions": "tests/variants/test_baskets.py",
}
"""Codes that need a request, and the tests that follow their remedies."""


def _codes() -> set[str]:
    paths = [path for name in READING for path in (ROOT / name).rglob("*.py") if not name.endswith(".py")]
    paths += [ROOT / name for name in READING if name.endswith(".py")]
    return {code for path in paths for code in codes_in(path)}


def _warnings() -> set[str]:
    """Return the codes of notes and warnings, which refuse nothing."""
    text = (ROOT / "docs/input-rules.md").read_text().partition("## Warnings")[2]
    return NOTES | set(re.findall(r"^\| `(\w+)`", text, re.MULTILINE))


def test_every_code_of_the_readers_is_tried():
    """A new code fails here until a case follows its remedy."""
    tried = {case.code for case in CASES} | {what[2] for what in tables.REFUSED.values()}
    tried |= {kind.code for kind in KINDS.values()}
    assert sorted(_codes() - tried - _warnings() - set(ELSEWHERE)) == []


@pytest.mark.parametrize("code", ELSEWHERE)
def test_codes_of_requests_are_tried_there(code):
    assert code in (ROOT / ELSEWHERE[code]).read_text()
