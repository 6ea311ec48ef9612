"""Addresses of the same page with something else chosen."""

from __future__ import annotations

from typing import Any

from django.http import QueryDict


def changed(query: QueryDict, **changes: Any) -> str:
    """The query with these values, `?...`; None takes a name out."""
    other = query.copy()
    for name, value in changes.items():
        if value is None:
            other.pop(name, None)
        else:
            other[name] = str(value)
    return f"?{other.urlencode()}"


def whole(text: str | None, default: int) -> int:
    """A natural number of an address; `default` for anything else."""
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 10 else default
