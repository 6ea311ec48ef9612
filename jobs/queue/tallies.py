"""Sums of closed chunks, moved on now and then, so that progress never counts a million rows.

The first open chunk of a job, by id, bounds what is settled: nothing before it changes any more. New chunks (a split,
a retry) get higher ids. Only a retry changes closed ones; it forgets the tally under the job's lock, which moving on
takes too.
"""

from __future__ import annotations

from uuid import UUID

from django.db import connection, transaction

from jobs.models import Job, Tally
from jobs.models.states import JobState


def tallies_advance() -> None:
    """Move on the tallies of all unfinished jobs, each in a transaction of its own."""
    for job_id in Job.objects.filter(state__in=JobState.unfinished()).values_list("pk", flat=True):
        tally_advance(job_id=job_id)


def tally_advance(*, job_id: UUID) -> None:
    """Count closed chunks up to the job's first open one. Joins the caller's transaction where there is one.

    `BETWEEN` keeps the planner on the index of open chunks, as in `jobs.queue.dispatch`.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        job = Job.objects.select_for_update(no_key=True).filter(pk=job_id).exclude(state=JobState.VALIDATING).first()
        if job is None:
            return
        tally = Tally.objects.filter(job_id=job_id).first() or Tally(job_id=job_id)
        cursor.execute(
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
        rows = cursor.fetchall()
        for state, engine_id, *numbers, size, last in rows:
            key = f"{state} {engine_id or ''}"
            before = tally.counts.get(key, [0, 0, 0, 0])
            tally.counts[key] = [int(old) + int(new) for old, new in zip(before, numbers, strict=True)]
            tally.n_bytes += int(size)
            tally.upto = max(tally.upto, last)
        if rows:
            tally.save()


def tally_forget(*, job_id: UUID) -> None:
    """Closed chunks of the job are about to change; the caller holds the job's lock."""
    Tally.objects.filter(job_id=job_id).delete()
