"""Progress of jobs, counted from rows every time; in large jobs from the end of their tally (`jobs.queue.tallies`)."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import orjson
from django.db.models import Exists, OuterRef, Q, QuerySet, Sum
from django.db.models.functions import Now

from jobs import database
from jobs.limits import CHUNK_ITEMS
from jobs.models import Chunk, EngineRecord, Job, Tally
from jobs.models.states import ChunkState, JobState

RATE_SECONDS = 60
"""Span of the present rate."""
READY_COUNTED = 1024
"""Ready chunks that progress counts one by one."""


@dataclass(frozen=True, slots=True)
class ChunkSum:
    """Sums over a job's chunks in one state, of one engine if they are computed."""

    state: str
    engine_id: int | None
    chunks: int
    items: int
    succeeded: int
    failed: int


def chunk_sums(job_ids: Iterable[UUID]) -> dict[UUID, list[ChunkSum]]:
    """Return sums over the chunks of each job, in one snapshot: the tally and the rows after it.

    It reads a bounded number of rows: closed chunks after the tally, leased ones, and READY_COUNTED ready ones.
    Further ready chunks follow from the remaining items, exactly unless chunks are shorter than eight. In jobs with
    work units, whose number is bounded, all chunks are counted.
    """
    rows = database.rows(
        """
            SELECT job.id, CASE WHEN job.total_units = 0 THEN job.total_items - job.skipped_items END,
                tally.counts::text,
                part.state, part.engine_id, part.chunks, part.items, part.succeeded, part.failed
            FROM jobs_job job LEFT JOIN jobs_tally tally ON tally.job_id = job.id
            CROSS JOIN LATERAL (
                SELECT state, engine_id, count(*) AS chunks, sum(n_items) AS items, sum(n_succeeded) AS succeeded,
                    sum(n_failed) AS failed
                FROM jobs_chunk
                WHERE job_id = job.id AND id > coalesce(tally.upto, 0) AND state IN ('done', 'failed', 'cancelled')
                GROUP BY state, engine_id
                UNION ALL
                SELECT 'leased', NULL, count(*), coalesce(sum(n_items), 0), 0, 0 FROM jobs_chunk
                WHERE job_id = job.id AND state = 'leased'
                UNION ALL
                SELECT 'ready', NULL, count(*), coalesce(sum(n_items), 0), 0, 0 FROM (
                    SELECT n_items FROM jobs_chunk WHERE job_id BETWEEN job.id AND job.id AND state = 'ready'
                    ORDER BY job_id, id LIMIT CASE WHEN job.total_units = 0 THEN %s END
                ) some_ready
            ) part
            WHERE job.id = ANY(%s)
            """,
        [READY_COUNTED + 1, list(job_ids)],
    )
    sums: dict[UUID, list[ChunkSum]] = {}
    computed: dict[UUID, int | None] = {}
    for job_id, items, tallied, *part in rows:
        if job_id not in sums:
            sums[job_id] = [_tallied(key, numbers) for key, numbers in orjson.loads(tallied or "{}").items()]
            computed[job_id] = items
        if part[2]:
            sums[job_id].append(ChunkSum(part[0], part[1], *map(int, part[2:])))
    return {job_id: [_whole(one, of_job, computed[job_id]) for one in of_job] for job_id, of_job in sums.items()}


def tallied_sums(tally: Tally) -> list[ChunkSum]:
    """Return the sums of a tally."""
    return [_tallied(key, numbers) for key, numbers in tally.counts.items()]


def _tallied(key: str, numbers: list[int]) -> ChunkSum:
    state, _, engine = key.partition(" ")
    return ChunkSum(state, int(engine) if engine else None, *numbers)


