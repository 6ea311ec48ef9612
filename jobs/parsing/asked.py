"""What a request says about how its file is to be read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from jobs.errors import InvalidInput, Offer

JOIN, EACH = "join", "lines"
LAYOUTS = (JOIN, EACH)
"""What several lines without a header are: one sequence, or a sequence each."""

REJECT, SKIP = "reject", "skip"
ON_INVALID = (REJECT, SKIP)
"""What becomes of bad records: the file is refused, or they are left out."""
_CHOICE = f"Choose {REJECT} or {SKIP}."

OFFERS = (
    Offer("layout", JOIN, "Join the lines into one sequence"),
    Offer("layout", EACH, "Read one sequence from each line"),
)
"""Ways out of a refusal of several lines without a header."""


class Reading(NamedTuple):
    """`layout` is one of LAYOUTS, `sheet` the name of one in a workbook; "" if the request does not say."""

    layout: str = ""
    sheet: str = ""

    @classmethod
    def of(cls, fields: Mapping[str, Any]) -> Reading:
        """Return what the fields of a request say. Raises InvalidInput `bad_layout`."""
        return cls(layout_of(fields), str(fields.get("sheet") or ""))


FIELDS = Reading._fields


def skips_bad(fields: Mapping[str, Any]) -> bool:
    """Return whether bad records or rows are left out. Raises InvalidInput `bad_on_invalid`."""
    choice = fields.get("on_invalid")
    choice = REJECT if choice is None or choice == "" else choice  # a form sends ""
    if choice not in ON_INVALID:
        raise InvalidInput.one("bad_on_invalid", f"on_invalid is {str(choice)[:60]!r}", _CHOICE, path="on_invalid")
    return bool(choice == SKIP)


def layout_of(fields: Mapping[str, Any], name: str = "layout") -> str:
    """Return the layout in the field `name`. Raises InvalidInput `bad_layout`."""
    text = str(fields.get(name) or "")
    if text not in ("", *LAYOUTS):
        remedy = f"Choose {JOIN} for one sequence, {EACH} for a sequence on each line, or leave it out."
        raise InvalidInput.one("bad_layout", f"{name} is {text[:20]!r}", remedy, path=name)
    return text
