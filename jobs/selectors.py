"""Everything that reads. Progress is counted from rows every time; nothing here is remembered between calls."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.contrib.auth.models import User
from django.db import connection
from django.db.models import Case, CharField, Count, F, Min, Q, QuerySet, Sum, Value, When
from django.db.models.fields.json import KT
from django.db.models.functions import Now

from jobs.errors import NotFound
from jobs.models import Chunk, Context, EngineRecord, Item, Job, Worker
from jobs.states import ChunkState, ItemState, JobState, WorkerState
from worker.protocol import MODELS

WORKER_ALIVE = timedelta(seconds=20)
FORWARD_IS_FRESH = timedelta(minutes=3)
RATE_SECONDS = 60

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


def jobs_of(owner: User) -> QuerySet[Job]:
    return Job.objects.filter(owner=owner)


def job_counts(job: Job) -> dict[str, int]:
    """Items by state, from the job's chunks; they add up to `total`."""
    return counts_from(job, chunk_totals([job.pk]).get(job.pk, {}))


def chunk_totals(job_ids: Iterable[UUID]) -> dict[UUID, dict[str, tuple[int, int, int, int]]]:
    """Per job and chunk state: (chunks, items, succeeded, failed). One index-only scan per job."""
    totals: dict[UUID, dict[str, tuple[int, int, int, int]]] = {}
    rows = (
        Chunk.objects.filter(job_id__in=list(job_ids))
        .values_list("job_id", "state")
        .annotate(a=Count("*"), b=Sum("n_items"), c=Sum("n_succeeded"), d=Sum("n_failed"))
        .order_by()
    )
    for job_id, state, *numbers in rows:
        totals.setdefault(job_id, {})[state] = (numbers[0], numbers[1], numbers[2], numbers[3])
    return totals


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


def items_of(job: Job) -> QuerySet[Item]:
    """The job's items in input order, with `state` and what is known of each."""
    return Item.objects.filter(job=job).annotate(state=ITEM_STATE).order_by("index")


def job_failures(job: Job, limit: int = 10) -> list[dict[str, Any]]:
    """Reasons of failed and skipped items with their counts, most frequent first."""
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
    """Workers that passed their self-test and have a fresh heartbeat."""
    alive = Worker.objects.filter(state=WorkerState.READY, heartbeat_at__gt=Now() - WORKER_ALIVE)
    return alive if model is None else alive.filter(model=model)


def worker_forward_is_fresh(model: str) -> bool:
    """Whether a real forward pass of this model succeeded lately on a worker that is alive."""
    return workers_alive(model).filter(last_forward_at__gt=Now() - FORWARD_IS_FRESH).exists()


def job_engines(job: Job) -> list[dict[str, Any]]:
    """Every network and device that computed a chunk of this job, with the number of its chunks."""
    counts = (
        Chunk.objects.filter(job=job, engine__isnull=False)
        .values_list("engine_id")
        .annotate(chunks=Count("id"))
        .order_by("engine_id")
    )
    found = dict(counts)
    records = EngineRecord.objects.filter(pk__in=list(found)).order_by("pk")
    return [{**record.identity, "chunks": found[record.pk]} for record in records]


def queue_reason(job: Job) -> str:
    """In words: why this job is where it is."""
    if job.state == JobState.PAUSED:
        return "paused by its owner"
    if not workers_alive(job.model).exists():
        return f"no worker of {MODELS[job.model].slug} is alive; the job is kept and goes on when one starts"
    if job.state == JobState.RUNNING:
        return "being computed"
    position = queue_position(job)
    if position == 1:
        return "next in line"
    return f"{position - 1} earlier job{'s' if position > 2 else ''} of this model share the workers"


def idle_jobs(seconds: int) -> QuerySet[Job]:
    """Jobs whose upload has not moved for this long: their web process is gone."""
    return Job.objects.filter(state=JobState.VALIDATING, touched_at__lt=Now() - timedelta(seconds=seconds))


def closable_jobs() -> QuerySet[Job]:
    """Jobs that nobody closed though no chunk is open: a crash between a chunk's commit and finalise."""
    open_chunk = Q(chunks__state__in=[ChunkState.READY, ChunkState.LEASED])
    closable = Job.objects.filter(state__in=JobState.closable())
    return closable.annotate(open=Count(F("chunks"), filter=open_chunk)).filter(open=0)


def items_in_state(items: QuerySet[Item], state: ItemState) -> QuerySet[Item]:
    """Narrow `items_of` to one state; failed and skipped ones come from their partial index."""
    if state == ItemState.SKIPPED:
        return items.filter(chunk__isnull=True)
    if state == ItemState.FAILED:
        return items.filter(chunk__isnull=False, error_code__isnull=False)
    chunk_states = {
        ItemState.SUCCEEDED: [ChunkState.DONE],
        ItemState.CANCELLED: [ChunkState.CANCELLED],
        ItemState.PENDING: [ChunkState.READY, ChunkState.LEASED],
    }[state]
    return items.filter(error_code__isnull=True, chunk__state__in=chunk_states)
