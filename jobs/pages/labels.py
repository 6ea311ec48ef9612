"""Buttons of a job's page that say where it belongs: its project, its tags, and the archive."""

from __future__ import annotations

from django.http import HttpRequest

from jobs.library.moving import thing_move
from jobs.library.sharing import project_chosen
from jobs.models import Job
from jobs.projects.services import job_label
from jobs.web.access import user_of

LABELS = ("move", "tag", "archive", "unarchive")


def labelled(request: HttpRequest, job: Job, act: str) -> str:
    """Do what one of `LABELS` means, and return a sentence about it. Raises ServiceError."""
    if act == "move":
        project = project_chosen(user_of(request), request.POST.get("project"))
        thing_move(job, project, by=user_of(request))
        return f"The job is in the project {project.name}." if project else "The job is in no project."
    if act == "tag":
        tags = [tag.strip() for tag in request.POST.get("tags", "").split(",") if tag.strip()]
        job_label(job, tags=tags)
        return f"The job has {len(tags)} tag{'' if len(tags) == 1 else 's'}."
    job_label(job, archived=act == "archive")
    return "The job is archived." if act == "archive" else "The job is back in the list."
