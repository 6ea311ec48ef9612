"""Access to pages: only their owner and the people of their project see them, after login."""

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
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.cache import never_cache

from jobs.errors import Forbidden, Gone, NotFound
from jobs.library import selectors
from jobs.library.sharing import Right, right_on
from jobs.models import Job
from jobs.web.errors import refusal_page

View = Callable[..., HttpResponseBase]


def page(view: View) -> View:
    """Require a login for a page or fragment.

    Without a session, a fragment reloads its page, which redirects to the login, and a form that a script sends gets
    401. Nothing is cached, so the back button shows no page after logout.
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
            return refusal_page(request, "Expired", error)
        except Forbidden as error:
            return refusal_page(request, "Not allowed", error)

    return cast(View, never_cache(answer))


def sent_from(name: str, *kept: str) -> Callable[[View], View]:
    """Redirect GET requests of a form's target, such as a reload, to the page `name` that has the form.

    `kept` are the parts of the address that the page takes. The query is kept as well.
    """

    def wrapped(view: View) -> View:
        @wraps(view)
        def answer(request: HttpRequest, **parts: Any) -> HttpResponseBase:
            if request.method == "POST":
                return view(request, **parts)
            if request.method not in ("GET", "HEAD"):
                return HttpResponseNotAllowed(["GET", "HEAD", "POST"])
            if "job_id" in parts:
                open_job(request, parts["job_id"])
            query = request.META.get("QUERY_STRING", "")
            address = reverse(name, kwargs={part: parts[part] for part in kept})
            return redirect(f"{address}?{query}" if query else address)

        return answer

    return wrapped


def client_address(request: HttpRequest) -> str:
    """Return the address that the outermost of our own proxies (E1_PROXIES) has seen.

    Entries of the header further left come from the client and are not trusted.
    """
    seen = [word.strip() for word in request.META.get("HTTP_X_FORWARDED_FOR", "").split(",") if word.strip()]
    if settings.E1_PROXIES and len(seen) >= settings.E1_PROXIES:
        with contextlib.suppress(ValueError):
            return str(ip_address(seen[-settings.E1_PROXIES]))
    return str(request.META.get("REMOTE_ADDR", ""))


def own_machine(request: HttpRequest) -> bool:
    """Return whether the browser runs on this machine: it comes from loopback, and asks for a name of loopback."""
    host = request.get_host().rsplit(":", 1)[0].strip("[]")
    return _is_loopback(client_address(request)) and (host == "localhost" or _is_loopback(host))


def _is_loopback(address: str) -> bool:
    try:
        return ip_address(address).is_loopback
    except ValueError:
        return False


def user_of(request: HttpRequest) -> User:
    """Return the user of a request that has passed `page`."""
    return cast(User, request.user)


def needed(request: HttpRequest) -> Right:
    """Return the right that a request needs: its method says whether it changes anything."""
    return Right.VIEW if request.method in ("GET", "HEAD", "OPTIONS") else Right.EDIT


def open_job(request: HttpRequest, job_id: UUID, right: Right | None = None) -> Job:
    """Return a job on which the user has the right, by default the one that the method needs.

    Raises NotFound if the user may not see the job, and Forbidden if the user may see it only.
    """
    job = selectors.job_of(user_of(request), job_id, needed(request) if right is None else right)
    job.may_edit = right_on(job, user_of(request)) >= Right.EDIT
    return job


def open_job_with_rows(request: HttpRequest, job_id: UUID, right: Right | None = None) -> Job:
    """Return a job as `open_job` does. Raises Gone if its items and results have expired."""
    job = open_job(request, job_id, right)
    selectors.require_rows(job)
    return job
