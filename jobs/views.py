"""Pages for people. They read through the same selectors and presenters as the REST interface."""

from __future__ import annotations

from typing import Any, cast
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from jobs import selectors
from jobs.api.presenters import present_job
from jobs.errors import NotFound
from jobs.export import FORMATS

ROWS = 100


def _rows(request: HttpRequest) -> list[dict[str, Any]]:
    """The user's newest jobs; synchronous requests are left to the REST list."""
    jobs = list(selectors.jobs_of(cast(User, request.user)).filter(interactive=False).order_by("-created_at")[:ROWS])
    totals = selectors.chunk_totals([job.pk for job in jobs])
    return [present_job(job, totals.get(job.pk, {}), whole=job.state == "running") for job in jobs]


@login_required
@require_safe
def job_list(request: HttpRequest) -> HttpResponse:
    """All jobs with their live progress."""
    return render(request, "jobs/list.html", {"jobs": _rows(request)})


@login_required
@require_safe
def job_table(request: HttpRequest) -> HttpResponse:
    """The table alone: what the page fetches again and again."""
    return render(request, "jobs/_table.html", {"jobs": _rows(request)})


@login_required
@require_safe
def job_page(request: HttpRequest, job_id: UUID) -> HttpResponse:
    """One job: what was asked for, how it goes, why items failed, and its downloads."""
    try:
        job = selectors.job_of(cast(User, request.user), job_id)
    except NotFound as error:
        raise Http404(error.detail) from error
    return render(request, "jobs/job.html", {"job": present_job(job), "formats": list(FORMATS)})
