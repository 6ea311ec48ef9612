"""Deleting a user with everything that is the user's."""

from __future__ import annotations

from django.contrib.auth.models import User
from django.db.models import Q

from jobs.accounts.users import user_deactivate
from jobs.models import Assay, Job, Project, PublicLink, Structure
from jobs.queue.lifecycle import job_delete


def user_delete(*, user: User) -> int:
    """Delete the user with all jobs and results, and return the number of jobs.

    One job at a time: if interrupted, the user is deactivated and has fewer jobs, and a repetition goes on. Raises
    Conflict for the only administrator who is active.
    """
    user_deactivate(user=user)  # so that no job is added meanwhile
    gone = 0
    for job_id in list(Job.objects.filter(owner=user).values_list("pk", flat=True)):
        job_delete(job_id=job_id)
        gone += 1
    _unpublish(user)
    user.delete()
    return gone


def _unpublish(user: User) -> None:
    """End public links of projects with files of this member: once the account is gone, they count as the owner's."""
    beside = [kind._default_manager.filter(added_by=user).values("job__project") for kind in (Assay, Structure)]
    projects = Project.objects.filter(Q(pk__in=beside[0]) | Q(pk__in=beside[1])).exclude(owner=user)
    PublicLink.objects.filter(project__in=projects).delete()
