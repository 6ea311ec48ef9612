"""Progress, counted from rows every time, in large jobs from where the tally of closed chunks (`jobs.services.tallies`)
ends.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from uuid import UUID

import orjson
from django.db import connection

from jobs.limits import CHUNK_ITEMS
from jobs.models import Job
from jobs.states import ChunkState

READY_COUNTED = 1024
"""Ready chunks that progress counts one by one."""


@dataclass(frozen=True, slots=True)
class ChunkSum:
    """Chunks of a job in one state, computed by one engine where they were computed."""

    state: str
    engine_id: int | None
    chunks: int
    items: int
    succeeded: int
    failed: int


def job_counts(job: Job) -> dict[str, int]:
    """Items by state, from the job's chunks; they add up to `total`."""
    return counts_from(job, chunk_totals([job.pk]).get(job.pk, {}))


def chunk_totals(job_ids: Iterable[UUID]) -> dict[UUID, dict[str, tuple[int, int, int, int]]]:
    """Per job and chunk state: (chunks, items, succeeded, failed)."""
    return {job_id: totals_of(sums) for job_id, sums in chunk_sums(job_ids).items()}


def totals_of(sums: Iterable[ChunkSum]) -> dict[str, tuple[int, int, int, int]]:
    """One job's sums by chunk state, whichever engine: (chunks, items, succeeded, failed)."""
    totals: dict[str, tuple[int, int, int, int]] = {}
    for one in sums:
        before = totals.get(one.state, (0, 0, 0, 0))
        totals[one.state] = (
            before[0] + one.chunks,
            before[1] + one.items,
            before[2] + one.succeeded,
            before[3] + one.failed,
        )
    return totals


def chunk_sums(job_ids: Iterable[UUID]) -> dict[UUID, list[ChunkSum]]:
    """Sums over the chunks of each job: the tally's, and those of the rows behind it, as of one moment.

    What it reads does not grow with the job: closed chunks behind the tally, leased ones, and up to READY_COUNTED
    ready ones. More ready ones are worked out from the items that are left, which is exact but for chunks that are
    shorter than eight. Of jobs with work units, whose number is bounded, all are counted.
    """
    with connection.cursor() as cursor:
        cursor.execute(
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
        rows = cursor.fetchall()
    sums: dict[UUID, list[ChunkSum]] = {}
    computed: dict[UUID, int | None] = {}
    for job_id, items, tallied, *part in rows:
        if job_id not in sums:
            sums[job_id] = [_tallied(key, numbers) for key, numbers in orjson.loads(tallied or "{}").items()]
            computed[job_id] = items
        if part[2]:
            sums[job_id].append(ChunkSum(part[0], part[1], *map(int, part[2:])))
    return {job_id: [_whole(one, of_job, computed[job_id]) for one in of_job] for job_id, of_job in sums.items()}


def _tallied(key: str, numbers: list[int]) -> ChunkSum:
    state, _, engine = key.partition(" ")
    return ChunkSum(state, int(engine) if engine else None, *numbers)


def _whole(one: ChunkSum, of_job: Iterable[ChunkSum], items: int | None) -> ChunkSum:
    """The sum itself; where ready chunks were not counted to their end, what the others leave of the job's items."""
    if items is None or one.state != ChunkState.READY or one.chunks <= READY_COUNTED:
        return one
    left = items - sum(other.items for other in of_job if other.state != ChunkState.READY)
    return replace(one, items=left, chunks=-(-left // CHUNK_ITEMS))


def counts_from(job: Job, totals: dict[str, tuple[int, int, int, int]]) -> dict[str, int]:
    """Item counts of a job from its chunk totals."""

    def items(*states: ChunkState) -> int:
        return sum(totals[state][1] for state in states if state in totals)

    return {
        "total": job.total_items,
        "pending": items(ChunkState.READY, ChunkState.LEASED),
        "succeeded": sum(numbers[2] for numbers in totals.values()),
        "failed": sum(numbers[3] for numbers in totals.values()),
        "skipped": job.skipped_items,
        "cancelled": items(ChunkState.CANCELLED),
    }
