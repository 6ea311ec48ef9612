"""Queries of pages: what they search for, and links to the same page with something else chosen."""

from __future__ import annotations

from typing import Any

from django.core.paginator import Page, Paginator
from django.http import QueryDict

from jobs.limits import PAGE_ROWS
from jobs.parsing.letters import storable

LONGEST_SEARCH = 200


def changed(query: QueryDict, **changes: Any) -> str:
    """Return the query with these values, `?...`. None removes a name."""
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


def paged(query: QueryDict, rows: Any, *, name: str = "page", anchor: str = "") -> tuple[Page[Any], dict[str, str]]:
    """Return the page of `rows` whose number the query has under `name`, and links to the pages around it."""
    page: Page[Any] = Paginator(rows, PAGE_ROWS).get_page(query.get(name, "1"))
    numbers = {"first": None, "previous": page.number - 1, "next": page.number + 1, "last": page.paginator.num_pages}
    return page, {word: changed(query, **{name: number}) + anchor for word, number in numbers.items()}
