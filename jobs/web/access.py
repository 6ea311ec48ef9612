"""Who may see a page: its owner, after logging in."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from functools import wraps
from ipaddress import ip_address
from typing import Any, cast
from uuid import UUID

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, HttpResponseNotAllowed
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache

from jobs.errors import Gone, NotFound
from jobs.library import selectors
from jobs.models import Job

View = Callable[..., HttpResponseBase]


def page(view: View) -> View:
    """A page or fragment for people who are logged in. A fragment whose session has ended reloads its page, which then
    asks for the login; a form that a script sends gets 401. The back button never shows a page of somebody who has
    logged out.
    """
    guarded = login_required(view)

    @wraps(view)
    def answer(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if getattr(request, "htmx", False) and not request.user.is_authenticated:
            return HttpResponse(headers={"HX-Refresh": "true"})
        if request.headers.get("X-Requested-With") == "fetch" and not request.user.is_authenticated:
            return HttpResponse(status=401)
        try:
            return guarded(request, *args, **kwargs)
        except NotFound as error:
            raise Http404(error.detail) from error
        except Gone as error:
            context = {"title": "Expired", "text": error.sentence}
            return render(request, "jobs/web/error.html", context, status=error.status_code)

    return cast(View, never_cache(answer))


def sent_from(name: str, *kept: str) -> Callable[[View], View]:
    """For a view that forms are sent to. Whoever looks at its address, by a reload or from the history, is led to the
    page `name` that has the form (`kept` are the parts of the address that it takes), with the query as it was.
    """

    def wrapped(view: View) -> View:
        @wraps(view)
        def answer(request: HttpRequest, **parts: Any) -> HttpResponseBase:
            if request.method == "POST":
                return view(request, **parts)
            if request.method not in ("GET", "HEAD"):
                return HttpResponseNotAllowed(["GET", "HEAD", "POST"])
            if "job_id" in parts:
                own_job(request, parts["job_id"])
            query = request.META.get("QUERY_STRING", "")
            address = reverse(name, kwargs={part: parts[part] for part in kept})
            return redirect(f"{address}?{query}" if query else address)

        return answer

    return wrapped


def client_address(request: HttpRequest) -> str:
    """Where a request comes from: what the outermost of our own proxies (E1_PROXIES) has seen. What a client says of
    itself stands further left, and is not believed.
    """
    seen = [word.strip() for word in request.META.get("HTTP_X_FORWARDED_FOR", "").split(",") if word.strip()]
    if settings.E1_PROXIES and len(seen) >= settings.E1_PROXIES:
        with contextlib.suppress(ValueError):
            return str(ip_address(seen[-settings.E1_PROXIES]))
    return str(request.META.get("REMOTE_ADDR", ""))


def user_of(request: HttpRequest) -> User:
    """The person behind a request that `page` has let through."""
    return cast(User, request.user)


def own_job(request: HttpRequest, job_id: UUID) -> Job:
    """The user's own job; 404 where it is not there or somebody else's."""
    try:
        return selectors.job_of(user_of(request), job_id)
    except NotFound as error:
        raise Http404(error.detail) from error


def own_job_with_rows(request: HttpRequest, job_id: UUID) -> Job:
    """The same where its items and results are there; 410 where they have expired."""
    job = own_job(request, job_id)
    selectors.require_rows(job)
    return job
