"""Pages for errors, and JSON for errors that no view of REST has answered."""

from __future__ import annotations

import sys

from django.core.exceptions import DisallowedHost
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.request import split_domain_port
from django.middleware.csrf import REASON_NO_CSRF_COOKIE
from django.shortcuts import render
from django.template.loader import render_to_string

from jobs.errors import InvalidInput, NotFound, ServiceError, Unavailable
from jobs.web import browser_assets
from jobs.web.addresses import asks_rest
from jobs.web.disk import disk_full, is_full, says_full

AGAIN_SECONDS = 10
UNREADABLE = "The request cannot be read. Check the address, or go back and try again."
NOT_FOUND = "There is nothing at this address, or it belongs to somebody else."
FORBIDDEN = "This page is not for your account."
NOTHING_CHANGED = "Nothing was changed."
CSRF_AGE = "The form is too old, or you have logged in or out since. Go back, reload the page and send the form again."
CSRF_COOKIE = (
    "Your browser sent no cookie with the form. Allow cookies for this address, reload the page and send the form "
    "again. By http a service with E1_HTTPS=true gets no cookies: open it by https."
)
CSRF_ORIGIN = (
    "Your browser sent the form from {origin}, and the service takes it for another site. Open the service at its own "
    "address. If that is its address, an administrator adds it to E1_CSRF_TRUSTED_ORIGINS."
)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    if asks_rest(request):
        return json_error(NotFound("there is nothing at this address"))
    return error_page(request, "Not found", NOT_FOUND, 404)


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    return error_page(request, "Not allowed", FORBIDDEN, 403)


def csrf_failed(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Answer a form that Django refuses, and say whether its origin, its cookie or its age is wrong."""
    if reason.startswith(("Origin checking", "Referer checking")):
        text = CSRF_ORIGIN.format(origin=request.headers.get("Origin") or request.headers.get("Referer") or "nowhere")
    elif reason == REASON_NO_CSRF_COOKIE:
        text = CSRF_COOKIE
    else:
        text = CSRF_AGE
    return error_page(request, "Please send it again", f"{text} {NOTHING_CHANGED}", 403)


def broken(request: HttpRequest) -> HttpResponse:
    """Answer after an exception, without the database and the session, because they can be broken.

    A page reloads itself until the service is back. A form is not sent a second time.
    """
    error = sys.exc_info()[1]
    refusal = store_failed(error) if error is not None else None
    if asks_rest(request):
        return json_error(refusal or ServiceError("the service failed; its log has the details"))
    away = refusal is not None
    context = {
        "away": away,
        "full": refusal is not None and refusal.code == "disk_full",
        "unbuilt": browser_assets.missing() and browser_assets.REMEDY,
        "again": AGAIN_SECONDS if request.method == "GET" else None,
    }
    headers = {"Retry-After": str(AGAIN_SECONDS)} if away else {}
    return HttpResponse(render_to_string("jobs/web/broken.html", context), status=503 if away else 500, headers=headers)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer a request that Django refuses. Only the log has the details, except for a name that is not allowed."""
    if isinstance(exception, DisallowedHost):
        error = unknown_host(request.META.get("HTTP_HOST", ""))
        if asks_rest(request):
            return json_error(error)
        remedies = " ".join(problem.remedy for problem in error.problems)
        return error_page(request, "Unknown name", f"{error.sentence} {remedies}", 400)
    if asks_rest(request):
        return json_error(InvalidInput("the request cannot be read", code="bad_request"))
    return error_page(request, "Bad request", UNREADABLE, 400)


def unknown_host(asked: str) -> ServiceError:
    """Return the refusal of a Host header that names no host of this service. An odd one is not repeated."""
    name = split_domain_port(asked)[0]
    if not name:
        return InvalidInput("the Host header of the request is no host name", code="unknown_host")
    return InvalidInput.one(
        "unknown_host",
        f"this service does not answer to the name {name}",
        f"Its administrator allows it: e1 up --allow-host {name}, or E1_ALLOWED_HOSTS. "
        "`e1 up --host 0.0.0.0` allows the machine's own names.",
    )


def error_page(request: HttpRequest, title: str, text: str, status: int) -> HttpResponse:
    return render(request, "jobs/web/error.html", {"title": title, "text": text}, status=status)


def refusal_page(request: HttpRequest, title: str, error: ServiceError) -> HttpResponse:
    """Return a page with the sentence of a refusal."""
    answer = error_page(request, title, error.sentence, error.status_code)
    for name, value in error.headers.items():
        answer[name] = value
    return answer


def refused(request: HttpRequest, title: str, error: ServiceError) -> HttpResponse:
    """Return the refusal of a middleware: JSON under `/api/`, a page elsewhere."""
    return json_error(error) if asks_rest(request) else refusal_page(request, title, error)


def json_error(error: ServiceError) -> HttpResponse:
    """Return the error body of REST outside its views."""
    return JsonResponse(error.as_dict(), status=error.status_code, headers=error.headers)


def _is_of_disk(error: BaseException) -> bool:
    """Return whether a full disk is the cause. An error of a file counts only if it says so itself."""
    return is_full(error) if isinstance(error, OperationalError | InterfaceError) else says_full(error)


def store_failed(error: BaseException) -> Unavailable | None:
    """Return the refusal if this error means that the database is away or a disk is full, else None."""
    database = isinstance(error, OperationalError | InterfaceError)
    if (database or isinstance(error, OSError)) and _is_of_disk(error):
        return disk_full()
    if not database:
        return None
    return Unavailable("the database does not answer", code="database_unavailable", retry_after=AGAIN_SECONDS)
