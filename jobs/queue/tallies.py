"""Sums of closed chunks, advanced now and then, so that progress never counts a million rows.

A job's first open chunk, by id, bounds its tally. No chunk before it changes any more, and new chunks (from a split or
a retry) get higher ids. Only a retry changes closed chunks. It deletes the tally under the job's lock.
"""

from __future__ import annotations

from uuid import UUID

from django.db import transaction

from jobs import database
from jobs.models import Job, Tally
from jobs.models.states import JobState


def tallies_advance() -> None:
    """Advance the tallies of all unfinished jobs, each in a transaction of its own."""
    for job_id in Job.objects.filter(state__in=JobState.unfinished()).values_list("pk", flat=True):
        tally_advance(job_id=job_id)


def tally_advance(*, job_id: UUID) -> None:
    """Count closed chunks up to the job's first open one."""
    with transaction.atomic():
        job = Job.objects.select_for_update(no_key=True).filter(pk=job_id).exclude(state=JobState.VALIDATING).first()
        if job is not None:
            tally_advance_locked(job_id=job_id)


def tally_advance_locked(*, job_id: UUID) -> Tally:
    """Do the same for a caller that holds the job's lock. Return the tally: it has everything if no chunk is open."""
    known = Tally.objects.filter(job_id=job_id).first()
    tally = known or Tally(job_id=job_id)
    # BETWEEN keeps the planner on the index of open chunks, as in `jobs.queue.dispatch`.
    rows = database.rows(
        """
        SELECT state, engine_id, count(*), sum(n_items), sum(n_succeeded), sum(n_failed), sum(n_bytes), max(id)
        FROM jobs_chunk
        WHERE job_id = %(job)s AND id > %(upto)s AND state IN ('done', 'failed', 'cancelled')
          AND id < coalesce((
            SELECT id FROM jobs_chunk WHERE job_id BETWEEN %(job)s AND %(job)s AND state IN ('ready', 'leased')
            ORDER BY job_id, id LIMIT 1
          ), 9223372036854775807)
        GROUP BY state, engine_id
        """,
        {"job": job_id, "upto": tally.upto},
    )
    for state, engine_id, *numbers, size, last in rows:
        key = f"{state} {engine_id or ''}"
        before = tally.counts.get(key, [0, 0, 0, 0])
        tally.counts[key] = [int(old) + int(new) for old, new in zip(before, numbers, strict=True)]
        tally.n_bytes += int(size)
        tally.upto = max(tally.upto, last)
    if rows:
        tally.save(force_insert=known is None)
    return tally


def tally_forget(*, job_id: UUID) -> None:
    """Delete the tally before closed chunks change. The caller holds the job's lock."""
    Tally.objects.filter(job_id=job_id).delete()
