"""What is done with several jobs at once, selected in the list of jobs."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from jobs.errors import InvalidInput, NotFound, ServiceError
from jobs.library.moving import thing_move
from jobs.library.selectors import job_of
from jobs.library.sharing import Right, project_chosen
from jobs.models import Job
from jobs.projects.services import job_label
from jobs.queue.lifecycle import job_delete
from jobs.templatetags.moments import size
from jobs.web.access import page, user_of

MOST = 500
"""Jobs of one form."""
DELETING = ("ask-delete", "delete-for-good")
"""The button of the list, which only asks, and the one of the question."""


@page
@require_http_methods(["GET", "HEAD", "POST"])
def job_bulk(request: HttpRequest) -> HttpResponse:
    """Move, archive or delete the picked jobs: all or none. Deleting asks once more."""
    if request.method != "POST":
        return redirect("job-list-page")
    act = request.POST.get("do", "")
    try:
        jobs = _picked(request, Right.OWN if act in DELETING else Right.EDIT)
        if act == "ask-delete":
            return render(request, "jobs/pages/bulk_delete.html", {"jobs": jobs})
        said = _done(request, jobs, act)
    except ServiceError as error:
        messages.add_message(request, messages.ERROR, error.sentence, "problem")
    else:
        messages.add_message(request, messages.SUCCESS, said, "notice")
        if act == "move" and (into := request.POST.get("project")):
            return redirect("project-page", UUID(into))
    return redirect("job-list-page")


def _picked(request: HttpRequest, right: Right) -> list[Job]:
    """Return the picked jobs, on which the user has the right. Raises InvalidInput, NotFound, Forbidden."""
    picked = list(dict.fromkeys(request.POST.getlist("pick")))
    if not picked or len(picked) > MOST:
        raise InvalidInput.one("no_job_picked", f"Tick 1 to {MOST} jobs", path="pick")
    try:
        return [job_of(user_of(request), UUID(one), right) for one in picked]
    except ValueError:
        raise NotFound("there is no such job") from None


def _done(request: HttpRequest, jobs: list[Job], act: str) -> str:
    """Do what the button means, and return a sentence about it. Raises ServiceError."""
    user = user_of(request)
    these = f"{len(jobs)} job{'' if len(jobs) == 1 else 's'}"
    match act:
        case "move":
            project = project_chosen(user, request.POST.get("project"))
            with transaction.atomic():
                for job in jobs:
                    thing_move(job, project, by=user)
            return f"{these} moved to {project.name}." if project else f"{these} taken out of their projects."
        case "archive" | "unarchive":
            for job in jobs:
                job_label(job, archived=act == "archive")
            return f"{these} archived." if act == "archive" else f"{these} taken out of the archive."
        case "delete-for-good":
            freed = sum(job_delete(job_id=job.pk) for job in jobs)
            return f"{these} deleted, with results: {size(freed)} of your storage are free again."
    raise InvalidInput.one("unknown_act", "there is no such button", path="do")
