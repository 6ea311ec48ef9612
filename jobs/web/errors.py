"""Pages for what is not there, not allowed, or broken."""

from __future__ import annotations

import sys

from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.template.loader import render_to_string

from jobs.errors import InvalidInput, NotFound, ServiceError, Unavailable
from jobs.web import browser_assets


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    if request.path.startswith("/api/"):
        return _json(NotFound("there is nothing at this address"))
    return render(request, "jobs/web/error.html", {"title": "Not found", "text": NOT_FOUND}, status=404)


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    return render(request, "jobs/web/error.html", {"title": "Not allowed", "text": FORBIDDEN}, status=403)


def csrf_failed(request: HttpRequest, reason: str = "") -> HttpResponse:
    """A form without its token: an old page, or cookies that the browser does not keep."""
    return render(request, "jobs/web/error.html", {"title": "Please send it again", "text": CSRF}, status=403)


def broken(request: HttpRequest) -> HttpResponse:
    """Needs neither a database nor a session: they may be what is broken. A page that was only looked at is fetched
    again by itself, so that it comes back when the service does; a form is not sent a second time.
    """
    away = isinstance(sys.exc_info()[1], OperationalError | InterfaceError)
    if request.path.startswith("/api/") and away:
        return _json(
            Unavailable("the database does not answer", code="database_unavailable", retry_after=AGAIN_SECONDS)
        )
    if request.path.startswith("/api/"):
        return _json(ServiceError("something broke here; the service's log says what"))
    unbuilt = browser_assets.missing()
    context = {
        "away": away,
        "unbuilt": unbuilt and browser_assets.REMEDY,
        "again": AGAIN_SECONDS if request.method == "GET" else None,
    }
    headers = {"Retry-After": str(AGAIN_SECONDS)} if away else {}
    return HttpResponse(render_to_string("jobs/web/broken.html", context), status=503 if away else 500, headers=headers)


AGAIN_SECONDS = 10


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """What Django itself finds wrong with a request, such as a host name that is not ours. Details stay in the log."""
    if request.path.startswith("/api/"):
        return _json(InvalidInput("the request cannot be read", code="bad_request"))
    return render(request, "jobs/web/error.html", {"title": "Bad request", "text": UNREADABLE}, status=400)


def _json(error: ServiceError) -> HttpResponse:
    """REST gets the service's error body, where no view of its own has answered."""
    headers = {} if error.retry_after is None else {"Retry-After": str(error.retry_after)}
    return JsonResponse(error.as_dict(), status=error.status_code, headers=headers)


DATABASE_AWAY = Unavailable("the database does not answer", code="database_unavailable", retry_after=AGAIN_SECONDS)
UNREADABLE = "The request cannot be read. Check the address, or go back and try again."
NOT_FOUND = "There is nothing at this address, or it belongs to somebody else."
FORBIDDEN = "This page is not for your account."
CSRF = (
    "The form was too old, or your browser kept no cookie for it. Go back, reload the page and send the form again. "
    "Nothing was changed."
)
