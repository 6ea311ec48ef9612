"""The one rule of who may see and change what: the owner of a row, and the people of its project.

Every selector of jobs, alignments, context sets and campaigns asks here. What hangs on a job (items, results,
analyses, assays, structures, events) is reached through the job, and what hangs on a campaign through the campaign.
Administrators see no more than other users.
"""

from __future__ import annotations

from enum import IntEnum
from typing import TypeVar
from uuid import UUID

from django.contrib.auth.models import User
from django.db.models import Q, QuerySet

from jobs.errors import Forbidden, InvalidInput, NotFound
from jobs.models import Alignment, Campaign, ContextSet, Job, Project
from jobs.models.projects import Role

Shared = TypeVar("Shared", Job, Alignment, ContextSet, Campaign)


class Right(IntEnum):
    """What a user may do. A higher right includes the lower ones."""

    VIEW = 1
    """Read and download."""
    EDIT = 2
    """Also add, move, rename and cancel."""
    OWN = 3
    """Also what is charged to the owner, or cannot be undone: deleting, extending, sharing."""


ROLES = {Right.VIEW: (Role.VIEW, Role.EDIT), Right.EDIT: (Role.EDIT,)}


def projects_open_to(user: User, right: Right = Right.VIEW) -> QuerySet[Project]:
    """Return the projects on which the user has this right. Deleted projects are open to no one."""
    allowed = Q(owner=user)
    if right != Right.OWN:
        # As a subquery: a join would return a project once for each of its members.
        allowed |= Q(pk__in=user.memberships.filter(role__in=ROLES[right]).values("project"))
    return Project.objects.filter(allowed, deleted_at__isnull=True)


def project_of(user: User, project_id: UUID, right: Right = Right.VIEW) -> Project:
    """Return a project on which the user has this right.

    Raises NotFound if the user may not see it, and Forbidden if the user may see it only.
    """
    found = projects_open_to(user, right).filter(pk=project_id).first()
    if found is not None:
        return found
    seen = projects_open_to(user).filter(pk=project_id).first()
    if seen is None:
        raise NotFound(f"there is no project {project_id}")
    raise not_allowed(f"the project {seen.name!r}", right, seen.owner.get_username())


def project_chosen(user: User, asked: object, *, path: str = "project") -> Project | None:
    """Return the project that a request puts something into, None for none.

    Raises InvalidInput `unknown_project`, and Forbidden if the user may only read it.
    """
    if asked is None or asked == "":
        return None
    try:
        return project_of(user, UUID(str(asked)[:100]), Right.EDIT)
    except (ValueError, NotFound):
        what = f"you have no project {str(asked)[:60]!r}"
        raise InvalidInput.one("unknown_project", what, "GET /api/projects/ lists yours.", path=path) from None


def open_to(rows: QuerySet[Shared], user: User, right: Right = Right.VIEW) -> QuerySet[Shared]:
    """Narrow rows to those on which the user has this right."""
    mine = Q(owner=user)
    return rows.filter(mine if right == Right.OWN else mine | Q(project__in=projects_open_to(user, right)))


def found_by(rows: QuerySet[Shared], user: User, missing: str, *, right: Right = Right.VIEW, pk: UUID | int) -> Shared:
    """Return the row `pk`, on which the user has this right.

    Raises NotFound with the message `missing` if the user may not see it, and Forbidden if the user may see it only.
    """
    row = open_to(rows, user, right).filter(Q(pk=pk)).first()
    if row is not None:
        return row
    seen = open_to(rows, user).filter(Q(pk=pk)).select_related("owner").first()
    if seen is None:
        raise NotFound(missing)
    raise not_allowed("this", right, seen.owner.get_username())


def right_on(row: Job | Alignment | ContextSet | Campaign, user: User) -> Right:
    """Return the right of a user who may see the row."""
    if row.owner_id == user.pk:
        return Right.OWN
    edits = row.project_id is not None and projects_open_to(user, Right.EDIT).filter(pk=row.project_id).exists()
    return Right.EDIT if edits else Right.VIEW


def not_allowed(what: str, right: Right, owner: str) -> Forbidden:
    """Return the refusal for something that the user may see, without this right."""
    if right == Right.OWN:
        return Forbidden(f"{what} belongs to {owner}, and only {owner} may do that", code="not_the_owner")
    return Forbidden(f"you may read {what}, and not change it; {owner} can let you edit", code="read_only")
