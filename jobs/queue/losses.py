"""Chunks without an answer: their worker was lost, or their lease has expired (`docs/states.md`).

A lost bundle splits into chunks and a lost chunk into items. Only losses while running alone count; MAX_LOSSES of them
fail the item. Chunks that were claimed but not begun go back unchanged.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Now

from e1protocol.costs import Load
from jobs.errors import Problem
from jobs.fleet.workers import worker_failed
from jobs.library.chunking import ContextRef, ItemCost, items_load, plan_together
from jobs.models import Chunk, Item, Job, JobContext
from jobs.models.states import ChunkState, JobState
from jobs.queue.lifecycle import job_finalise
from jobs.queue.units import groups_release

MAX_LOSSES = 3
MAX_BACKOFF_SECONDS = 60


def back_off(losses: int) -> timedelta:
    """Return the pause before a chunk that was lost this often is ready again."""
    return timedelta(seconds=min(MAX_BACKOFF_SECONDS, 2**losses))


def worker_error(error: Exception) -> Problem:
    """Return the problem of an item that made its worker raise."""
    return Problem(
        "worker_error",
        f"the worker failed on this item: {type(error).__name__}: {str(error)[:300]}",
        "Retry the failed items; if it fails again, look into the worker's log and report it.",
    )


def lease_lost(*, token: UUID, reason: Problem) -> None:
    """Take back the chunks that still hold this token: their attempt ended without an answer."""
    _lose(Q(lease_token=token), reason)


def leases_reap(*, limit: int = 500) -> int:
    """Take back leases that have expired by the database's clock, and return how many chunks that were."""
    reason = Problem(
        "worker_lost",
        "the worker process died or hung while it computed this item",
        "Retry the failed items; if one fails again and again, look at its length and at the worker's log.",
    )
    return _lose(Q(lease_end__lt=Now()), reason, limit=limit)


def chunks_give_back(which: Q) -> int:
    """Make leased chunks ready again as if they had never been claimed, and return how many."""
    return Chunk.objects.filter(which, state=ChunkState.LEASED).update(
        state=ChunkState.READY, lease_token=None, lease_end=None, worker="", published_at=None
    )


def _lose(which: Q, reason: Problem, limit: int = 500) -> int:
    """Make chunks ready again after a pause, split them, or fail an item that was lost alone too often."""
    with transaction.atomic():
        lost = list(
            Chunk.objects.select_for_update(skip_locked=True)
            .filter(which, state=ChunkState.LEASED)
            .order_by("id")[:limit]
        )
        states = dict(Job.objects.filter(pk__in={chunk.job_id for chunk in lost}).values_list("pk", "state"))
        cancelling = {job_id for job_id, state in states.items() if state == JobState.CANCELLING}
        untouched = {chunk.pk for chunk in lost if not chunk.begun and chunk.job_id not in cancelling}
        chunks_give_back(Q(pk__in=untouched))
        for chunk in lost:
            if chunk.pk not in untouched:
                _lose_one(chunk, reason, cancelled=chunk.job_id in cancelling)
    for name in {chunk.worker for chunk in lost if chunk.begun}:
        worker_failed(name=name, reason=reason.message)
    for job_id in states:
        groups_release(job_id=job_id)
        job_finalise(job_id=job_id)
    return len(lost)


def _lose_one(chunk: Chunk, reason: Problem, *, cancelled: bool) -> None:
    chunk.lease_token = chunk.lease_end = chunk.published_at = None
    chunk.last_error = reason.message[:500]
    if cancelled:
        chunk.state = ChunkState.CANCELLED
    elif chunk.alone and chunk.n_items + chunk.unit_count > 1:
        _split(chunk)
        return
    else:
        chunk.state = ChunkState.READY
        chunk.isolate = True
        chunk.losses += chunk.alone
        if chunk.losses >= MAX_LOSSES:
            _fail(chunk, reason)
            return
        chunk.not_before = Now() + back_off(chunk.losses)
    chunk.save()


def _split(chunk: Chunk) -> None:
    """Replace a chunk that was lost alone by one chunk per item or unit, so that a bad one fails alone."""
    for part in _unit_parts(chunk) if chunk.unit_count else _item_parts(chunk):
        single = Chunk.objects.create(
            job_id=chunk.job_id,
            model=chunk.model,
            attempts=chunk.attempts,
            isolate=True,
            last_error=chunk.last_error,
            group=chunk.group,
            **part,
        )
        if single.n_items:
            Item.objects.filter(job_id=chunk.job_id, index=single.first_index).update(chunk=single)
    chunk.delete()


def _item_parts(chunk: Chunk) -> Iterator[dict[str, int]]:
    shared = JobContext.objects.filter(job_id=chunk.job_id).order_by("position")
    context_tokens = list(shared.values_list("context__tokens", flat=True))
    for item in Item.objects.filter(chunk_id=chunk.id).select_related("context").order_by("index"):
        context = ContextRef(item.context.pk, item.context.tokens) if item.context else None
        if chunk.group is None:
            load = items_load([ItemCost(item.index, len(item.sequence), context)], context_tokens)
        else:
            load = plan_together([item.index], group=chunk.group).load
        yield {"first_index": item.index, "n_items": 1, **_columns(load)}


def _unit_parts(chunk: Chunk) -> Iterator[dict[str, int]]:
    load = Load(chunk.n_tokens, chunk.n_attended, chunk.n_passes).times(1 / chunk.unit_count)
    same = {"first_index": chunk.first_index, "n_items": 0, **_columns(load), "unit_count": 1}
    for unit in range(chunk.unit_first, chunk.unit_first + chunk.unit_count):
        yield {**same, "unit_first": unit}


def _columns(load: Load) -> dict[str, int]:
    return {"n_tokens": max(1, load.tokens), "n_attended": load.attended, "n_passes": load.passes}


def _fail(chunk: Chunk, reason: Problem) -> None:
    chunk.state = ChunkState.FAILED
    chunk.n_failed = chunk.n_items
    if chunk.unit_count:
        chunk.unit_errors = {str(chunk.unit_first): reason.as_dict()}
    chunk.finished_at = Now()
    chunk.save()
    Item.objects.filter(chunk_id=chunk.id).update(error_code=reason.code, error=[reason.as_dict()])
