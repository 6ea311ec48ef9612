"""Putting things into a project and out of it, by the ids and names of a request."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from uuid import UUID

from django.contrib.auth.models import User
from django.db import transaction

from jobs.alignments.selectors import alignment_of
from jobs.campaigns.selectors import campaign_of
from jobs.contexts.selectors import context_set_of
from jobs.library.moving import Movable, thing_move
from jobs.library.selectors import job_of
from jobs.library.sharing import Right
from jobs.models import Project
from jobs.projects.services import require_something


@dataclass(frozen=True, slots=True)
class Things:
    """What a request moves: ids of jobs, alignments and campaigns, and names of context sets."""

    jobs: Iterable[UUID] = ()
    alignments: Iterable[UUID] = ()
    contexts: Iterable[str] = ()
    campaigns: Iterable[UUID] = ()

    def rows(self, user: User) -> Iterator[Movable]:
        """Yield the rows, which the user may edit. Raises NotFound, Forbidden."""
        for job_id in self.jobs:
            yield job_of(user, job_id, Right.EDIT)
        for alignment_id in self.alignments:
            yield alignment_of(user, alignment_id, Right.EDIT)
        for name in self.contexts:
            yield context_set_of(user, name, Right.EDIT)
        for campaign_id in self.campaigns:
            yield campaign_of(user, campaign_id, Right.EDIT)


def things_move(things: Things, project: Project | None, *, by: User) -> int:
    """Move all things or none, and return how many. The caller has checked that `by` may edit the project.

    Raises NotFound, Forbidden, and what `thing_move` raises.
    """
    moved = 0
    with transaction.atomic():
        for row in things.rows(by):
            thing_move(row, project, by=by)
            moved += 1
        require_something(moved)
    return moved


def things_take_out(things: Things, project: Project, *, by: User) -> int:
    """Take things out of this project; those of other projects stay there. Returns how many were taken out."""
    moved = 0
    with transaction.atomic():
        for row in things.rows(by):
            if row.project_id == project.pk:
                thing_move(row, None, by=by)
                moved += 1
    return moved
