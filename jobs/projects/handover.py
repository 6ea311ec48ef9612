"""The hand-over of a project to another owner, when its owner leaves.

What the old owner submitted to the project follows it. Quotas, webhooks and deletion of a job go by its owner, and
an account is deleted with its jobs.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count
from typing import Any
from uuid import UUID

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Q

from jobs import database
from jobs.errors import Conflict
from jobs.library.contexts import contexts_hold, contexts_let_go
from jobs.library.selectors import existing
from jobs.models import (
    Alignment,
    Campaign,
    Context,
    ContextSet,
    ContextSetMember,
    Item,
    Job,
    JobContext,
    Project,
    ProjectMember,
    PublicLink,
)

PAGE = 200
"""Contexts that are stored for the new owner at a time."""
RENAMED = (
    """
    UPDATE jobs_item SET context_id = pair.new FROM unnest(%(old)s::bigint[], %(new)s::bigint[]) AS pair (old, new)
    WHERE context_id = pair.old AND job_id = ANY(%(jobs)s)
    """,
    """
    UPDATE jobs_jobcontext SET context_id = pair.new
    FROM unnest(%(old)s::bigint[], %(new)s::bigint[]) AS pair (old, new)
    WHERE context_id = pair.old AND job_id = ANY(%(jobs)s)
    """,
    """
    UPDATE jobs_contextsetmember SET context_id = pair.new
    FROM unnest(%(old)s::bigint[], %(new)s::bigint[]) AS pair (old, new)
    WHERE context_id = pair.old AND set_id = ANY(%(sets)s)
    """,
)
"""Statements that put the new owner's contexts in the place of the old ones."""


def project_any(project_id: UUID) -> Project:
    """Return the project of any owner: for administrators. Raises NotFound."""
    found = Project.objects.filter(deleted_at__isnull=True).select_related("owner")
    return existing(found, f"there is no project {project_id}", pk=project_id)


def project_hand_over(project: Project, *, to: User) -> None:
    """Make `to` the owner of the project and of what its owner submitted to it. Members stay.

    It all counts towards the quota of the new owner, which is not asked. Raises Conflict `is_the_owner`.
    """
    with transaction.atomic():
        project = Project.objects.select_for_update().get(pk=project.pk)
        if project.owner_id == to.pk:
            raise Conflict(f"{to.get_username()} owns this project already", code="is_the_owner")
        old = project.owner_id
        jobs = Job.objects.filter(project=project, owner=old)
        job_ids = list(jobs.select_for_update().order_by("pk").values_list("pk", flat=True))
        sets = list(ContextSet.objects.filter(project=project, owner=old))
        _contexts_follow(old, to.pk, job_ids, [one.pk for one in sets])
        # A key is unique for each owner, and the new owner has sent none of these.
        Job.objects.filter(pk__in=job_ids).update(owner=to, idempotency_key=None)
        # Locked before their links are deleted: a link that is made meanwhile waits, and finds another owner.
        theirs = Campaign.objects.filter(project=project, owner=old).select_for_update().order_by("pk")
        campaigns = list(theirs.values_list("pk", flat=True))
        # The new owner decides who sees all this, and does not know of links that the old one sent around.
        linked = Q(job__in=job_ids) | Q(campaign__in=campaigns) | Q(project=project)
        PublicLink.objects.filter(linked).delete()
        Campaign.objects.filter(pk__in=campaigns).update(owner=to)
        for one in sets:
            name = _free_name(to, one.name)
            ContextSet.objects.filter(pk=one.pk).update(owner=to, name=name)
            Campaign.objects.filter(pk__in=campaigns, context_set=one.name).update(context_set=name)
        _alignments_follow(project, old, to, campaigns)
        ProjectMember.objects.filter(project=project, user=to).delete()
        Project.objects.filter(pk=project.pk).update(owner=to)


def _contexts_follow(old: int, new: int, job_ids: Sequence[UUID], set_ids: Sequence[int]) -> None:
    """Store the contexts of these jobs and sets for the new owner, and let go of the old ones."""
    of_items = Item.objects.filter(job__in=job_ids, context__isnull=False).values("context")
    of_jobs = JobContext.objects.filter(job__in=job_ids).values("context")
    of_sets = ContextSetMember.objects.filter(set__in=set_ids).values("context")
    named = Q(pk__in=of_items) | Q(pk__in=of_jobs) | Q(pk__in=of_sets)
    rows = list(Context.objects.filter(named, owner=old).order_by("pk").values_list("pk", flat=True))
    for at in range(0, len(rows), PAGE):
        page = Context.objects.filter(pk__in=rows[at : at + PAGE]).values_list("pk", "sequences")
        held: list[tuple[int, tuple[str, ...]]] = [(pk, tuple(sequences)) for pk, sequences in page]
        refs = contexts_hold(owner_id=new, contexts=[sequences for _, sequences in held])
        pairs = {"old": [pk for pk, _ in held], "new": [refs[sequences].id for _, sequences in held]}
        for query in RENAMED:
            database.execute(query, {**pairs, "jobs": list(job_ids), "sets": list(set_ids)})
    contexts_let_go(rows)


def _free_name(owner: User, name: str) -> str:
    """Return the name, with a number behind it if the owner has a set of this name."""
    taken: Any = ContextSet.objects.filter(owner=owner)
    numbered = (name if number == 1 else f"{name[:95]}-{number}" for number in count(1))
    return next(one for one in numbered if not taken.filter(name=one).exists())


def _alignments_follow(project: Project, old: int, to: User, campaigns: Sequence[UUID]) -> None:
    """Hand the alignments to the new owner. One that the new owner stores already takes the place of the old one.

    It does so in the campaigns that were handed over, too.
    """
    for stored in Alignment.objects.filter(project=project, owner=old):
        twin = Alignment.objects.filter(owner=to, digest=stored.digest).first()
        if twin is None:
            Alignment.objects.filter(pk=stored.pk).update(owner=to)
        else:
            Alignment.objects.filter(pk=stored.pk).update(project=None)
            Campaign.objects.filter(pk__in=campaigns, alignment=stored).update(alignment=twin)
            Alignment.objects.filter(pk=twin.pk, project__isnull=True).update(project=project)
