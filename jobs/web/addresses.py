"""Addresses of this service, and what a request asks for, under any prefix."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse, set_script_prefix


def asks_rest(request: HttpRequest) -> bool:
    """Return whether a request is for the REST interface. `request.path` would begin with the prefix."""
    return request.path_info.startswith("/api/")


def base_address(request: HttpRequest) -> str:
    """Return the address that users give to programs as E1_URL, without a slash at its end."""
    return request.build_absolute_uri(reverse("job-list-page")).rstrip("/")


def address_outside_requests(view: str, *arguments: object) -> str:
    """Return the address of a view in any thread: Django knows the prefix only in threads that answer requests."""
    set_script_prefix(settings.FORCE_SCRIPT_NAME or "/")
    return reverse(view, args=arguments)
