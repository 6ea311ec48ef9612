"""What users have in use, and their limits (`jobs.quotas.rules`). This module only reads.

It sums the tables of every feature by raw SQL. A new table whose rows count against the quota of stored bytes is added
to `jobs.metering.stored`.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Iterable
from uuid import UUID

from django.conf import settings
from django.db.models import Q, QuerySet

from jobs import database
from jobs.metering.stored import STORED
from jobs.models import Artefact, Job, NeighbourCount, PredictionFile, PropertyModel, Quota
from jobs.models.artefacts import ANALYSES
from jobs.models.states import JobState, WorkState
from jobs.quotas.rules import Amounts

ACTIVE = [state.value for state in JobState.unfinished() if state != JobState.VALIDATING]
"""States of jobs that are accepted and not finished. An upload counts once it is accepted."""

REMEMBERED_SECONDS = 10
"""The sum of all that a user stores takes milliseconds, and a synchronous request would need it three times."""
REMEMBERED_USERS = 10_000
_remembered: dict[int, tuple[int, float]] = {}
"""Stored bytes by user, and when they were summed."""


IN_QUEUE = """
    (SELECT count(*) FROM jobs_job WHERE owner_id = owner.id AND state = ANY(%(active)s) AND NOT interactive),
    (SELECT count(*) FROM jobs_job WHERE owner_id = owner.id AND state = ANY(%(active)s) AND interactive),
    (SELECT coalesce(sum(open.tokens), 0) FROM jobs_job job CROSS JOIN LATERAL (
        SELECT sum(n_tokens) AS tokens FROM jobs_chunk
        WHERE job_id BETWEEN job.id AND job.id AND state IN ('ready', 'leased')
    ) open WHERE job.owner_id = owner.id AND job.state = ANY(%(active)s))
"""
"""Columns with an owner's unfinished jobs, unanswered synchronous requests, and queued tokens."""


IN_QUEUE_INTERACTIVE = """
    0, (SELECT count(*) FROM jobs_job WHERE owner_id = owner.id AND state = ANY(%(active)s) AND interactive), 0
"""
"""The same columns with the synchronous requests only."""

_request = threading.local()
"""What was found about a user by the request that a thread handles: `seen`, a user's id with limits and use."""


def seen_note(user_id: int, limits: Amounts, use: Amounts) -> None:
    """Keep what a submission was checked against, so that the fields of its answer need not count again."""
    _request.seen = (user_id, limits, use)


def seen_take(user_id: int) -> tuple[Amounts, Amounts] | None:
    """Return what `seen_note` kept of this user in this request, and forget it."""
    seen, _request.seen = getattr(_request, "seen", None), None
    return seen[1:] if seen is not None and seen[0] == user_id else None


def default_limits() -> Amounts:
    """Return the service's limits."""
    return Amounts(
        active_jobs=settings.E1_QUOTA_ACTIVE_JOBS,
        sync_requests=settings.E1_QUOTA_SYNC_REQUESTS,
        queued_tokens=settings.E1_QUOTA_QUEUED_TOKENS,
        stored_bytes=settings.E1_QUOTA_STORED_BYTES,
    )


def limits_of(user_id: int) -> Amounts:
    """Return the user's own limits, and the service's for those that are not set."""
    return limits_from(Quota.objects.filter(pk=user_id).first())


def limits_from(own: Quota | None) -> Amounts:
    """Return the limits of a quota, and the service's for those that are not set."""
    limits = default_limits()
    if own is None:
        return limits
    chosen = {name: limit if (mine := getattr(own, name)) is None else mine for name, limit in limits}
    return Amounts(**chosen)


def use_of(user_id: int) -> Amounts:
    """Return what the user has in use now. Acceptance reads it while it holds the lock of the user's quota."""
    return uses_of([user_id])[user_id]


def uses_of(user_ids: Iterable[int]) -> dict[int, Amounts]:
    """Return what several users have in use, with one query. Its cost grows with their jobs and open chunks."""
    found = database.rows(
        f"""
        SELECT owner.id, {IN_QUEUE},
            (SELECT coalesce(sum(stored.bytes), 0) FROM ({STORED}) stored WHERE stored.owner_id = owner.id)
        FROM unnest(%(users)s::int[]) AS owner (id)
        """,  # noqa: S608 - both are constants
        {"users": list(user_ids), "active": ACTIVE},
    )
    return {row[0]: Amounts(*map(int, row[1:])) for row in found}


def limits_and_use(user_id: int, *, interactive: bool) -> tuple[Amounts, Amounts]:
    """Return the user's limits and what is in use, cheaply: the stored bytes may be `REMEMBERED_SECONDS` old.

    Without limits nothing is counted. If `interactive`, only what limits synchronous requests is.
    """
    in_queue = IN_QUEUE_INTERACTIVE if interactive else IN_QUEUE
    ((*own, jobs, requests, tokens),) = database.rows(
        f"""
        SELECT own.active_jobs, own.sync_requests, own.queued_tokens, own.stored_bytes,
            {in_queue}
        FROM (SELECT %(user)s::int AS id) owner LEFT JOIN jobs_quota own ON own.user_id = owner.id
        """,  # noqa: S608 - constants
        {"user": user_id, "active": ACTIVE},
    )
    names = ("active_jobs", "sync_requests", "queued_tokens", "stored_bytes")
    limits = limits_from(Quota(user_id=user_id, **dict(zip(names, own, strict=True))))
    if not limits.any:
        return limits, Amounts()
    return limits, Amounts(int(jobs), int(requests), int(tokens), _stored_lately(user_id))


