"""Everything that reads. Progress is counted from rows every time, in large jobs from where the tally of closed chunks
(`jobs.services.tallies`) ends; nothing here is remembered between calls.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import orjson
from django.contrib.auth.models import User
from django.db import connection
from django.db.models import Case, CharField, Count, Exists, Min, OuterRef, Q, QuerySet, Sum, Value, When
from django.db.models.fields.json import KT
from django.db.models.functions import Now

from jobs.errors import Gone, NotFound
from jobs.limits import CHUNK_ITEMS
from jobs.models import Artefact, Chunk, Context, EngineRecord, Item, Job, Worker
from jobs.states import ChunkState, ItemState, JobState, WorkerState
from worker.protocol import MODELS

WORKER_ALIVE = timedelta(seconds=20)
FORWARD_IS_FRESH = timedelta(minutes=3)
RATE_SECONDS = 60
READY_COUNTED = 1024
"""Ready chunks that progress counts one by one."""
MAX_INDEX = 2**31
"""Beyond the column's type: no item has such an index."""

ITEM_STATE = Case(
    When(chunk__isnull=True, then=Value(ItemState.SKIPPED.value)),
    When(error_code__isnull=False, then=Value(ItemState.FAILED.value)),
    When(chunk__state=ChunkState.DONE, then=Value(ItemState.SUCCEEDED.value)),
    When(chunk__state=ChunkState.CANCELLED, then=Value(ItemState.CANCELLED.value)),
    default=Value(ItemState.PENDING.value),
    output_field=CharField(),
)
"""An item's state, from its own error and its chunk's state."""


def job_of(owner: User, job_id: UUID) -> Job:
    """The owner's job; NotFound where it is not there or somebody else's."""
    job = Job.objects.filter(owner=owner, pk=job_id).first()
    if job is None:
        raise NotFound(f"there is no job {job_id}")
    return job


def require_rows(job: Job) -> None:
    """Raise Gone where the job's items and results were removed because their time was over."""
    if job.state == JobState.EXPIRED:
        raise Gone(
            "the items and results of this job have expired; its counts and its manifest are kept",
            code="results_expired",
        )


def jobs_of(owner: User) -> QuerySet[Job]:
    return Job.objects.filter(owner=owner)


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


def context_sequences(context_ids: Iterable[int | None]) -> dict[int, tuple[str, ...]]:
    """Sequences of these contexts by id, each read once; None stands for no context."""
    wanted = {context_id for context_id in context_ids if context_id is not None}
    rows = Context.objects.filter(pk__in=wanted).values_list("pk", "sequences")
    return {context_id: tuple(sequences) for context_id, sequences in rows}


def context_at(contexts: Mapping[int, tuple[str, ...]], context_id: int | None) -> tuple[str, ...]:
    """One of them; none for None. Raises Gone where its job was deleted between two looks."""
    if context_id is None:
        return ()
    if context_id not in contexts:
        raise Gone("the job was deleted while it was read", code="deleted_meanwhile")
    return contexts[context_id]


def first_context(job: Job) -> tuple[str, ...]:
    """The context sequences of the job's first item: what a person wants to see of it at a glance."""
    found = Item.objects.filter(job=job, context__isnull=False, index=0).values_list("context__sequences", flat=True)
    return tuple(next(iter(found), ()))


def items_of(job: Job) -> QuerySet[Item]:
    """The job's items in input order, with `state` and what is known of each."""
    return Item.objects.filter(job=job).annotate(state=ITEM_STATE).order_by("index")


def item_of(job: Job, index: int) -> Item | None:
    """One item with its state, chunk and context; None where the job has none at this place."""
    if not 0 <= index < MAX_INDEX:
        return None
    return items_of(job).select_related("chunk", "context").filter(index=index).first()


def job_failures(job: Job, limit: int = 10) -> list[dict[str, Any]]:
    """Reasons of failed and skipped items with their counts, most frequent first."""
    if job.state == JobState.EXPIRED:
        return list(job.kept.get("failures", []))
    rows = (
        Item.objects.filter(job=job, error_code__isnull=False)
        .values("error_code")
        .annotate(count=Count("index"), message=Min(KT("error__0__message")))
        .order_by("-count")[:limit]
    )
    return [{"code": row["error_code"], "count": row["count"], "message": row["message"]} for row in rows]


def job_rate(job: Job) -> float | None:
    """Items per second over the last minute, or over the whole job where it is shorter; None before the first chunk."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT sum(n_items),
                extract(epoch FROM
                    statement_timestamp() - greatest(%s, statement_timestamp() - %s * interval '1 second'))
            FROM jobs_chunk
            WHERE job_id = %s AND state IN ('done', 'failed')
              AND finished_at > statement_timestamp() - %s * interval '1 second'
            """,
            [job.started_at, RATE_SECONDS, job.pk, RATE_SECONDS],
        )
        items, seconds = cursor.fetchone()
    return None if not items or not seconds else float(items) / max(float(seconds), 0.05)


def job_mean_rate(job: Job, finished: int) -> float | None:
    """Items per second of a closed job over its whole running time."""
    if not job.started_at or not job.finished_at or not finished:
        return None
    return finished / max((job.finished_at - job.started_at).total_seconds(), 0.05)


def queue_position(job: Job) -> int:
    """How many unfinished jobs of this model were accepted before this one, plus one."""
    ahead = Job.objects.filter(model=job.model, state__in=JobState.claimable(), created_at__lt=job.created_at)
    return ahead.count() + 1


