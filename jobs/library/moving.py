"""Moving a thing into a project or out of it: the rule of who may take it to whom."""

from __future__ import annotations

from django.contrib.auth.models import User
from django.db.models import Q

from jobs.errors import Conflict
from jobs.library.sharing import Right, not_allowed
from jobs.models import Alignment, Campaign, ContextSet, Job, Project, PublicLink

Movable = Job | Alignment | ContextSet | Campaign


def thing_move(row: Movable, project: Project | None, *, by: User) -> None:
    """Put a thing into a project, or out of its project. The caller has checked that `by` may edit both.

    Owners move their things into every project that they may edit. Others move them only between projects of one
    owner, who decides who sees either, or out. A project with a public link takes things from their owners only: it
    would show them to everybody. Raises Forbidden, and Conflict `moved_meanwhile`.
    """
    if row.owner_id != by.pk and project is not None:
        present = row.project
        public = PublicLink.objects.filter(project=project).exists()
        if public or present is None or present.owner_id != project.owner_id:
            raise not_allowed("this", Right.OWN, row.owner.get_username())
    there = type(row)._default_manager.filter(Q(pk=row.pk), project=row.project_id)
    if not there.update(project=project):
        raise Conflict("somebody else moved it, or deleted it, meanwhile; look again", code="moved_meanwhile")
