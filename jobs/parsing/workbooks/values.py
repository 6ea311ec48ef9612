"""What a cell shows, as text."""

from __future__ import annotations

import math
import re
from datetime import datetime, timedelta
from decimal import Decimal

_DIGITS = re.compile(r"[+-]?[0-9]+")
_WIDEST = 1e21
"""Numbers from which digits are not written out."""
_DAYS_1904 = 1462
_LEAP = 60  # Excel counts 29 February 1900, which did not exist
_EPOCH = datetime(1899, 12, 30)  # noqa: DTZ001  a cell's date has no time zone
_LAST_DAY = 2_957_000  # in December 9995, also if dates count from 1904


class NumberText(str):
    """A number of a cell as text. Its decimal point says nothing about the marks in cells of text."""


def number_text(text: str) -> str:
    """Return a number as it is shown: 1 for 1.0, 0.1 for 0.10000000000000001, a long one with all its digits."""
    word = text.strip()
    if _DIGITS.fullmatch(word):
        return word
    try:
        value = float(word)
    except ValueError:
        return word
    if not math.isfinite(value) or "_" in word:
        return word
    if value == int(value) and abs(value) < _WIDEST:
        return format(Decimal(repr(value)).to_integral_value(), "f")
    return NumberText(repr(value))


def date_text(text: str, *, from_1904: bool) -> str:
    """Return a date or a time in the form of ISO 8601, or the number itself if it is none."""
    try:
        days = float(text)
    except ValueError:
        return text
    if not 0 <= days <= _LAST_DAY:
        return number_text(text)
    if days < 1:
        return (_EPOCH + timedelta(seconds=int(days * 86_400 + 0.5) % 86_400)).strftime("%H:%M:%S")
    if from_1904:
        days += _DAYS_1904
    elif days < _LEAP:
        days += 1
    moment = _EPOCH + timedelta(seconds=round(days * 86_400))
    return moment.date().isoformat() if moment.time() == datetime.min.time() else moment.isoformat(" ")