def _whole(one: ChunkSum, of_job: Iterable[ChunkSum], items: int | None) -> ChunkSum:
    """Return the sum itself or, for ready chunks beyond READY_COUNTED, what the others leave of the job's items."""
    if items is None or one.state != ChunkState.READY or one.chunks <= READY_COUNTED:
        return one
    left = items - sum(other.items for other in of_job if other.state != ChunkState.READY)
    return replace(one, items=left, chunks=-(-left // CHUNK_ITEMS))


def job_counts(job: Job, sums: Iterable[ChunkSum] | None = None) -> dict[str, int]:
    """Return the job's items by state, which add up to `total`. `sums` are the job's, if the caller has them."""
    items: Counter[str] = Counter()
    succeeded = failed = 0
    for one in chunk_sums([job.pk]).get(job.pk, []) if sums is None else sums:
        items[one.state] += one.items
        succeeded += one.succeeded
        failed += one.failed
    return {
        "total": job.total_items,
        "pending": items[ChunkState.READY] + items[ChunkState.LEASED],
        "succeeded": succeeded,
        "failed": failed,
        "skipped": job.skipped_items,
        "cancelled": items[ChunkState.CANCELLED],
    }


def job_rate(job: Job) -> float | None:
    """Return items per second over the last minute; None if no chunk was finished in it."""
    return _per_second(job, "n_items")


def units_per_second(job: Job) -> float | None:
    """Return work units per second over the last minute; None if none was finished in it."""
    return _per_second(job, "unit_count")


def _per_second(job: Job, counted: str) -> float | None:
    """Return the sum of a column of chunks per second, over a minute or since the job began if that is shorter."""
    ((done, seconds),) = database.rows(
        f"""
            SELECT sum({counted}),
                extract(epoch FROM
                    statement_timestamp() - greatest(%s, statement_timestamp() - %s * interval '1 second'))
            FROM jobs_chunk
            WHERE job_id = %s AND state IN ('done', 'failed')
              AND finished_at > statement_timestamp() - %s * interval '1 second'
            """,  # noqa: S608 - one of two columns
        [job.started_at, RATE_SECONDS, job.pk, RATE_SECONDS],
    )
    return None if not done or not seconds else float(done) / max(float(seconds), 0.05)


def job_mean_rate(job: Job, finished: int) -> float | None:
    """Return items per second of a closed job over its whole running time."""
    if not job.started_at or not job.finished_at or not finished:
        return None
    return finished / max((job.finished_at - job.started_at).total_seconds(), 0.05)


def idle_jobs(seconds: int) -> QuerySet[Job]:
    """Return jobs whose upload has not advanced for this long: their web process is gone."""
    return Job.objects.filter(state=JobState.VALIDATING, touched_at__lt=Now() - timedelta(seconds=seconds))


def closable_jobs() -> QuerySet[Job]:
    """Return jobs that should be closed: those without an open chunk, after a crash, and all that are cancelling.

    A worker may have returned a chunk of the latter while they were being cancelled.
    """
    still_open = Chunk.objects.filter(job=OuterRef("pk"), state__in=ChunkState.open())
    return Job.objects.filter(Q(state=JobState.CANCELLING) | ~Exists(still_open), state__in=JobState.closable())


def jobs_with_units() -> QuerySet[Job]:
    """Return claimable jobs with work units: after a crash their items may wait for units that are done."""
    return Job.objects.filter(state__in=JobState.claimable(), total_units__gt=0)


def job_engines(job: Job, sums: Iterable[ChunkSum] | None = None) -> list[dict[str, Any]]:
    """Return every network and device that computed chunks of the job, with their number.

    `sums` are the job's, if the caller has them.
    """
    found: Counter[int] = Counter()
    for one in chunk_sums([job.pk]).get(job.pk, []) if sums is None else sums:
        if one.engine_id is not None:
            found[one.engine_id] += one.chunks
    records = EngineRecord.objects.filter(pk__in=list(found)).order_by("pk") if found else ()
    return [{**record.identity, "chunks": found[record.pk]} for record in records]


def results_fingerprint(job: Job) -> str:
    """Return a digest of the job's results, which changes if an item gets one, loses one or is computed again."""
    done = [one for one in chunk_sums([job.pk]).get(job.pk, []) if one.state == ChunkState.DONE]
    chunks, succeeded = sum(one.chunks for one in done), sum(one.succeeded for one in done)
    stored = Chunk.objects.filter(job=job, state=ChunkState.DONE).order_by("-finished_at")
    last = stored.values_list("finished_at", flat=True).first()
    return hashlib.sha256(repr((chunks, succeeded, last)).encode()).hexdigest()


def units_done(job: Job) -> int:
    """Return how many units are computed, including those that failed."""
    closed = [ChunkState.DONE, ChunkState.FAILED]
    done = Chunk.objects.filter(job=job, unit_count__gt=0, group__isnull=False, state__in=closed)
    return int(done.aggregate(done=Sum("unit_count"))["done"] or 0)
