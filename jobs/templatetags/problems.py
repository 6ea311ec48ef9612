"""How problems are put on pages."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from django import template

from jobs.errors import Problem

register = template.Library()

PLACES = {
    "file": "the sequences",
    "context": "the context",
    "model": "the model",
    "action": "the action",
    "include": "the results",
    "repr_layers": "the layers",
    "rows": "the rows",
    "dtype": "the numbers",
    "on_invalid": "what happens to invalid records",
    "name": "the name",
    "parent": "the parent",
    "method": "the method",
    "offset": "the numbering offset",
    "positions": "the positions",
}


@register.filter
def place_name(place: str) -> str:
    """A place of the form in words."""
    return PLACES.get(place, place)


@register.filter
def without_place(problem: Problem | Mapping[str, Any]) -> str:
    """The problem's sentence without "line 7, column 4, record x: ", where these stand in columns of their own."""
    fields = problem.as_dict() if isinstance(problem, Problem) else problem
    message = str(fields.get("message", ""))
    name = re.escape(str(fields.get("record") or "")[:60])
    place = re.match(rf"(?:\S+, )?line [\d,]+(?:, column [\d,]+)?(?:, record {name}(?:\.\.\.)?)?: ", message)
    if place is None or place.end() == len(message):
        return message
    what = message[place.end() :]
    return what[0].upper() + what[1:]
