"""Live parts of pages: htmx asks for them again and again, and gets an answer only where something has changed."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string


def fragment(request: HttpRequest, template: str, context: Mapping[str, Any]) -> HttpResponse:
    """The rendered part, or 204 where the browser has just that already: then nothing moves, no focus is lost, and no
    screen reader begins anew. The browser says what it has by the digest that came with it (frontend/src/lib/live.ts).
    So a part must be the same text for the same state: forms with their token stay outside of it.
    """
    text = render_to_string(template, dict(context), request)
    digest = hashlib.blake2b(text.encode(), digest_size=8).hexdigest()
    if request.headers.get("E1-Seen") == digest:
        return HttpResponse(status=204)
    return HttpResponse(text, headers={"E1-Digest": digest})
