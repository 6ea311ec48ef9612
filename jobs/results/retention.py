"""Retention: a closed job gets a date, expires on it, and loses its rows page by page (docs/states.md).

An expired job keeps its own row, its counts, the reasons of failures, and its manifest.
"""

from __future__ import annotations

import logging
import time
from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction
from django.db.models.functions import Now

from jobs.errors import Conflict
from jobs.library.contexts import contexts_let_go
from jobs.library.removal import job_rows_delete
from jobs.library.selectors import job_failures
from jobs.models import Artefact, Chunk, Extension, Job, Tally
from jobs.models.states import JobState
from jobs.queue.lifecycle import job_delete
from jobs.queue.tallies import tally_advance
from jobs.quotas import usage
from jobs.results.manifest import manifest_of

log = logging.getLogger(__name__)

PAGE_CHUNKS = 256
PAGE_ITEMS = 4096
"""Rows of one transaction, which stays so short that it delays neither other transactions nor vacuum."""
EXPIRABLE = (JobState.SUCCEEDED, JobState.PARTIAL, JobState.FAILED, JobState.CANCELLED)
KEPT = (Tally, Extension)
"""Models whose rows outlive an expired job."""


def job_keep(*, job_id: UUID) -> None:
    """Postpone the date to E1_RETENTION_DAYS from now. Raises Conflict if the job has no date, or is expired."""
    # It can be repeated, because storage has its own quota.
    days = settings.E1_RETENTION_DAYS
    waiting = Job.objects.filter(pk=job_id, state__in=EXPIRABLE, expires_at__isnull=False, interactive=False)
    if not days or not waiting.update(expires_at=Now() + timedelta(days=days)):
        state = Job.objects.values_list("state", flat=True).get(pk=job_id)
        what = "its results are gone" if state == JobState.EXPIRED else "its results do not expire"
        raise Conflict(f"there is nothing to postpone: the job is {state}, and {what}", code="nothing_to_keep")


def jobs_expire(*, seconds: float = 60.0) -> int:
    """Expire jobs that are due and remove their rows, for about `seconds`. The next call continues.

    Returns the number of jobs that have lost all their rows.
    """
    _date_jobs()
    end = time.monotonic() + seconds
    for job_id in Job.objects.filter(expires_at__lte=Now(), state__in=EXPIRABLE).values_list("pk", flat=True)[:1000]:
        if time.monotonic() > end:
            break
        job_expire(job_id=job_id)
    purged = 0
    for job_id in Job.objects.filter(state=JobState.EXPIRED, purged_at__isnull=True).values_list("pk", flat=True):
        while not job_purge_page(job_id=job_id):
            if time.monotonic() > end:
                return purged
        purged += 1
    return purged


def _date_jobs() -> None:
    """Date jobs that closed before the setting a full term from now. Without the setting, remove all dates."""
    closed = Job.objects.filter(state__in=EXPIRABLE, interactive=False)
    if settings.E1_RETENTION_DAYS:
        closed.filter(expires_at__isnull=True).update(expires_at=Now() + timedelta(days=settings.E1_RETENTION_DAYS))
    else:
        closed.filter(expires_at__isnull=False).update(expires_at=None)


def job_expire(*, job_id: UUID) -> bool:
    """Move a job that is due from `succeeded, partial, failed, cancelled` to `expired`, and return whether it was due.

    `job_purge_page` removes its rows later. A synchronous request, which was answered at once, is deleted instead. The
    Idempotency-Key becomes free: the same submission makes a new job.
    """
    with transaction.atomic():
        job = Job.objects.select_for_update().filter(pk=job_id, state__in=EXPIRABLE, expires_at__lte=Now()).first()
        if job is None:
            return False
        if job.interactive:
            job_delete(job_id=job_id)
            return True
        tally_advance(job_id=job_id)
        job.kept = {
            "state": job.state,
            "failures": job_failures(job),
            "manifest": manifest_of(job),
            "freed_bytes": usage.stored_bytes_of(job),
        }
        job.state, job.idempotency_key = JobState.EXPIRED, None
        job.save(update_fields=["state", "kept", "idempotency_key"])
    log.info("job %s has expired", job_id)
    return True


def job_purge_page(*, job_id: UUID) -> bool:
    """Remove one page of an expired job's rows and commit. Returns True if none is left and its storage is free."""
    with transaction.atomic(), connection.cursor() as cursor:
        job = Job.objects.select_for_update().filter(pk=job_id, state=JobState.EXPIRED).first()
        if job is None:
            return True
        chunks = list(
            Chunk.objects.filter(job_id=job_id).order_by("first_index")[:PAGE_CHUNKS].values_list("pk", flat=True)
        )
        if chunks:
            cursor.execute("DELETE FROM jobs_output WHERE chunk_id = ANY(%s)", [chunks])
            cursor.execute("DELETE FROM jobs_item WHERE chunk_id = ANY(%s) RETURNING context_id", [chunks])
            contexts = {row[0] for row in cursor.fetchall()} - {None}
            cursor.execute("DELETE FROM jobs_chunk WHERE id = ANY(%s)", [chunks])
            _let_go(job, contexts)
            return False
        # Skipped records have no chunk.
        cursor.execute(
            "DELETE FROM jobs_item WHERE job_id = %(job)s AND index IN "
            "(SELECT index FROM jobs_item WHERE job_id = %(job)s ORDER BY index LIMIT %(page)s)",
            {"job": job_id, "page": PAGE_ITEMS},
        )
        if cursor.rowcount:
            return False
        artefact = Artefact.objects.filter(job_id=job_id).first()
        if artefact is not None:
            artefact.delete()
            return False
        _let_go(job, job_rows_delete(job_id=job_id, keep=KEPT))
        Job.objects.filter(pk=job_id).update(stored_bytes=0, purged_at=Now())
    return True


def _let_go(job: Job, contexts: set[int]) -> None:
    """Delete the contexts that only this job used, and add their bytes to `freed_bytes`."""
    if freed := contexts_let_go(contexts):
        job.kept["freed_bytes"] = job.kept.get("freed_bytes", 0) + freed
        job.save(update_fields=["kept"])
