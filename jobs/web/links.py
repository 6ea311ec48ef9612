"""Queries of pages: what they search for, and links to the same page with something else chosen."""

from __future__ import annotations

from typing import Any

from django.http import QueryDict

from jobs.parsing.letters import storable

LONGEST_SEARCH = 200


def changed(query: QueryDict, **changes: Any) -> str:
    """The query with these values, `?...`; None takes a name out."""
    other = query.copy()
    for name, value in changes.items():
        if value is None:
            other.pop(name, None)
        else:
            other[name] = str(value)
    return f"?{other.urlencode()}"


def searched(query: QueryDict) -> str:
    """Return the text that a page is searched for. Postgres refuses some characters, so they are replaced."""
    return storable(query.get("search", "").strip()[:LONGEST_SEARCH])
