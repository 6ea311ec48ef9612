"""Everything that reads; nothing here is remembered between calls. Counts of a job stand in `jobs.selectors_counts`."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.contrib.auth.models import User
from django.db import connection
from django.db.models import Case, CharField, Count, Exists, Min, OuterRef, Q, QuerySet, Sum, Value, When
from django.db.models.fields.json import KT
from django.db.models.functions import Now

from jobs.errors import Gone, NotFound
from jobs.models import Artefact, Chunk, Context, EngineRecord, Item, Job, Worker
from jobs.selectors_counts import ChunkSum, chunk_sums, chunk_totals
from jobs.states import ChunkState, ItemState, JobState, WorkerState
from worker.protocol import MODELS

WORKER_ALIVE = timedelta(seconds=20)
FORWARD_IS_FRESH = timedelta(minutes=3)
RATE_SECONDS = 60
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
