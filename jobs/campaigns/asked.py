"""Fields of bodies of campaigns, checked. Each function raises InvalidInput with the field's path and a remedy."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from jobs.errors import InvalidInput

MAX_SEED = 2**53
LARGEST = 1e300


def wrong(path: str, value: object, remedy: str, *, code: str = "wrong_type") -> InvalidInput:
    """Return the refusal of a value."""
    return InvalidInput.one(code, f"{path} is {str(value)[:60]!r}", remedy, path=path)


def text(data: Mapping[str, Any], name: str, *, most: int, needed: bool = False, prefix: str = "") -> str:
    """Return a text without blanks around it, "" if it is left out."""
    value = data.get(name)
    if value is None and not needed:
        return ""
    if value is None or value == "":
        if needed:
            raise InvalidInput.one("missing_field", f"the field {name} is missing", path=prefix + name)
        return ""
    if not isinstance(value, str):
        raise wrong(prefix + name, value, "Give a text.")
    found = value.strip()
    if len(found) > most or not found.isprintable() or (needed and not found):
        remedy = f"Give 1 to {most} printable characters."
        raise InvalidInput.one("bad_name", f"{name} has {len(found):,} characters", remedy, path=prefix + name)
    return found


def choice(data: Mapping[str, Any], name: str, choices: Sequence[str], default: str) -> str:
    """Return one of the choices."""
    value = data.get(name, default)
    if value is None:
        return default
    if not isinstance(value, str) or value not in choices:
        raise wrong(name, value, f"Choose from {', '.join(choices)}.", code="bad_choice")
    return value


def flag(data: Mapping[str, Any], name: str, default: bool | None = None) -> bool:
    """Return a truth value. Without a default it is required."""
    value = data.get(name, default)
    if value is None and default is None:
        raise InvalidInput.one("missing_field", f"the field {name} is missing", "Give true or false.", path=name)
    if not isinstance(value, bool):
        raise wrong(name, value, "Give true or false.")
    return value


def whole_number(
    data: Mapping[str, Any], name: str, default: int | None, *, low: int, high: int, prefix: str = ""
) -> int:
    """Return a whole number from `low` to `high`. Without a default it is required."""
    value = data.get(name)
    value = default if value is None else value
    if value is None:
        raise InvalidInput.one("missing_field", f"the field {name} is missing", path=prefix + name)
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise wrong(prefix + name, value, f"Give a whole number from {low:,} to {high:,}.", code="bad_value")
    return value


def number(value: object, path: str) -> float | None:
    """Return a finite number, or None for null."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < LARGEST:
        raise wrong(path, value, "Give a number, or null.", code="bad_value")
    return float(value)


def finite(value: float | None) -> float | None:
    """Return a number for JSON: None if it is not finite."""
    return None if value is None or not math.isfinite(value) else float(value)
