"""Reads of projects. Who may see one is decided by `jobs.library.sharing`."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.contrib.auth.models import User
from django.db.models import Count, IntegerField, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce, Now

from jobs.library.selectors import existing
from jobs.library.sharing import Right, projects_open_to
from jobs.models import Alignment, Campaign, ContextSet, Job, Project, ProjectMember
from jobs.models.projects import UNDO_DAYS


def projects_of(user: User, *, archived: bool | None = None, deleted: bool = False) -> QuerySet[Project]:
    """Return the user's projects with the numbers of what they hold, or the own deleted ones."""
    if deleted:
        found = Project.objects.filter(owner=user, deleted_at__gt=Now() - timedelta(days=UNDO_DAYS))
    else:
        found = projects_open_to(user)
    if archived is not None:
        found = found.filter(archived_at__isnull=not archived)
    return counted(found.select_related("owner"))


def counted(found: QuerySet[Project]) -> QuerySet[Project]:
    """Add the numbers of jobs, alignments, context sets, campaigns and members."""
    # A subquery each: joins would multiply the rows of one by those of the others.
    tables: dict[str, Any] = {
        "n_jobs": Job,
        "n_alignments": Alignment,
        "n_contexts": ContextSet,
        "n_campaigns": Campaign,
        "n_members": ProjectMember,
    }
    return found.annotate(**{name: _number(model) for name, model in tables.items()})


def _number(model: Any) -> Coalesce:
    rows = model._default_manager.filter(project=OuterRef("pk")).order_by().values("project")
    return Coalesce(Subquery(rows.annotate(n=Count("pk")).values("n"), output_field=IntegerField()), 0)


def project_shown(user: User, project_id: UUID) -> Project:
    """Return a project that the user may see, with its numbers; also the user's own deleted one. Raises NotFound."""
    own = Q(owner=user, deleted_at__gt=Now() - timedelta(days=UNDO_DAYS))
    seen = Project.objects.filter(own | Q(pk__in=projects_open_to(user).values("pk"))).select_related("owner")
    return existing(counted(seen), f"there is no project {project_id}", pk=project_id)


def deleted_project_of(user: User, project_id: UUID) -> Project:
    """Return a deleted project of the user that can be restored. Raises NotFound."""
    rows = projects_of(user, deleted=True)
    return existing(rows, f"there is no deleted project {project_id}", pk=project_id)


def members_of(project: Project) -> QuerySet[ProjectMember]:
    """Return the members in the order of their names, without the owner."""
    return ProjectMember.objects.filter(project=project).select_related("user").order_by("user__username")


def jobs_in(project: Project) -> QuerySet[Job]:
    """Return the project's jobs, of all members. The caller may see the project."""
    return Job.objects.filter(project=project, interactive=False).select_related("owner")


def right_in(project: Project, user: User) -> Right:
    """Return the right of a user who may see the project."""
    if project.owner_id == user.pk:
        return Right.OWN
    edits = projects_open_to(user, Right.EDIT).filter(pk=project.pk).exists()
    return Right.EDIT if edits else Right.VIEW
