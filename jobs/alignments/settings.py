"""Settings of searches and samplings as a request gives them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from jobs.errors import Problem, Problems

_KINDS: dict[str, tuple[type, Any, str]] = {
    "str": (str, str, "text"),
    "int": (int, int, "a whole number"),
    "float": (float, int | float, "a number"),
}


def typed_settings(
    of: type, given: Mapping[str, Any], problems: Problems, *, code: str, path: str = ""
) -> dict[str, Any]:
    """Return the given settings as the fields of the dataclass `of` have them, and add a problem for each wrong one.

    `code` is the code of a value of another type, and `path` is put before the names of the fields.
    """
    kinds = {field.name: _KINDS[str(field.type)] for field in fields(of)}
    values: dict[str, Any] = {}
    for name, value in given.items():
        if name not in kinds:
            choice = f"Choose from {', '.join(kinds)}."
            problems.add(Problem("unknown_field", f"there is no setting {name!r}", choice, path=f"{path}{name}"))
            continue
        kind, accepted, words = kinds[name]
        if isinstance(value, bool) or not isinstance(value, accepted):
            problems.add(Problem(code, f"{name} is {value!r}", f"Give {words}.", path=f"{path}{name}"))
        else:
            values[name] = kind(value)
    return values
