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
