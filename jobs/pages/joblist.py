"""The list of jobs: filtered, sorted, searched, in pages, live."""

from __future__ import annotations

from dataclasses import dataclass
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
from jobs.models import Job
from jobs.models.states import JobState
from jobs.operations.health import trouble_of
from jobs.queue import progress
from jobs.web.access import page, user_of
from jobs.web.fragments import fragment

ROWS = 25
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
"""Groups of states that people ask for together."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the address asks for; anything unknown in it counts as not asked."""

    state: str
    model: str
    action: str
    sort: str
    search: str
    page: str

    @classmethod
    def of(cls, query: QueryDict) -> Wanted:
        def choice(name: str, known: Any, default: str = "") -> str:
            value = query.get(name, "")
            return value if value in known else default

        return cls(
            state=choice("state", {*GROUPS, *JobState.values}),
            model=choice("model", settings.E1_MODELS),
            action=choice("action", ACTIONS),
            sort=choice("sort", SORTS, "newest"),
            search=query.get("search", "").strip()[:200],
            page=query.get("page", "1"),
        )

    @property
    def narrowed(self) -> bool:
        return bool(self.state or self.model or self.action or self.search)

    def select(self, jobs: QuerySet[Job]) -> QuerySet[Job]:
        """The jobs asked for, in the order asked for. Text is searched in names, and as the beginning of an id."""
        if self.state:
            jobs = jobs.filter(state__in=GROUPS[self.state][1] if self.state in GROUPS else [self.state])
        if self.model:
            jobs = jobs.filter(model=self.model)
        if self.action:
            jobs = jobs.filter(action=self.action)
        if self.search:
            jobs = jobs.filter(Q(name__icontains=self.search) | _id_begins(self.search))
        return jobs.order_by(*SORTS[self.sort][1])


def _id_begins(text: str) -> Q:
    """Jobs whose id begins with this text, as a range of ids; no job where it is no beginning of one."""
    digits = text.replace("-", "").lower()
    try:
        lowest, highest = (UUID(digits.ljust(32, filler)) for filler in "0f")
    except ValueError:
        return Q(pk__in=[])
    return Q(pk__gte=lowest, pk__lte=highest)


@page
@require_safe
def job_list(request: HttpRequest) -> HttpResponse:
    """The user's jobs; synchronous requests are left to the REST list. htmx gets the table alone."""
    jobs = selectors.jobs_of(user_of(request)).filter(interactive=False)
    wanted = Wanted.of(request.GET)
    found = Paginator(wanted.select(jobs), ROWS).get_page(wanted.page)
    context = {"wanted": wanted, "page": found, "jobs": _rows(found), "pages": _Links(request.GET)}
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


class _Links:
    """Addresses of other pages of the same search."""

    def __init__(self, query: QueryDict) -> None:
        self._query = query.copy()
        self._query.pop("page", None)

    def __str__(self) -> str:
        """The query without its page, to be followed by `page=N`."""
        return f"?{self._query.urlencode()}&" if self._query else "?"
