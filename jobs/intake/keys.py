"""Holds on Idempotency-Keys while their upload is read."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from jobs.errors import Conflict
from jobs.holds import hold
from jobs.models import Job
from jobs.models.states import JobState
from jobs.queue.lifecycle import job_delete


@contextmanager
def key_held(*, owner_id: int, key: str | None) -> Iterator[None]:
    """Hold the key until the block ends, and delete the unfinished upload of a process that was killed.

    A killed process holds its key for at most E1_LEASE_SECONDS more. So a repeated upload need not wait until the
    reaper finds the old one. Raises Conflict `idempotency_in_progress` if another request holds the key.
    """
    if key is None:
        yield
        return
    with hold(f"e1-key {owner_id} {key}") as alone:
        if not alone:
            raise _in_progress()
        left = Job.objects.filter(owner_id=owner_id, idempotency_key=key, state=JobState.VALIDATING)
        for job_id in left.values_list("pk", flat=True):
            job_delete(job_id=job_id)
        yield


def _in_progress() -> Conflict:
    return Conflict(
        "an upload with this Idempotency-Key is still being read", code="idempotency_in_progress", retry_after=5
    )
