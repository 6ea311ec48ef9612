"""From `--param name=value` options to the parameters of an action."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from e1client.errors import UsageError

DTYPE = "dtype"
"""A parameter of encode and predict that has an option of its own: float32 or float16."""
LISTS = frozenset({"include", "repr_layers", "positions"})
"""Parameters that are lists even if one plain value is given."""


def parse_params(options: Iterable[str] | None, *, option_name: str = "--param") -> dict[str, Any]:
    """Parse options such as `repr_layers=[-1]`, `include=mean,per_token` and `rows=masked`; see `parse_value`.

    Raises UsageError for an option without `=` and for a name given twice.
    """
    params: dict[str, Any] = {}
    for option in options or ():
        name, equals, text = option.partition("=")
        name = name.strip()
        if not name or not equals:
            raise UsageError(f"{option_name} {option!r} is not of the form name=value", code="bad_param")
        if name in params:
            raise UsageError(f"{option_name} {name} is given twice; give its values as a list", code="bad_param")
        value = parse_value(text.strip())
        params[name] = [value] if name in LISTS and not isinstance(value, list) else value
    return params


def with_dtype(params: Mapping[str, Any] | None, dtype: str | None) -> dict[str, Any]:
    """Return the parameters with `dtype`, if given, among them. Raises UsageError if they name another one."""
    asked = dict(params or {})
    if dtype is not None and asked.setdefault(DTYPE, str(dtype)) != dtype:
        raise UsageError(f"dtype is {dtype}, and {asked[DTYPE]} among the parameters", code="bad_param")
    return asked


def parse_value(text: str) -> Any:
    """Return a value: JSON, else a list of the parts between commas, else the text itself."""
    try:
        return json.loads(text, parse_constant=_no_number)
    except ValueError:
        if text[:1] in ("[", "{", '"'):
            raise UsageError(f"{text!r} starts like JSON but is none; check its quotes", code="bad_param") from None
    if "," in text:
        return [parse_value(part.strip()) for part in text.split(",") if part.strip()]
    return text


def _no_number(name: str) -> Any:
    raise ValueError(name)  # NaN and Infinity are no JSON
