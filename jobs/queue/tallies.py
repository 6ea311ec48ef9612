"""Sums of closed chunks, advanced now and then, so that progress never counts a million rows.

A job's first open chunk, by id, bounds its tally. No chunk before it changes any more, and new chunks (from a split or
a retry) get higher ids. Only a retry changes closed chunks. It deletes the tally under the job's lock.
"""

from __future__ import annotations

from uuid import UUID

import orjson
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


def tally_advance_locked(*, job_id: UUID) -> tuple[Tally, bool]:
    """Do the same for a caller that holds the job's lock. Return the tally, and whether the job has an open chunk.

    The tally has everything if it has none.
    """
    # BETWEEN keeps the planner on the index of open chunks, as in `jobs.queue.dispatch`.
    rows = database.rows(
        """
        SELECT tally.job_id IS NOT NULL, tally.upto, tally.counts::text, tally.n_bytes, open.id IS NOT NULL, closed.*
        FROM (SELECT (
            SELECT id FROM jobs_chunk WHERE job_id BETWEEN %(job)s AND %(job)s AND state IN ('ready', 'leased')
            ORDER BY job_id, id LIMIT 1
        ) AS id) open
        LEFT JOIN jobs_tally tally ON tally.job_id = %(job)s
        LEFT JOIN LATERAL (
            SELECT state, engine_id, count(*), sum(n_items), sum(n_succeeded), sum(n_failed), sum(n_bytes), max(id)
            FROM jobs_chunk
            WHERE job_id = %(job)s AND id > coalesce(tally.upto, 0) AND state IN ('done', 'failed', 'cancelled')
              AND id < coalesce(open.id, 9223372036854775807)
            GROUP BY state, engine_id
        ) closed ON true
        """,
        {"job": job_id},
    )
    known, upto, counts, n_bytes, is_open = rows[0][:5]
    tally = (
        Tally(job_id=job_id, upto=upto, counts=orjson.loads(counts), n_bytes=n_bytes) if known else Tally(job_id=job_id)
    )
    new = [row[5:] for row in rows if row[5] is not None]
    for state, engine_id, *numbers, size, last in new:
        key = f"{state} {engine_id or ''}"
        before = tally.counts.get(key, [0, 0, 0, 0])
        tally.counts[key] = [int(old) + int(more) for old, more in zip(before, numbers, strict=True)]
        tally.n_bytes += int(size)
        tally.upto = max(tally.upto, last)
    if new:
        tally.save(force_insert=not known, force_update=known)
    return tally, is_open


def tally_forget(*, job_id: UUID) -> None:
    """Delete the tally before closed chunks change. The caller holds the job's lock."""
    Tally.objects.filter(job_id=job_id).delete()
