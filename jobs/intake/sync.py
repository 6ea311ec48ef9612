"""Synchronous requests: a small job goes through the same queue, ahead of others, and the response waits for it."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.urls import reverse

from e1protocol import BOUNDARY_TOKENS, MODELS
from jobs.actions import get_action
from jobs.actions.columns import result_bytes
from jobs.errors import ServiceError, StillRunning, Unavailable
from jobs.fleet.centres import centre_name
from jobs.fleet.crew import Crew, crew_of
from jobs.intake.ingest import Request, Upload, job_put
from jobs.models import Chunk, Item, Job
from jobs.models.states import ChunkState, JobState
from jobs.parsing import Record
from jobs.queue import dispatch as queue
from jobs.queue.lifecycle import job_cancel
from jobs.queue.wakes import EARS
from jobs.quotas.admission import quota_foresee
from jobs.quotas.rules import Need
from jobs.results.items import check_answer_size, results_of
from jobs.web.places import ANSWERS, answer_in_turn

FIRST_PAUSE, LONGEST_PAUSE = 0.005, 0.1


class ItemsFailed(ServiceError):
    """Items of a synchronous request that failed; the job keeps the results of the others."""

    status_code = 500
    code = "items_failed"


def answer(*, owner: User, request: Request, records: Sequence[Record]) -> list[dict[str, Any]]:
    """Return results in the order of the records.

    Raises TooLarge `results_too_large`, TooManyRequests or TooLarge if the answer or the owner's quota does not allow
    the request; nothing is queued then. Raises Unavailable if no worker is alive or Redis is down, StillRunning with
    the job's URL after E1_SYNC_WAIT_SECONDS, and ItemsFailed if a result is missing.
    """
    columns = get_action(request.action).columns(request.params, MODELS[request.model])
    size = sum(result_bytes(columns, record.sequence) for record in records)
    check_answer_size(
        size,
        "Ask for fewer items or layers, or submit an asynchronous job to /api/jobs/ and download its results.",
    )
    crew = crew_of(request.model, owner_id=owner.pk)
    if not crew.alive:
        centre = centre_name(owner.pk)
        which = f"{request.model} for the cost centre {centre}" if centre else request.model
        raise Unavailable(
            f"no worker of {which} is alive; start one, or submit an asynchronous job, which waits for it",
            code="no_worker",
            retry_after=30,
        )
    admitted = quota_foresee(user_id=owner.pk, need=Need(stored_bytes=size, interactive=True))
    with ANSWERS.place(owner.pk):
        chunks: list[int] | None = None
        try:
            if _is_plain(request, records) and queue.nothing_waits(request.model, crew):
                chunks = []
        except queue.BROKER_ERRORS as error:
            raise _queue_unavailable() from error
        job = job_put(owner=owner, records=records, upload=Upload(request), admitted=admitted, published=chunks)
        with EARS.waiting(job.pk) as woken:
            if not _sent(job, crew, chunks) and not _is_taken(job):
                job_cancel(job_id=job.pk)
                raise _queue_unavailable()
            deadline = time.monotonic() + settings.E1_SYNC_WAIT_SECONDS
            heard = _wait(job, woken, deadline, trusting=True)
            answer_in_turn(owner.pk, size)
            results = results_of(job, range(job.total_items))
            if heard and len(results) < job.total_items:
                _wait(job, woken, deadline)
                results = results_of(job, range(job.total_items))
    if len(results) < job.total_items:
        _raise_failed(job)
    return [results[index] for index in range(job.total_items)]


def _sent(job: Job, crew: Crew, chunks: list[int] | None) -> bool:
    """Send the request to the workers: its `chunks` if they are known, else as the dispatcher chooses."""
    if not chunks:
        return queue.dispatch_quietly(job.model)
    tokens = job.total_residues + BOUNDARY_TOKENS * job.total_items
    return queue.publish_at_once(job.model, crew, chunks, tokens)


def _is_taken(job: Job) -> bool:
    """Return whether a worker has any of it. It may have the message though Redis's answer was lost."""
    return Chunk.objects.filter(job=job).exclude(state=ChunkState.READY).exists()


def _queue_unavailable() -> Unavailable:
    return Unavailable("the queue (Redis) does not answer", code="queue_unavailable", retry_after=10)


def _is_plain(request: Request, records: Sequence[Record]) -> bool:
    """Return whether the residues alone tell how long the request takes."""
    return not request.contexts and not any(record.context for record in records)


def _wait(job: Job, woken: threading.Event, deadline: float, *, trusting: bool = False) -> bool:
    """Wait until the job is closed. Its row is looked at when `woken` is set, and after growing pauses.

    While messages arrive, all pauses are long, so that looking takes no time from the worker. If `trusting`, return
    True once `woken` is set, without a look: the results show whether it was right. Raises StillRunning after the
    `deadline` of `time.monotonic`.
    """
    pause = FIRST_PAUSE
    while True:
        if woken.wait(LONGEST_PAUSE if EARS.hears else pause) and trusting:
            woken.clear()
            return True
        woken.clear()
        pause = min(LONGEST_PAUSE, 1.3 * pause)
        state = Job.objects.values_list("state", flat=True).get(pk=job.pk)
        if state in JobState.final():
            return False
        if time.monotonic() > deadline:
            url = reverse("job-detail", args=[job.pk])
            raise StillRunning(
                f"the answer takes longer than {settings.E1_SYNC_WAIT_SECONDS:g} s; the job goes on, fetch it at {url}",
                location=url,
            )


def _raise_failed(job: Job) -> None:
    url = reverse("job-detail", args=[job.pk])
    items = Item.objects.filter(job=job, error_code__isnull=False).order_by("index")
    failed = list(items.values_list("index", "error"))
    if not failed:
        raise Unavailable("the job was cancelled before it was computed", code="cancelled", location=url)
    reasons = "; ".join(f"items.{index}: {error[0]['message']}" for index, error in failed if error)
    raise ItemsFailed(f"{len(failed)} of {job.total_items} items failed: {reasons}", location=url)
