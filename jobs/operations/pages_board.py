"""The page of operations, for administrators: everyone's jobs, people with their storage, workers, and a new person."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from jobs.accounts.adding import user_add
from jobs.errors import ServiceError
from jobs.models import Job
from jobs.operations import board
from jobs.queue import dispatch as queue
from jobs.queue import lifecycle
from jobs.web.access import page, user_of
from jobs.web.fragments import fragment

ACTS: dict[str, tuple[Callable[..., None], str]] = {
    "cancel": (lifecycle.job_cancel, "is cancelled. Finished results stay"),
    "pause": (lifecycle.job_pause, "pauses: what is being computed finishes, nothing new starts"),
    "resume": (lifecycle.job_resume, "goes on"),
}


def for_administrators(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """Show a page to administrators; for others nothing is at its address."""

    @page
    @wraps(view)
    def answer(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not user_of(request).is_superuser:
            raise Http404("only administrators have this page")
        return view(request, *args, **kwargs)

    return answer


@for_administrators
@sensitive_post_parameters("password")
@require_http_methods(["GET", "HEAD", "POST"])
def operations_page(request: HttpRequest) -> HttpResponse:
    """Show what runs and waits, or add a person. htmx gets only the live part."""
    if request.method != "POST" and request.headers.get("HX-Target") == "live":
        return fragment(request, "jobs/operations/_board.html", _live())
    context: dict[str, Any] = {"people": board.people(), "name": "", "email": ""}
    status = 200
    if request.method == "POST":
        name, email = (request.POST.get(field, "").strip() for field in ("name", "email"))
        try:
            context["made"] = user_add(name=name, email=email, password=request.POST.get("password", ""))
            context["people"] = board.people()
        except ServiceError as error:
            context |= {"problem": error, "name": name, "email": email}
            status = error.status_code
    return render(request, "jobs/operations/board.html", context | _live(), status=status)


def _live() -> dict[str, Any]:
    """Return what changes by itself."""
    jobs, total = board.open_jobs()
    return {"jobs": jobs, "total": total, "shares": board.shares(jobs), "machines": board.machines()}


@for_administrators
@require_http_methods(["GET", "HEAD", "POST"])
def operations_act(request: HttpRequest, job_id: UUID) -> HttpResponse:
    """Cancel, pause or resume anyone's job, and redirect to the page with a sentence about it. GET only redirects."""
    if request.method != "POST":
        return redirect("operations-page")
    job = Job.objects.filter(pk=job_id).first()
    if job is None:
        raise Http404(f"there is no job {job_id}")
    act, said = ACTS.get(request.POST.get("do", ""), (None, ""))
    name = f"{job.name or f'Job {job.pk.hex[:8]}'} of {job.owner.get_username()}"
    try:
        if act is not None:
            act(job_id=job.pk)
            messages.add_message(request, messages.SUCCESS, f"{name} {said}.", "notice")
    except ServiceError as error:
        messages.add_message(request, messages.ERROR, f"{name}: {error.sentence}", "problem")
    if act is lifecycle.job_resume:
        queue.dispatch_quietly(job.model)
    return redirect("operations-page")
