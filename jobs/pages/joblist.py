"""The list of jobs, with filters, sorting, search and pages; it is live."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.paginator import Page, Paginator
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django.views.decorators.http import require_safe

from jobs.actions import ACTIONS
from jobs.api.presenters import present_job
from jobs.library import selectors
from jobs.limits import PAGE_ROWS
from jobs.models import Job
from jobs.models.states import JobState
from jobs.operations.health import trouble_of
from jobs.queue import progress
from jobs.web.access import page, user_of
from jobs.web.fragments import fragment
from jobs.web.links import searched

SORTS = {
    "newest": ("Newest first", ("-created_at", "-id")),
    "oldest": ("Oldest first", ("created_at", "id")),
    "name": ("Name", ("name", "-created_at")),
    "largest": ("Largest first", ("-total_items", "-created_at")),
    "finished": ("Last finished first", ("-finished_at", "-created_at")),
}
GROUPS = {
    "unfinished": ("Not finished", tuple(JobState.unfinished())),
    "problems": ("Ended with problems", (JobState.PARTIAL, JobState.FAILED)),
}
"""States that are filtered together."""


def _wanted(query: QueryDict) -> dict[str, Any]:
    """Return the filters and the order in the address; unknown values are ignored."""
    known = {"state": {*GROUPS, *JobState.values}, "model": settings.E1_MODELS, "action": ACTIONS, "sort": SORTS}
    wanted = {name: value if (value := query.get(name, "")) in values else "" for name, values in known.items()}
    wanted["search"] = searched(query)
    narrowed = any(wanted[name] for name in ("state", "model", "action", "search"))
    return {**wanted, "sort": wanted["sort"] or "newest", "narrowed": narrowed}


def _select(jobs: QuerySet[Job], wanted: Mapping[str, Any]) -> QuerySet[Job]:
    """Return the matching jobs in the chosen order. Text matches names, and the beginnings of ids."""
    if state := wanted["state"]:
        jobs = jobs.filter(state__in=GROUPS[state][1] if state in GROUPS else [state])
    jobs = jobs.filter(**{name: wanted[name] for name in ("model", "action") if wanted[name]})
    if search := wanted["search"]:
        jobs = jobs.filter(Q(name__icontains=search) | _id_begins(search))
    return jobs.order_by(*SORTS[wanted["sort"]][1])


def _id_begins(text: str) -> Q:
    """Match jobs whose id begins with this text, as a range of ids; none if no id can begin with it."""
    digits = text.replace("-", "").lower()
    try:
        lowest, highest = (UUID(digits.ljust(32, filler)) for filler in "0f")
    except ValueError:
        return Q(pk__in=[])
    return Q(pk__gte=lowest, pk__lte=highest)


@page
@require_safe
def job_list(request: HttpRequest) -> HttpResponse:
    """Show the user's jobs without synchronous requests, which only REST lists. htmx gets only the table."""
    jobs = selectors.jobs_of(user_of(request)).filter(interactive=False)
    wanted = _wanted(request.GET)
    found = Paginator(_select(jobs, wanted), PAGE_ROWS).get_page(request.GET.get("page", "1"))
    context = {"wanted": wanted, "page": found, "jobs": _rows(found), "pages": _links(request.GET)}
    context["trouble"] = trouble_of(job.model for job in found if job.state in JobState.claimable())
    if request.headers.get("HX-Target") == "jobs":
        return fragment(request, "jobs/pages/_jobs.html", context)
    choices = {
        "states": [(name, text) for name, (text, _) in GROUPS.items()] + JobState.choices,
        "actions": list(ACTIONS),
        "sorts": [(name, text) for name, (text, _) in SORTS.items()],
        "any_job": bool(found.object_list) or jobs.exists(),
    }
    return render(request, "jobs/pages/list.html", context | choices)


def _rows(page: Page[Job]) -> list[dict[str, Any]]:
    sums = progress.chunk_sums([job.pk for job in page])
    return [present_job(job, sums.get(job.pk, []), whole=job.state in JobState.claimable()) for job in page]


def _links(query: QueryDict) -> str:
    """Return the query without its page, to be followed by `page=N`."""
    other = query.copy()
    other.pop("page", None)
    return f"?{other.urlencode()}&" if other else "?"