def _stored_lately(user_id: int) -> int:
    stored, at = _remembered.get(user_id, (0, -math.inf))
    if time.monotonic() - at <= REMEMBERED_SECONDS:
        return stored
    stored_remember(user_id, stored := use_of(user_id).stored_bytes)
    return stored


def stored_remember(user_id: int, stored: int) -> None:
    """Remember the sum of all that the user stores."""
    if len(_remembered) >= REMEMBERED_USERS:
        _remembered.clear()
    _remembered[user_id] = (stored, time.monotonic())


def background_of(user_id: int) -> int:
    """Return how many of the user's analyses, counts of neighbours, models and predictions are unfinished."""
    asked = Q(added_by=user_id) | Q(added_by__isnull=True, job__owner=user_id)
    analyses = Artefact.objects.filter(asked, kind__in=ANALYSES, state__in=WorkState.unfinished())
    counts = NeighbourCount.objects.filter(alignment__owner=user_id, state__in=WorkState.unfinished())
    learns = Q(added_by=user_id) | Q(added_by__isnull=True, campaign__owner=user_id)
    models = PropertyModel.objects.filter(learns, state__in=WorkState.unfinished())
    asks = Q(added_by=user_id) | Q(added_by__isnull=True, model__campaign__owner=user_id)
    predictions = PredictionFile.objects.filter(asks, state__in=WorkState.unfinished())
    return analyses.count() + counts.count() + models.count() + predictions.count()


def queued_tokens_of(job_id: UUID) -> int:
    """Return the tokens of the job's open chunks."""
    # BETWEEN keeps the planner on the index of open chunks, as in `jobs.queue.dispatch`.
    return _number(
        "SELECT coalesce(sum(n_tokens), 0) FROM jobs_chunk "
        "WHERE job_id BETWEEN %(job)s AND %(job)s AND state IN ('ready', 'leased')",
        job_id,
    )


def result_bytes_of(job_id: UUID) -> int:
    """Return the bytes of the job's results so far: those in its tally and those of later chunks."""
    return _number(
        """
        SELECT coalesce(tally.n_bytes, 0) + coalesce((
            SELECT sum(n_bytes) FROM jobs_chunk WHERE job_id = job.id AND id > coalesce(tally.upto, 0)
              AND state IN ('done', 'failed', 'cancelled')
        ), 0)
        FROM jobs_job job LEFT JOIN jobs_tally tally ON tally.job_id = job.id WHERE job.id = %(job)s
        """,
        job_id,
    )


def unit_bytes_of(job_id: UUID) -> int:
    """Return the bytes of work units whose items are not put together yet."""
    return _number(
        """
        SELECT coalesce(sum(octet_length(output.data)), 0) FROM jobs_chunk unit
        JOIN jobs_output output ON output.chunk_id = unit.id WHERE unit.job_id = %(job)s AND unit.unit_count > 0
        """,
        job_id,
    )


def artefact_bytes_of(job_id: UUID) -> int:
    """Return the bytes of the files and analyses built from the job's results."""
    return _number("SELECT coalesce(sum(size), 0) FROM jobs_artefact WHERE job_id = %(job)s", job_id)


def attached_bytes_of(job_id: UUID) -> int:
    """Return the bytes of what users attached to the job: columns, assays, structures and annotations."""
    return _number(
        """
        SELECT (SELECT coalesce(sum(octet_length(col.values) + pg_column_size(col.categories)), 0)
                FROM jobs_jobcolumn col WHERE job_id = %(job)s)
            + (SELECT coalesce(sum(size), 0) FROM jobs_assay WHERE job_id = %(job)s)
            + (SELECT coalesce(sum(size), 0) FROM jobs_structure WHERE job_id = %(job)s)
            + (SELECT coalesce(sum(size), 0) FROM jobs_annotation WHERE job_id = %(job)s)
        """,
        job_id,
    )


def stored_bytes_of(job: Job) -> int:
    """Return the bytes that the job takes now, without its contexts, which other jobs may name."""
    if job.state == JobState.EXPIRED:
        return job.stored_bytes
    own = job.library_bytes + result_bytes_of(job.pk) + unit_bytes_of(job.pk)
    return own + artefact_bytes_of(job.pk) + attached_bytes_of(job.pk)


def largest_jobs(user_id: int, count: int = 5) -> QuerySet[Job]:
    """Return the user's largest jobs, largest first, without synchronous requests."""
    jobs = Job.objects.filter(owner_id=user_id, interactive=False, stored_bytes__gt=0)
    return jobs.exclude(state=JobState.VALIDATING).order_by("-stored_bytes", "-created_at")[:count]


def _number(query: str, job_id: UUID) -> int:
    """Return the first value of a query, or 0 if it has no row."""
    found = database.rows(query, {"job": job_id})
    return int(found[0][0]) if found else 0
