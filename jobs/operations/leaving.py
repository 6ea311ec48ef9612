"""Deleting a user with everything that is the user's."""

from __future__ import annotations

from django.contrib.auth.models import User

from jobs.accounts.users import user_deactivate
from jobs.models import Job
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
    user.delete()
    return gone
