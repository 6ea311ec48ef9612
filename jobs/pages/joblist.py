"""The list of jobs, with filters, sorting, search and pages; it is live."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib.auth.models import User
from django.core.paginator import Page, Paginator
from django.db.models import CharField, Func, Q, QuerySet
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django.views.decorators.http import require_safe

from jobs.actions import ACTIONS
from jobs.api.presenters import present_job
from jobs.library import selectors
from jobs.library.sharing import Right, projects_open_to
from jobs.limits import PAGE_ROWS
from jobs.models import Job, Project
from jobs.models.states import JobState
from jobs.operations.health import trouble_of
from jobs.pages.pictures import pictures_of
from jobs.pages.tasks import TASKS
from jobs.parsing.letters import storable
from jobs.projects.limits import MAX_TAG
from jobs.projects.selectors import jobs_in
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
ARCHIVED = "archived"
"""Filtered like a state. Without it, archived jobs are left out."""
TAGS_LISTED = 200


def _project(query: QueryDict, user: User) -> Project | None:
    """Return the project in the address, None if there is none that the user may see."""
    try:
        return projects_open_to(user).filter(pk=UUID(query.get("project", ""))).first()
    except ValueError:
        return None


def tags_of(jobs: QuerySet[Job]) -> list[str]:
    """Return the tags that these jobs have, in order."""
    found = jobs.exclude(tags=[]).annotate(
        tag=Func("tags", function="jsonb_array_elements_text", output_field=CharField())
    )
    return sorted(set(found.order_by().values_list("tag", flat=True).distinct()[:TAGS_LISTED]))


def _wanted(query: QueryDict) -> dict[str, Any]:
    """Return the filters and the order in the address; unknown values are ignored."""
    known = {
        "state": {*GROUPS, ARCHIVED, *JobState.values},
        "model": settings.E1_MODELS,
        "action": ACTIONS,
        "sort": SORTS,
    }
    wanted = {name: value if (value := query.get(name, "")) in values else "" for name, values in known.items()}
    wanted["search"] = searched(query)
    wanted["tag"] = storable(query.get("tag", ""))[:MAX_TAG]
    narrowed = any(wanted[name] for name in ("state", "model", "action", "search", "tag"))
    return {**wanted, "sort": wanted["sort"] or "newest", "narrowed": narrowed}


def _select(jobs: QuerySet[Job], wanted: Mapping[str, Any]) -> QuerySet[Job]:
    """Return the matching jobs in the chosen order. Text matches names, and the beginnings of ids."""
    jobs = jobs.filter(archived_at__isnull=wanted["state"] != ARCHIVED)
    if (state := wanted["state"]) and state != ARCHIVED:
        jobs = jobs.filter(state__in=GROUPS[state][1] if state in GROUPS else [state])
    jobs = jobs.filter(**{name: wanted[name] for name in ("model", "action") if wanted[name]})
    if tag := wanted["tag"]:
        jobs = jobs.filter(tags__contains=[tag])
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
    """Show the user's jobs, or those of a project, without synchronous requests. htmx gets only the table.

    With `?select=yes` the table has boxes to tick, and does not move. `into` is the project that is chosen for them.
    """
    user, wanted = user_of(request), _wanted(request.GET)
    project = _project(request.GET, user)
    jobs = (selectors.jobs_of(user).select_related("owner") if project is None else jobs_in(project)).filter(
        interactive=False
    )
    found = Paginator(_select(jobs, wanted), PAGE_ROWS).get_page(request.GET.get("page", "1"))
    selecting = request.GET.get("select") == "yes"
    context: dict[str, Any] = {
        "wanted": wanted,
        "project": project,
        "selecting": selecting,
        "home": not request.GET,
        "tasks": TASKS.values(),
        "page": found,
        "jobs": _rows(found),
        "pages": _links(request.GET),
    }
    context["trouble"] = trouble_of(job.model for job in found if job.state in JobState.claimable())
    if request.headers.get("HX-Target") == "jobs":
        return fragment(request, "jobs/pages/_jobs.html", context)
    choices = {
        "states": [(name, text) for name, (text, _) in GROUPS.items()] + [(ARCHIVED, "Archived")] + JobState.choices,
        "actions": list(ACTIONS),
        "sorts": [(name, text) for name, (text, _) in SORTS.items()],
        "select": f"{_links(request.GET)}select=yes",
        "projects": projects_open_to(user).filter(archived_at__isnull=True).order_by("name"),
        "targets": projects_open_to(user, Right.EDIT).filter(archived_at__isnull=True).order_by("name"),
        "into": request.GET.get("into", ""),
        "tags": tags_of(jobs),
        "any_job": bool(found.object_list) or jobs.exists(),
    }
    return render(request, "jobs/pages/list.html", context | choices)


def _rows(page: Page[Job]) -> list[dict[str, Any]]:
    sums = progress.chunk_sums([job.pk for job in page])
    pictures = pictures_of(page, {pk: sum(one.succeeded for one in of_job) for pk, of_job in sums.items()})
    rows = []
    for job in page:
        row = present_job(job, sums.get(job.pk, []), whole=job.state in JobState.claimable())
        rows.append({**row, "picture": pictures.get(job.pk)})
    return rows


def _links(query: QueryDict) -> str:
    """Return the query without its page, to be followed by `page=N`."""
    other = query.copy()
    other.pop("page", None)
    return f"?{other.urlencode()}&" if other else "?"
