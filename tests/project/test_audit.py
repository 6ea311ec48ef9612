"""The audit of dependencies never takes silence for health."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path

import pytest

spec = importlib.util.spec_from_file_location("audit", Path(__file__).parents[2] / ".ci" / "audit.py")
assert spec is not None
assert spec.loader is not None
audit = importlib.util.module_from_spec(spec)
sys.modules["audit"] = audit
spec.loader.exec_module(audit)

LEFT_OUT = "no known hole; 1 NOT AUDITED"
NPM = "dependency audit, npm"
GOOD = {"name": "a", "version": "1", "vulns": []}
BAD = {"name": "b", "version": "2", "vulns": [{"id": "PYSEC-1", "fix_versions": ["3"]}]}
UNKNOWN = {"name": "c", "skip_reason": "Dependency not found on PyPI and could not be audited: c (1)"}
OURS = [{"name": name, "skip_reason": "not on PyPI"} for name in ("e1-client", "e1-service")]
NPM_GOOD = {"metadata": {"dependencies": {"total": 7}}, "vulnerabilities": {"x": {"severity": "low", "range": "<1"}}}
NPM_BAD = {**NPM_GOOD, "vulnerabilities": {"x": {"severity": "high", "range": "<2"}}}


@pytest.mark.parametrize(
    ("packages", "line"),
    [
        ([GOOD, *OURS], "dependency audit, python: 1 packages, no known hole"),
        ([GOOD, BAD], "dependency audit, python: 1 KNOWN HOLES in 2 packages"),
        ([UNKNOWN], f"dependency audit, python: NOT AUDITED: {UNKNOWN['skip_reason']}"),
        ([GOOD, UNKNOWN], f"dependency audit, python: 1 packages, {LEFT_OUT}: {UNKNOWN['skip_reason']}"),
        ([], "dependency audit, python: NOT AUDITED: the service gave no answer"),
    ],
)  # fmt: skip
def test_what_pip_audit_says(packages, line):
    assert audit.python_report(json.dumps({"dependencies": packages})).line() == line


@pytest.mark.parametrize(
    ("said", "line"),
    [
        (json.dumps(NPM_GOOD), "dependency audit, npm: 7 packages, no known hole"),
        (json.dumps(NPM_BAD), "dependency audit, npm: 1 KNOWN HOLES in 7 packages"),
        ('{"message": "405 Method Not Allowed - POST address"}', f"{NPM}: NOT AUDITED: 405 Method Not Allowed"),
        ("", "dependency audit, npm: NOT AUDITED: npm gave no report"),
    ],
)  # fmt: skip
def test_what_npm_says(said, line):
    assert audit.npm_report(said).line() == line


@pytest.mark.parametrize(
    ("pip", "npm", "require", "status"),
    [
        ([GOOD], NPM_GOOD, True, 0),
        ([UNKNOWN], {"message": "no"}, False, 0),
        ([UNKNOWN], NPM_GOOD, True, 1),
        ([GOOD], {"message": "no"}, True, 1),
        ([BAD], NPM_GOOD, False, 1),
        ([GOOD], NPM_BAD, False, 1),
    ],
)
def test_a_hole_fails_and_silence_fails_where_an_audit_is_required(monkeypatch, capsys, pip, npm, require, status):
    answers = iter([json.dumps({"dependencies": pip}), json.dumps(npm)])
    monkeypatch.setattr(audit, "output_of", lambda *command: next(answers))
    monkeypatch.setenv("E1_AUDIT", "require" if require else "")
    assert audit.main() == status
    assert capsys.readouterr().out.count("dependency audit") == 2
