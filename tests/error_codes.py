"""The error codes in a source file, by its syntax."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

CALLS = {"Problem", "problem", "one", "refused", "_refused", "_refusal", "_warning", "add", "setdefault"}
"""Functions whose first argument may be a code; for `add` and `setdefault` see `_codes_of_call`."""
CODE = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
MADE_UP = {
    "bad_{name}": ("bad_state", "bad_interactive", "bad_archived"),
    "bad_{field}": ("bad_name", "bad_description", "bad_notes"),
    "{name}_failed": ("postgres_failed", "valkey_failed"),
}
"""Codes that the program composes, by the expression in its source."""


def codes_in(path: Path) -> Iterator[str]:
    """Yield every code that calls, defaults and assignments in this file name."""
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