def workers_alive(model: str | None = None) -> QuerySet[Worker]:
    """Workers that passed their self-test, have a fresh heartbeat and take work: those that drain do not."""
    alive = _with_heartbeat().filter(draining=False)
    return alive if model is None else alive.filter(model=model)


def _with_heartbeat() -> QuerySet[Worker]:
    return Worker.objects.filter(state=WorkerState.READY, heartbeat_at__gt=Now() - WORKER_ALIVE)


def rates_measured(model: str) -> list[float]:
    """Tokens a second of every worker of this model within the last hour, of those that just start again too."""
    measured = Worker.objects.filter(model=model, tokens_per_second__isnull=False)
    lately = measured.filter(heartbeat_at__gt=Now() - timedelta(hours=1))
    return [rate for rate in lately.values_list("tokens_per_second", flat=True) if rate]


def workers_seen(model: str) -> list[tuple[Worker, bool]]:
    """Workers of this model that have spoken within the last hour, each with whether it is alive now."""
    alive = set(_with_heartbeat().filter(model=model).values_list("name", flat=True))
    seen = Worker.objects.filter(model=model, heartbeat_at__gt=Now() - timedelta(hours=1)).select_related("engine")
    return [(worker, worker.name in alive) for worker in seen.order_by("name")]


def tokens_waiting(model: str) -> dict[str, int]:
    """What is not computed yet: `jobs`, `chunks` and `tokens` ready or leased in jobs that want workers."""
    claimable = Job.objects.filter(model=model, state__in=JobState.claimable())
    open_chunks = Chunk.objects.filter(job__in=claimable, state__in=ChunkState.open())
    sums = open_chunks.aggregate(chunks=Count("id"), tokens=Sum("n_tokens"))
    return {"jobs": claimable.count(), "chunks": sums["chunks"], "tokens": sums["tokens"] or 0}


def worker_forward_is_fresh(model: str) -> bool:
    """Whether a real forward pass of this model succeeded lately on a worker that is alive."""
    return workers_alive(model).filter(last_forward_at__gt=Now() - FORWARD_IS_FRESH).exists()


def job_engines(job: Job, sums: Iterable[ChunkSum] | None = None) -> list[dict[str, Any]]:
    """Every network and device that computed a chunk of this job, with the number of its chunks. `sums` are the job's
    where the caller has them.
    """
    found: Counter[int] = Counter()
    for one in chunk_sums([job.pk]).get(job.pk, []) if sums is None else sums:
        if one.engine_id is not None:
            found[one.engine_id] += one.chunks
    records = EngineRecord.objects.filter(pk__in=list(found)).order_by("pk") if found else ()
    return [{**record.identity, "chunks": found[record.pk]} for record in records]


def queue_reason(job: Job, position: int) -> str:
    """In words: why this job is where it is, which is `queue_position`."""
    if job.state == JobState.PAUSED:
        return "paused by its owner"
    if not workers_alive(job.model).exists():
        return f"no worker of {MODELS[job.model].slug} is alive; the job is kept and goes on when one starts"
    if job.state == JobState.RUNNING:
        return "being computed"
    if position == 1:
        return "next in line"
    if position == 2:
        return "1 earlier job of this model is computed first"
    return f"{position - 1} earlier jobs of this model are computed first"


def idle_jobs(seconds: int) -> QuerySet[Job]:
    """Jobs whose upload has not moved for this long: their web process is gone."""
    return Job.objects.filter(state=JobState.VALIDATING, touched_at__lt=Now() - timedelta(seconds=seconds))


def closable_jobs() -> QuerySet[Job]:
    """Jobs that nobody closed though no chunk is open: a crash between a chunk's commit and finalise. And those that
    are cancelling, where a worker may have given a chunk back just while they were cancelled.
    """
    still_open = Chunk.objects.filter(job=OuterRef("pk"), state__in=ChunkState.open())
    return Job.objects.filter(Q(state=JobState.CANCELLING) | ~Exists(still_open), state__in=JobState.closable())


def jobs_with_units() -> QuerySet[Job]:
    """Jobs in work whose items may wait for units that are done: a crash between a unit's commit and its release."""
    return Job.objects.filter(state__in=JobState.claimable(), total_units__gt=0)


def items_in_state(items: QuerySet[Item], state: ItemState) -> QuerySet[Item]:
    """Narrow `items_of` to one state; failed and skipped ones come from their partial index."""
    if state == ItemState.SKIPPED:
        return items.filter(chunk__isnull=True)
    if state == ItemState.FAILED:
        return items.filter(chunk__isnull=False, error_code__isnull=False)
    chunk_states = {
        ItemState.SUCCEEDED: [ChunkState.DONE],
        ItemState.CANCELLED: [ChunkState.CANCELLED],
        ItemState.PENDING: ChunkState.open(),
    }[state]
    return items.filter(error_code__isnull=True, chunk__state__in=chunk_states)


def results_fingerprint(job: Job) -> str:
    """Digest of which results the job has: it changes whenever an item gets one, loses one or is computed again."""
    done = chunk_totals([job.pk]).get(job.pk, {}).get(ChunkState.DONE, (0, 0, 0, 0))
    stored = Chunk.objects.filter(job=job, state=ChunkState.DONE).order_by("-finished_at")
    last = stored.values_list("finished_at", flat=True).first()
    return hashlib.sha256(repr((done[0], done[2], last)).encode()).hexdigest()


def artefact_of(job: Job, kind: str) -> Artefact | None:
    """The newest file of this kind, in whatever state."""
    return Artefact.objects.filter(job=job, kind=kind).order_by("-id").first()
