"""What users have in use, by the quotas of `jobs.quotas.rules`, and how fast the workers are. It reads only."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from django.conf import settings
from django.db import connection
from django.db.models import QuerySet

from jobs.models import Artefact, Job, NeighbourCount, Quota
from jobs.models.artefacts import ANALYSES as KINDS
from jobs.models.states import JobState, WorkState
from jobs.quotas.rules import Amounts

ACTIVE = [state.value for state in JobState.unfinished() if state != JobState.VALIDATING]
"""States of jobs that are accepted and not finished. An upload that is still being read counts when it is accepted."""


def default_limits() -> Amounts:
    """Those of everybody whose quota says nothing else."""
    return Amounts(
        active_jobs=settings.E1_QUOTA_ACTIVE_JOBS,
        sync_requests=settings.E1_QUOTA_SYNC_REQUESTS,
        queued_tokens=settings.E1_QUOTA_QUEUED_TOKENS,
        stored_bytes=settings.E1_QUOTA_STORED_BYTES,
    )


def limits_of(user_id: int) -> Amounts:
    """The user's own limits, and the service's where there are none."""
    return limits_from(Quota.objects.filter(pk=user_id).first())


def limits_from(own: Quota | None) -> Amounts:
    """The limits of a row, and the service's where it, or a number in it, is missing."""
    limits = default_limits()
    if own is None:
        return limits
    chosen = {name: limit if (mine := getattr(own, name)) is None else mine for name, limit in limits}
    return Amounts(**chosen)


def use_of(user_id: int) -> Amounts:
    """What the user has in use now: inside the transaction that holds the user's quota, what acceptance goes by."""
    return uses_of([user_id])[user_id]


def uses_of(user_ids: Iterable[int]) -> dict[int, Amounts]:
    """The same of several users, in one query. What it reads grows with the users' jobs and their open chunks."""
    wanted = list(user_ids)
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT owner.id,
                (SELECT count(*) FROM jobs_job
                    WHERE owner_id = owner.id AND state = ANY(%(active)s) AND NOT interactive),
                (SELECT count(*) FROM jobs_job WHERE owner_id = owner.id AND state = ANY(%(active)s) AND interactive),
                (SELECT coalesce(sum(open.tokens), 0) FROM jobs_job job CROSS JOIN LATERAL (
                    SELECT sum(n_tokens) AS tokens FROM jobs_chunk
                    WHERE job_id BETWEEN job.id AND job.id AND state IN ('ready', 'leased')
                ) open WHERE job.owner_id = owner.id AND job.state = ANY(%(active)s)),
                (SELECT coalesce(sum(stored_bytes), 0) FROM jobs_job
                    WHERE owner_id = owner.id AND state <> 'validating')
                + (SELECT coalesce(sum(octet_length(output.data)), 0)
                    FROM jobs_job job JOIN jobs_chunk unit ON unit.job_id = job.id AND unit.unit_count > 0
                    JOIN jobs_output output ON output.chunk_id = unit.id
                    WHERE job.owner_id = owner.id AND job.state = 'paused')
                + (SELECT coalesce(sum(artefact.size), 0)
                    FROM jobs_artefact artefact JOIN jobs_job job ON job.id = artefact.job_id
                    WHERE job.owner_id = owner.id)
                + (SELECT coalesce(sum(size), 0) FROM jobs_alignment WHERE owner_id = owner.id)
                + (SELECT coalesce(sum(assay.size), 0)
                    FROM jobs_assay assay JOIN jobs_job job ON job.id = assay.job_id WHERE job.owner_id = owner.id)
                + (SELECT coalesce(sum(structure.size), 0)
                    FROM jobs_structure structure JOIN jobs_job job ON job.id = structure.job_id
                    WHERE job.owner_id = owner.id)
                + (SELECT coalesce(sum(octet_length(col.values) + pg_column_size(col.categories)), 0)
                    FROM jobs_jobcolumn col JOIN jobs_job job ON job.id = col.job_id WHERE job.owner_id = owner.id)
                + (SELECT coalesce(sum(tokens), 0) FROM jobs_context WHERE owner_id = owner.id)
                + (SELECT coalesce(sum(pg_column_size(provenance)), 0) FROM jobs_contextset WHERE owner_id = owner.id)
                + (SELECT coalesce(sum(octet_length(neighbours.counts)), 0) FROM jobs_neighbourcount neighbours
                    JOIN jobs_alignment alignment ON alignment.id = neighbours.alignment_id
                    WHERE alignment.owner_id = owner.id)
                + (SELECT coalesce(sum(octet_length(parent)), 0) FROM jobs_homologsearch WHERE owner_id = owner.id)
            FROM unnest(%(users)s::int[]) AS owner (id)
            """,
            {"users": wanted, "active": ACTIVE},
        )
        return {row[0]: Amounts(*map(int, row[1:])) for row in cursor.fetchall()}


def background_of(user_id: int) -> int:
    """Analyses and counts of neighbours of the user that wait or are being made."""
    analyses = Artefact.objects.filter(job__owner=user_id, kind__in=KINDS, state__in=WorkState.unfinished())
    counts = NeighbourCount.objects.filter(alignment__owner=user_id, state__in=WorkState.unfinished())
    return analyses.count() + counts.count()


def queued_tokens_of(job_id: UUID) -> int:
    """Tokens of the job's open chunks."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT coalesce(sum(n_tokens), 0) FROM jobs_chunk "
            "WHERE job_id BETWEEN %s AND %s AND state IN ('ready', 'leased')",
            [job_id, job_id],
        )
        return int(cursor.fetchone()[0])


