"""Workers and queues as an administrator sees them. This module only reads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import connection
from django.db.models import Count

from jobs.fleet import pace
from jobs.fleet.crew import crew_of
from jobs.models import Chunk, Worker
from jobs.models.states import ChunkState, WorkerState
from jobs.queue import dispatch as queue


@dataclass(frozen=True, slots=True)
class SeenWorker:
    """A worker with a heartbeat within the last hour.

    `state` is the state that it reports, or `silent`, `draining` or `drained`. A draining worker finishes its `leased`
    chunks and takes no more. A drained worker has none and can be stopped.
    """

    worker: Worker
    alive: bool
    leased: int

    @property
    def state(self) -> str:
        if self.worker.state != WorkerState.READY:
            return self.worker.state
        if not self.alive:
            return "silent"
        if self.worker.draining:
            return "draining" if self.leased else "drained"
        return self.worker.state


def workers_seen(model: str) -> list[SeenWorker]:
    seen = pace.workers_seen(model)
    leased = leased_by([worker.name for worker, _ in seen])
    return [SeenWorker(worker, alive, leased.get(worker.name, 0)) for worker, alive in seen]


def leased_by(names: Sequence[str]) -> dict[str, int]:
    """Return the number of leased chunks of each of these workers."""
    held = Chunk.objects.filter(state=ChunkState.LEASED, worker__in=names).values_list("worker")
    return dict(held.annotate(count=Count("id")).order_by())


@dataclass(frozen=True, slots=True)
class QueueOfModel:
    """A queue: `messages` in the broker, None if it is down, and the time when the `oldest` open chunk was sent.

    `owners` are (name, jobs, chunks, tokens), most tokens first.
    """

    model: str
    messages: int | None
    oldest: datetime | None
    owners: list[tuple[str, int, int, int]]
    workers: list[SeenWorker]

    @property
    def tokens(self) -> int:
        return sum(row[3] for row in self.owners)


def queues() -> list[QueueOfModel]:
    """Return the queue of every enabled model, with the open chunks of all queued and running jobs."""
    return [
        QueueOfModel(
            model=model,
            messages=_messages(model),
            oldest=_oldest(model),
            owners=_owners(model),
            workers=workers_seen(model),
        )
        for model in settings.E1_MODELS
    ]


def _messages(model: str) -> int | None:
    try:
        return sum(queue.queue_length(group.queue) for group in queue.groups_of(model, crew_of(model)))
    except queue.BROKER_ERRORS:
        return None


def _oldest(model: str) -> datetime | None:
    waiting = Chunk.objects.filter(model=model, state=ChunkState.READY, published_at__isnull=False)
    found: datetime | None = waiting.order_by("published_at").values_list("published_at", flat=True).first()
    return found


def _owners(model: str) -> list[tuple[str, int, int, int]]:
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT owner.username, count(*), sum(open.chunks), sum(open.tokens)
            FROM jobs_job job JOIN auth_user owner ON owner.id = job.owner_id
            CROSS JOIN LATERAL (
                SELECT count(*) AS chunks, coalesce(sum(n_tokens), 0) AS tokens FROM jobs_chunk
                WHERE job_id BETWEEN job.id AND job.id AND state IN ('ready', 'leased')
            ) open
            WHERE job.model = %s AND job.state IN ('queued', 'running') AND open.chunks > 0
            GROUP BY owner.username ORDER BY 4 DESC, 1
            """,
            [model],
        )
        rows: list[Any] = cursor.fetchall()
    return [(name, int(jobs), int(chunks), int(tokens)) for name, jobs, chunks, tokens in rows]
