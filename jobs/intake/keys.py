"""Idempotency-Keys while their upload is read: each is held by one request at a time, and by none that has died."""

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
"""Keys that requests of this process hold: Postgres lets one session lock the same thing twice."""


@contextmanager
def key_held(*, owner_id: int, key: str | None) -> Iterator[None]:
    """Hold the key until the block ends. Half an upload that lies under it then was left by a process that was killed,
    and is removed.

    It is a lock of the database session, so that it goes with the process, or the connection, that holds it: a client
    that repeats its upload need not wait until the reaper finds the old one. Raises Conflict `idempotency_in_progress`
    where another request holds it.
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
            # A connection that is gone has taken the lock with it.
            with suppress(Error), connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(hashtextextended(%s, 0))", [name])
    finally:
        with _lock:
            _here.discard(name)


def _in_progress() -> Conflict:
    return Conflict(
        "an upload with this Idempotency-Key is still being read", code="idempotency_in_progress", retry_after=5
    )
