"""Pages of projects: the list, one project with what it holds, and the buttons that change it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from jobs.alignments.selectors import alignments_of
from jobs.campaigns.selectors import campaigns_in, campaigns_of
from jobs.contexts.selectors import context_sets_of
from jobs.errors import InvalidInput, ServiceError
from jobs.library.sharing import Right, project_of
from jobs.models import Alignment, Assay, ContextSet, Project, Structure
from jobs.models.projects import UNDO_DAYS, Role
from jobs.projects.moving import Things, things_move, things_take_out
from jobs.projects.notes import notes_html
from jobs.projects.selectors import (
    deleted_project_of,
    jobs_in,
    members_of,
    project_shown,
    projects_of,
    right_in,
)
from jobs.projects.services import project_change, project_create, project_delete, project_restore
from jobs.queue.progress import chunk_sums, job_counts
from jobs.web.access import page, user_of

SHOWN = 50
"""Rows of a table. The list of jobs shows all."""


@page
@require_http_methods(["GET", "HEAD", "POST"])
def projects_page(request: HttpRequest) -> HttpResponse:
    """Show the user's projects, and a form for a new one."""
    user, refused = user_of(request), None
    if request.method == "POST":
        try:
            texts = {field: request.POST.get(field, "") for field in ("name", "description")}
            return redirect("project-page", project_create(owner=user, data=texts).pk)
        except ServiceError as error:
            refused = error
    context = {
        "projects": projects_of(user, archived=False).order_by("-created_at")[:500],
        "archived": projects_of(user, archived=True).order_by("-created_at")[:500],
        "deleted": projects_of(user, deleted=True).order_by("-deleted_at")[:500],
        "asked": request.POST,
        "refused": refused,
        "undo_days": UNDO_DAYS,
    }
    return render(request, "jobs/projects/projects.html", context, status=refused.status_code if refused else 200)


@page
@require_safe
def project_page(request: HttpRequest, project_id: UUID) -> HttpResponse:
    """Show one project: notes, what it holds, and who may see it."""
    project = project_shown(user_of(request), project_id)
    return project_answer(request, project)


def project_answer(
    request: HttpRequest, project: Project, more: Mapping[str, Any] | None = None, *, status: int = 200
) -> HttpResponse:
    """Return the page of a project; `more` is added to its context, such as the problem of a form on it."""
    user = user_of(request)
    right = right_in(project, user)
    if project.deleted_at is not None:
        context: dict[str, Any] = {"project": project, "undo_days": UNDO_DAYS}
        return render(request, "jobs/projects/deleted.html", context)
    jobs = list(jobs_in(project).order_by("-created_at", "-id")[:SHOWN])
    sums = chunk_sums([job.pk for job in jobs])
    beside = {"job__project": project}
    context = {
        "project": project,
        "notes": notes_html(project.notes),
        "jobs": [(job, job_counts(job, sums.get(job.pk, []))) for job in jobs],
        "alignments": Alignment.objects.filter(project=project).select_related("owner").order_by("-created_at")[:SHOWN],
        "sets": ContextSet.objects.filter(project=project).select_related("owner").order_by("-created_at")[:SHOWN],
        "campaigns": campaigns_in(project).select_related("owner").order_by("-created_at")[:SHOWN],
        "structures": Structure.objects.filter(**beside).defer("data").select_related("job").order_by("-pk")[:SHOWN],
        "assays": Assay.objects.filter(**beside).defer("names", "data").select_related("job").order_by("-pk")[:SHOWN],
        "members": members_of(project),
        "right": right.name,
        "public_links": settings.E1_PUBLIC_LINKS,
        "roles": Role.choices,
        "shown": SHOWN,
        "undo_days": UNDO_DAYS,
        **(_own_things(user) if right >= Right.EDIT else {}),
        **(more or {}),
    }
    return render(request, "jobs/projects/project.html", context, status=status)


def _own_things(user: User) -> dict[str, Any]:
    """Return what the user could add: things of no project. Jobs are moved from their list."""
    return {
        "own_alignments": alignments_of(user).filter(project__isnull=True).order_by("-created_at")[:SHOWN],
        "own_campaigns": campaigns_of(user).filter(project__isnull=True).order_by("-created_at")[:SHOWN],
        "own_sets": context_sets_of(user).filter(project__isnull=True).order_by("-created_at")[:SHOWN],
    }


@page
@require_POST
def project_act(request: HttpRequest, project_id: UUID) -> HttpResponse:
    """Do what a button of the page means, and redirect to the page with a sentence about it."""
    act = request.POST.get("do", "")
    if act == "restore":
        project_restore(deleted_project_of(user_of(request), project_id))
        messages.add_message(request, messages.SUCCESS, "The project is back, as it was.", "notice")
        return redirect("project-page", project_id)
    needs, do = ACTS.get(act, (Right.EDIT, None))
    project = project_of(user_of(request), project_id, needs)
    try:
        said = do(request, project) if do is not None else ""
    except ServiceError as error:
        messages.add_message(request, messages.ERROR, error.sentence, "problem")
        return redirect("project-page", project_id)
    if said:
        messages.add_message(request, messages.SUCCESS, said, "notice")
    return redirect("projects-page") if act == "delete" else redirect("project-page", project_id)


def _change(request: HttpRequest, project: Project) -> str:
    fields = ("name", "description", "notes")
    # Browsers send line ends as CR LF.
    project_change(
        project, {field: request.POST[field].replace("\r\n", "\n") for field in fields if field in request.POST}
    )
    return "The project is changed."


def _archive(request: HttpRequest, project: Project) -> str:
    archived = request.POST.get("do") == "archive"
    project_change(project, {"archived": archived})
    return "The project is archived." if archived else "The project is back in the lists."


def _delete(request: HttpRequest, project: Project) -> str:
    project_delete(project)
    return f"{project.name} is deleted. What it held stays. You can restore the project for {UNDO_DAYS} days."


def _asked_things(request: HttpRequest) -> Things:
    """Return what a form names. Raises InvalidInput."""
    try:
        names = ("job", "alignment", "campaign")
        ids = {name: [UUID(one) for one in request.POST.getlist(name)[:1000] if one] for name in names}
    except ValueError:
        raise InvalidInput.one("bad_ids", "the form names something that is no id", path="job") from None
    sets = [one for one in request.POST.getlist("context")[:1000] if one]
    return Things(ids["job"], ids["alignment"], sets, ids["campaign"])


def _add(request: HttpRequest, project: Project) -> str:
    moved = things_move(_asked_things(request), project, by=user_of(request))
    return f"{moved} {'thing is' if moved == 1 else 'things are'} in the project now."


def _take_out(request: HttpRequest, project: Project) -> str:
    moved = things_take_out(_asked_things(request), project, by=user_of(request))
    return "It is no longer in the project." if moved else "It was not in the project."


Act = Callable[[HttpRequest, Project], str]
ACTS: dict[str, tuple[Right, Act]] = {
    "change": (Right.EDIT, _change),
    "archive": (Right.EDIT, _archive),
    "unarchive": (Right.EDIT, _archive),
    "add": (Right.EDIT, _add),
    "take-out": (Right.EDIT, _take_out),
    "delete": (Right.OWN, _delete),
}
"""Acts of the page: the right that each needs, and what it does."""
