"""Numbers from forms and JSON: refused with their place, or left for a check that knows the place."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jobs.errors import InvalidInput
from jobs.parsing.numbers import decimal, whole

FORM_LIMIT = 10**8
"""The largest number of a form: beyond any index, position or offset of a job."""


def typed(text: str) -> int | float | str:
    """Return what a person typed as a number if it is one; otherwise the text, for a check to refuse with its place."""
    for number in (whole(text, low=-FORM_LIMIT), decimal(text)):
        if number is not None:
            return number
    return text


def form_number(data: Mapping[str, Any], name: str, low: int = -FORM_LIMIT) -> int | None:
    """Return a whole number of a form, at least `low`; None if it is left out. Raises InvalidInput `bad_number`."""
    text = str(data.get(name, "")).strip()
    number = whole(text, low, FORM_LIMIT)
    if text and number is None:
        raise _bad(name, text[:40], "Give a whole number, such as 0 or 23.")
    return number


def json_whole(raw: Any, default: int, low: int, high: int, *, path: str) -> int:
    """Return a whole number of JSON, or `default` for null. Raises InvalidInput `bad_number`."""
    if raw is None:
        return default
    if not is_whole(raw) or not low <= raw <= high:
        raise _bad(path, raw, f"Give a whole number from {low} to {high:,}.")
    return int(raw)


def json_number(raw: Any, default: float, low: float, high: float, *, path: str) -> float:
    """Return a number of JSON, or `default` for null. Raises InvalidInput `bad_number`."""
    if raw is None:
        return default
    if not (is_whole(raw) or isinstance(raw, float)) or not low <= raw <= high:
        raise _bad(path, raw, f"Give a number from {low:g} to {high:g}.")
    return float(raw)


def is_whole(raw: Any) -> bool:
    """Return whether a value of JSON is a whole number; Python counts true and false as such."""
    return isinstance(raw, int) and not isinstance(raw, bool)


def _bad(path: str, raw: Any, remedy: str) -> InvalidInput:
    return InvalidInput.one("bad_number", f"{path.rpartition('.')[2]} is {raw!r}", remedy, path=path)
