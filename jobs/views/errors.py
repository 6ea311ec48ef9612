"""Pages for what is not there, not allowed, or broken."""

from __future__ import annotations

import sys

from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return render(request, "jobs/error.html", {"title": "Not found", "text": NOT_FOUND}, status=404)


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    return render(request, "jobs/error.html", {"title": "Not allowed", "text": FORBIDDEN}, status=403)


def csrf_failed(request: HttpRequest, reason: str = "") -> HttpResponse:
    """A form without its token: an old page, or cookies that the browser does not keep."""
    return render(request, "jobs/error.html", {"title": "Please send it again", "text": CSRF}, status=403)


def broken(request: HttpRequest) -> HttpResponse:
    """Needs neither a database nor a session: they may be what is broken. A page that was only looked at is fetched
    again by itself, so that it comes back when the service does; a form is not sent a second time.
    """
    away = isinstance(sys.exc_info()[1], OperationalError | InterfaceError)
    context = {"away": away, "again": AGAIN_SECONDS if request.method == "GET" else None}
    headers = {"Retry-After": str(AGAIN_SECONDS)} if away else {}
    return HttpResponse(render_to_string("jobs/broken.html", context), status=503 if away else 500, headers=headers)


AGAIN_SECONDS = 10
NOT_FOUND = "There is nothing at this address, or it belongs to somebody else."
FORBIDDEN = "This page is not for your account."
CSRF = (
    "The form was too old, or your browser kept no cookie for it. Go back, reload the page and send the form again. "
    "Nothing was changed."
)
