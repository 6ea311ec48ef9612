"""Filters for problems on pages."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from django import template
from django.utils.html import conditional_escape, format_html, format_html_join
from django.utils.safestring import SafeString

from jobs.errors import Problem, ServiceError
from jobs.parsing.records import NAME_SHOWN

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
    "precision": "the compute precision",
    "on_invalid": "what happens to invalid records",
    "name": "the name",
    "project": "the project",
    "parent": "the parent",
    "method": "the method",
    "offset": "the numbering offset",
    "numbering": "the numbering",
    "positions": "the positions",
    "sheet": "the sheet",
}


@register.filter
def place_name(place: str) -> str:
    """Return a place of the form in words."""
    return PLACES.get(place, place)


@register.filter
def without_place(problem: Problem | Mapping[str, Any]) -> str:
    """Return the sentence without "sequence, line 7, column 4, record x: ", for a table that has columns for these."""
    fields = problem.as_dict() if isinstance(problem, Problem) else problem
    parts = [str(fields["path"])] if fields.get("path") else []
    if line := fields.get("line"):
        parts.append(f"line {line:,}" + (f", column {column:,}" if (column := fields.get("column")) else ""))
    if record := str(fields.get("record") or ""):
        parts.append(f"record {record[:NAME_SHOWN]}{'...' if len(record) > NAME_SHOWN else ''}")
    return _sentence(fields, f"{', '.join(parts)}: ")


@register.filter
def without_path(problem: Problem | Mapping[str, Any]) -> str:
    """Return the sentence without the REST name of the field, for a place beside the field of a form."""
    fields = problem.as_dict() if isinstance(problem, Problem) else problem
    path = str(fields.get("path") or "")
    together = str(fields.get("message", "")).startswith(f"{path}, ")
    return _sentence(fields, f"{path}, " if together else f"{path}: ")


@register.filter
def coded(text: object) -> SafeString:
    """Return text with each word between backticks as code, such as the name of a field."""
    parts = str(text).split("`")
    if len(parts) % 2 == 0:  # a backtick without another
        return conditional_escape(str(text))
    return format_html_join(
        "", "{}", ((format_html("<code>{}</code>", p) if at % 2 else p,) for at, p in enumerate(parts))
    )


@register.filter
def refusal_sentence(error: ServiceError) -> str:
    """Return the sentence of a refused form without the REST names of its fields."""
    first = error.problems[0] if error.problems else None
    return _capital(error.detail.replace(first.message, without_path(first), 1) if first else error.detail)


def _sentence(fields: Mapping[str, Any], place: str) -> str:
    message = str(fields.get("message", ""))
    if len(place) <= 2 or not message.startswith(place) or len(message) == len(place):
        return _capital(message)
    what = message[len(place) :]
    which = _context_in_words(str(fields.get("path") or ""))
    return f"{which}: {what}" if which else _capital(what)


def _context_in_words(path: str) -> str:
    """Return the context sequence that a path names, counted from 1, empty if it names none."""
    if found := re.search(r"\bcontext_sequences\.(\d+)$", path):
        return f"Context sequence {int(found[1]) + 1}"
    if found := re.search(r"\bcontexts\.(\d+)(?:\.(\d+))?$", path):
        return f"Context {int(found[1]) + 1}" + (f", sequence {int(found[2]) + 1}" if found[2] else "")
    return ""


def _capital(text: str) -> str:
    # A sentence starts with a capital, but a name such as `repr_layers` stays.
    return text[:1].upper() + text[1:] if re.match(r"[a-z]+(?=[ ,:;.]|$)", text) else text