def result_bytes_of(job_id: UUID) -> int:
    """Bytes of the results that the job has so far: the tally's, and those of the chunks behind it."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT coalesce(tally.n_bytes, 0) + coalesce((
                SELECT sum(n_bytes) FROM jobs_chunk WHERE job_id = job.id AND id > coalesce(tally.upto, 0)
                  AND state IN ('done', 'failed', 'cancelled')
            ), 0)
            FROM jobs_job job LEFT JOIN jobs_tally tally ON tally.job_id = job.id WHERE job.id = %s
            """,
            [job_id],
        )
        row = cursor.fetchone()
        return int(row[0]) if row else 0


def unit_bytes_of(job_id: UUID) -> int:
    """Bytes of work units that wait for their items to be made of them."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT coalesce(sum(octet_length(output.data)), 0) FROM jobs_chunk unit
            JOIN jobs_output output ON output.chunk_id = unit.id WHERE unit.job_id = %s AND unit.unit_count > 0
            """,
            [job_id],
        )
        return int(cursor.fetchone()[0])


def artefact_bytes_of(job_id: UUID) -> int:
    """Bytes of the files that were built of the job's results."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT coalesce(sum(size), 0) FROM jobs_artefact WHERE job_id = %s", [job_id])
        return int(cursor.fetchone()[0])


def attached_bytes_of(job_id: UUID) -> int:
    """Bytes of what was laid beside the job's results: columns, measurements, structures."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT (SELECT coalesce(sum(octet_length(col.values) + pg_column_size(col.categories)), 0)
                    FROM jobs_jobcolumn col WHERE job_id = %(job)s)
                + (SELECT coalesce(sum(size), 0) FROM jobs_assay WHERE job_id = %(job)s)
                + (SELECT coalesce(sum(size), 0) FROM jobs_structure WHERE job_id = %(job)s)
            """,
            {"job": job_id},
        )
        return int(cursor.fetchone()[0])


def stored_bytes_of(job: Job) -> int:
    """What the job takes now: its library, results and work units so far, files and analyses built of them,
    and what was laid beside them. Its contexts are not among it: other jobs may name them.
    """
    if job.state == JobState.EXPIRED:
        return job.stored_bytes
    own = job.library_bytes + result_bytes_of(job.pk) + unit_bytes_of(job.pk)
    return own + artefact_bytes_of(job.pk) + attached_bytes_of(job.pk)


def largest_jobs(user_id: int, count: int = 5) -> QuerySet[Job]:
    """The user's jobs that take most, synchronous requests left out, largest first."""
    jobs = Job.objects.filter(owner_id=user_id, interactive=False, stored_bytes__gt=0)
    return jobs.exclude(state=JobState.VALIDATING).order_by("-stored_bytes", "-created_at")[:count]
