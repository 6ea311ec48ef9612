"""Numbers written as text: the one way to read them from forms, addresses, headers and files."""

from __future__ import annotations

import math
import re

BIGINT = 2**63 - 1
"""The largest whole number that a bigint column of Postgres holds."""

# ASCII digits only: str.isdigit and int accept digits of other scripts, and int fails at superscripts.
_WHOLE = re.compile(r"[+-]?[0-9]{1,19}")


def whole(text: str | None, low: int = 0, high: int = BIGINT) -> int | None:
    """Return the whole number that `text` spells, or None if it spells none from `low` to `high`."""
    word = _plain(text)
    if not _WHOLE.fullmatch(word):
        return None
    number = int(word)
    return number if low <= number <= high else None


def decimal(text: str | None) -> float | None:
    """Return the finite number that `text` spells, such as `-0.5` or `1e-3`, or None if it spells none."""
    word = _plain(text)
    if not word.isascii() or "_" in word:
        return None
    try:
        number = float(word)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _plain(text: str | None) -> str:
    return (text or "").strip().replace("\N{MINUS SIGN}", "-")
