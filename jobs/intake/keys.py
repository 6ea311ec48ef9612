"""Locks on Idempotency-Keys while their upload is read. A lock ends with the process that holds it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from django.db import Error, connection

from jobs.errors import Conflict
from jobs.models import Job
from jobs.models.states import JobState
from jobs.queue.lifecycle import job_delete

_lock = threading.Lock()
_here: set[str] = set()
"""Keys held by requests of this process, because Postgres lets one session take the same lock twice."""


@contextmanager
def key_held(*, owner_id: int, key: str | None) -> Iterator[None]:
    """Hold the key until the block ends, and delete the unfinished upload of a process that was killed.

    The lock belongs to the database session, so it ends with the process or connection that holds it. A client that
    repeats its upload need not wait until the reaper finds the old one. Raises Conflict `idempotency_in_progress` if
    another request holds the key.
    """
    if key is None:
        yield
        return
    name = f"e1-key {owner_id} {key}"
    with _lock:
        if name in _here:
            raise _in_progress()
        _here.add(name)
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_try_advisory_lock(hashtextextended(%s, 0))", [name])
            if not cursor.fetchone()[0]:
                raise _in_progress()
        try:
            left = Job.objects.filter(owner_id=owner_id, idempotency_key=key, state=JobState.VALIDATING)
            for job_id in left.values_list("pk", flat=True):
                job_delete(job_id=job_id)
            yield
        finally:
            # If the connection is gone, so is the lock.
            with suppress(Error), connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(hashtextextended(%s, 0))", [name])
    finally:
        with _lock:
            _here.discard(name)


def _in_progress() -> Conflict:
    return Conflict(
        "an upload with this Idempotency-Key is still being read", code="idempotency_in_progress", retry_after=5
    )
