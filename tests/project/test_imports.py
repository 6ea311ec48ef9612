"""Test modules are independent of one another: what they share lives in modules that hold no tests."""

from __future__ import annotations

import ast
from pathlib import Path

TESTS = Path(__file__).parents[1]


def test_no_module_imports_a_test_module():
    found = [
        f"{path.relative_to(TESTS)}:{node.lineno}"
        for path in TESTS.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        for name in imported(node)
        if any(part.startswith("test_") for part in name.split("."))
    ]
    assert not found, "move what they share to tests/helpers.py, tests/factories.py or a module beside them"


def imported(node: ast.AST) -> list[str]:
    """Return the modules that a statement may import."""
    match node:
        case ast.Import(names=names):
            return [alias.name for alias in names]
        case ast.ImportFrom(module=str(module), names=names):
            return [f"{module}.{alias.name}" for alias in names if module.split(".")[0] == "tests"]
    return []
