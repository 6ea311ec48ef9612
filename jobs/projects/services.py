"""Writes of projects: their texts, labels of jobs, and their end.

`jobs.library.moving` moves things, and `jobs.projects.members` has members and links.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models.functions import Now

from jobs.errors import Conflict, InvalidInput
from jobs.models import Job, Project, PublicLink
from jobs.models.projects import UNDO_DAYS
from jobs.projects.checks import checked_flag, checked_tags, checked_texts
from jobs.projects.limits import MAX_PROJECTS


def project_create(*, owner: User, data: Mapping[str, Any]) -> Project:
    """Make a project. Raises InvalidInput `bad_name`, and Conflict `too_many_projects`."""
    texts = checked_texts({"name": "", **data})
    with transaction.atomic():
        User.objects.select_for_update().get(pk=owner.pk)  # two requests at once are counted one after the other
        if Project.objects.filter(owner=owner).count() >= MAX_PROJECTS:
            what = f"you have {MAX_PROJECTS} projects; delete some first"
            raise Conflict(what, code="too_many_projects")
        made = Project.objects.create(owner=owner, **texts)
    made.refresh_from_db()
    return made


def project_change(project: Project, data: Mapping[str, Any]) -> None:
    """Change texts, and whether the project is archived. Raises InvalidInput."""
    changes: dict[str, Any] = dict(checked_texts(data))
    if "archived" in data:
        changes["archived_at"] = Now() if checked_flag(data, "archived") else None
    if changes:
        Project.objects.filter(pk=project.pk).update(**changes)


def project_delete(project: Project) -> None:
    """Hide a project, and end its sharing at once. What it holds stays with those who submitted it.

    It can be restored for UNDO_DAYS, without its public link: nothing is published by undoing. Repeating is harmless.
    """
    with transaction.atomic():
        Project.objects.filter(pk=project.pk, deleted_at__isnull=True).update(deleted_at=Now())
        PublicLink.objects.filter(project=project).delete()


def project_restore(project: Project) -> None:
    """Undo a deletion: members, the link for colleagues and contents are as before."""
    Project.objects.filter(pk=project.pk).update(deleted_at=None)


def projects_purge() -> int:
    """Delete the projects whose time of undoing is over. What they hold stays."""
    gone = Project.objects.filter(deleted_at__lte=Now() - timedelta(days=UNDO_DAYS))
    ids = list(gone.values_list("pk", flat=True)[:1000])
    Project.objects.filter(pk__in=ids, deleted_at__isnull=False).delete()
    return len(ids)


def job_label(job: Job, *, tags: Any = None, archived: Any = None) -> None:
    """Change a job's tags, and whether it is archived; None leaves them. Raises InvalidInput."""
    changes: dict[str, Any] = {}
    if tags is not None:
        changes["tags"] = checked_tags(tags)
    if archived is not None:
        changes["archived_at"] = Now() if checked_flag({"archived": archived}, "archived") else None
    if changes:
        Job.objects.filter(pk=job.pk).update(**changes)


def require_something(found: object) -> None:
    """Raise InvalidInput `nothing_named` if a request to move names nothing."""
    if not found:
        what = "the request names nothing to move"
        raise InvalidInput.one(
            "nothing_named", what, "Give jobs, alignments, contexts or campaigns as lists.", path="jobs"
        )
