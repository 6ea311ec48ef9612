"""Live parts of pages, which htmx polls. An unchanged part is not sent again."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string


def fragment(request: HttpRequest, template: str, context: Mapping[str, Any]) -> HttpResponse:
    """Return the rendered part, or 204 if the browser has it already.

    With 204 nothing moves, no focus is lost, and no screen reader starts again. The browser sends the digest of what it
    shows (frontend/src/lib/live.ts). A part must therefore render the same text for the same state: forms, whose
    token changes, stay outside.
    """
    text = render_to_string(template, dict(context), request)
    digest = hashlib.blake2b(text.encode(), digest_size=8).hexdigest()
    if request.headers.get("E1-Seen") == digest:
        return HttpResponse(status=204)
    return HttpResponse(text, headers={"E1-Digest": digest})


NOT_YET = "not-yet"
"""The id of a notice that asks again and again whether the page has something new to show."""


def asks_whether_new(request: HttpRequest) -> bool:
    """Return whether a notice `NOT_YET` asks, whose answer is `new_or_not`."""
    return request.headers.get("HX-Target") == NOT_YET


def new_or_not(*, new: bool) -> HttpResponse:
    """Return the answer to a notice: the page is to be loaded again, or nothing is new."""
    answer = HttpResponse(status=200 if new else 204)
    if new:
        answer["HX-Refresh"] = "true"
    return answer
