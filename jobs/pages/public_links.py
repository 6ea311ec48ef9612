"""The pages on which owners make, replace and revoke public links. They say before what everybody will see."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from jobs.campaigns.selectors import campaign_of
from jobs.errors import ServiceError
from jobs.library.sharing import Right, project_of, right_on
from jobs.projects.selectors import right_in
from jobs.publishing.contents import told_of
from jobs.publishing.links import (
    KINDS,
    Publishable,
    checked_days,
    public_link_make,
    public_link_of,
    public_link_revoke,
)
from jobs.web.access import open_job, page, user_of
from jobs.web.refusals import Refusal

WHAT = {"job": "the result", "project": "the project", "campaign": "the campaign"}
INSTEAD = {
    "job": "put the job into a project",
    "project": "add them as members of the project",
    "campaign": "put the campaign into a project",
}
"""How to share with colleagues if public links are not allowed."""


@dataclass(frozen=True, slots=True)
class Where:
    """The page of a link: the way to what it opens, and whether the user owns that."""

    trail: Sequence[tuple[str, str]]
    own: bool


@page
@require_http_methods(["GET", "HEAD", "POST"])
def job_link(request: HttpRequest, job_id: UUID) -> HttpResponse:
    """Show whether a job has a public link, and let its owner make and revoke it. Only the answer shows a link."""
    job = open_job(request, job_id, _needed(request))
    trail = [("Jobs", reverse("job-list-page")), (job.name or "Job", reverse("job-page", args=[job.pk]))]
    return _answer(request, job, Where(trail, right_on(job, user_of(request)) == Right.OWN))


@page
@require_http_methods(["GET", "HEAD", "POST"])
def project_link(request: HttpRequest, project_id: UUID) -> HttpResponse:
    """Show whether a project has a public link, and let its owner make and revoke it."""
    project = project_of(user_of(request), project_id, _needed(request))
    trail = [("Projects", reverse("projects-page")), (project.name, reverse("project-page", args=[project.pk]))]
    return _answer(request, project, Where(trail, right_in(project, user_of(request)) == Right.OWN))


@page
@require_http_methods(["GET", "HEAD", "POST"])
def campaign_link(request: HttpRequest, campaign_id: UUID) -> HttpResponse:
    """Show whether a campaign has a public link, and let its owner make and revoke it."""
    campaign = campaign_of(user_of(request), campaign_id, _needed(request))
    trail = [("Campaigns", reverse("campaigns-page")), (campaign.name, reverse("campaign-page", args=[campaign.pk]))]
    return _answer(request, campaign, Where(trail, right_on(campaign, user_of(request)) == Right.OWN))


def _needed(request: HttpRequest) -> Right:
    return Right.OWN if request.method == "POST" else Right.VIEW


def _answer(request: HttpRequest, thing: Publishable, where: Where) -> HttpResponse:
    """Do what a button of the page means, and return the page. Only the answer to "make" shows the link."""
    context: dict[str, Any] = {}
    if request.method == "POST":
        try:
            match request.POST.get("do"):
                case "make" | "replace":
                    token = public_link_make(thing, days=checked_days(request.POST.get("days", "").strip()))
                    context["link"] = request.build_absolute_uri(reverse("public-page", args=[token]))
                case "revoke":
                    public_link_revoke(thing)
                    return redirect(request.path)
        except ServiceError as error:
            context["refusal"] = Refusal("make", error)
    kind = KINDS[type(thing)]
    context |= {
        "kind": kind,
        "what": WHAT[kind],
        "instead": INSTEAD[kind],
        "trail": where.trail,
        "owner": thing.owner.get_username(),
        "allowed": settings.E1_PUBLIC_LINKS,
        "own": where.own,
        "found": public_link_of(thing),
        "told": told_of(thing),
        "given": request.POST,
    }
    status = context["refusal"].error.status_code if "refusal" in context else 200
    return render(request, "jobs/publishing/link.html", context, status=status)
