"""The documents describe every error code of the program, and no other."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "docs" / name for name in ("errors.md", "input-rules.md")]
SOURCES = [path for folder in ("e1client", "jobs", "worker") for path in (ROOT / folder).rglob("*.py")]
CALLS = {"Problem", "problem", "one", "refused", "_refused", "_refusal", "_warning", "add", "setdefault"}
"""Functions whose first argument may be a code; for `add` and `setdefault` see `_codes_of_call`."""
CODE = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
MADE_UP = {"bad_{name}": ("bad_state", "bad_interactive")}
"""Codes that the program composes, by the expression in its source."""
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
    return OF_REST_FRAMEWORK | {code for path in SOURCES for code in _codes_in(path)}


def _codes_in(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call):
            yield from _codes_of_call(node)
        elif isinstance(node, ast.AnnAssign) and getattr(node.target, "id", "") == "code" and node.value:
            yield from _texts(node.value)
        elif isinstance(node, ast.Assign):
            for target in node.targets:
                names = target.elts if isinstance(target, ast.Tuple) else [target]
                values = node.value.elts if isinstance(node.value, ast.Tuple) else [node.value]
                for name, value in zip(names, values, strict=False):
                    if isinstance(name, ast.Name) and name.id == "code":
                        yield from _texts(value)


def _codes_of_call(call: ast.Call) -> Iterator[str]:
    """Yield the codes of `Problem("code", ...)` and similar calls, and of the argument `code=` of any call."""
    function = call.func
    name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
    owner = getattr(function.value, "id", "") if isinstance(function, ast.Attribute) else ""
    first = call.args[:1]
    if name == "setdefault":  # of the client, for an answer without a code
        first = call.args[1:2] if [*_texts(call.args[0])] == ["code"] else []
    if name in CALLS and (name != "add" or owner == "faults"):
        for argument in first:
            yield from _texts(argument)
    for keyword in call.keywords:
        if keyword.arg == "code":
            yield from _texts(keyword.value)


def _texts(value: ast.expr) -> Iterator[str]:
    """Yield the codes that this expression can be; none if it is a variable or a sentence."""
    if isinstance(value, ast.Constant) and isinstance(value.value, str) and CODE.fullmatch(value.value):
        yield value.value
    elif isinstance(value, ast.IfExp):
        yield from _texts(value.body)
        yield from _texts(value.orelse)
    elif isinstance(value, ast.JoinedStr):
        yield from MADE_UP.get(ast.unparse(value)[2:-1], ())
