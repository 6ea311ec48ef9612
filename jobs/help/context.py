"""The address of the help for a page, for the header of every page."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.urls import reverse

from jobs.help.places import PLACES


def helped(request: HttpRequest) -> dict[str, Any]:
    """Return `help_address`: the document about this page, or the index."""
    match = request.resolver_match
    name, mark, anchor = PLACES.get((match.url_name if match else None) or "", "").partition("#")
    return {"help_address": reverse("help-page", args=[name]) + mark + anchor if name else reverse("help")}
