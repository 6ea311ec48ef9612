"""Transitions of jobs from state to state. Repeating one is harmless."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Case, F, OuterRef, Q, Value, When
from django.db.models.functions import Coalesce, Now

from e1protocol import MODELS
from jobs import database
from jobs.actions import get_action
from jobs.actions.columns import result_bytes
from jobs.errors import Conflict, InvalidInput, Problem
from jobs.fleet.centres import centre_of
from jobs.library.chunking import JOB_GROUP, ContextRef, ItemCost, plan_again
from jobs.library.chunks import chunks_copy
from jobs.library.contexts import contexts_let_go
from jobs.library.removal import job_rows_delete
from jobs.limits import MAX_JOB_NAME
from jobs.models import Chunk, Item, Job
from jobs.models.states import ChunkState, JobState
from jobs.queue.progress import job_counts, tallied_sums
from jobs.queue.signals import job_closed
from jobs.queue.tallies import tally_advance_locked, tally_forget
from jobs.queue.units import groups_release, units_forget, units_missing_tokens, units_retry
from jobs.queue.wakes import closed_say
from jobs.quotas.admission import quota_admit, quota_lock
from jobs.quotas.rules import Need
from jobs.quotas.usage import stored_bytes_of, unit_bytes_of

PAGE = 2048
"""Rows read at a time."""


def job_finalise(*, job_id: UUID) -> bool:
    """Close a job that has no open chunk left; return True if this call closed it.

    Call it after a chunk's commit: inside that transaction two last workers would miss each other's chunk. The job's
    row lock makes concurrent calls take turns, and counts are read under it.
    """
    with transaction.atomic():
        return any(job_close_locked(job) for job in jobs_lock([job_id]))


def jobs_lock(job_ids: Collection[UUID]) -> list[Job]:
    """Lock the rows of these jobs, in one order, until the caller's transaction ends, and return those that exist."""
    return list(Job.objects.select_for_update().filter(pk__in=job_ids).order_by("pk")) if job_ids else []


def job_close_locked(job: Job) -> bool:
    """Do what `job_finalise` does, for a caller that has locked the job before it changed a chunk."""
    if job.state not in JobState.closable():
        return False
    if job.state == JobState.CANCELLING:
        _cancel_ready(job.pk)  # A worker may have returned chunks since.
    tally, is_open = tally_advance_locked(job_id=job.pk)
    if is_open:
        return False
    counts = job_counts(job, tallied_sums(tally))
    job.state = _final_state(job.state, counts)
    job.finished_at = Now()
    if job.unit_positions is not None and job.state == JobState.SUCCEEDED:
        units_forget(job_id=job.pk, group=JOB_GROUP)
    job.stored_bytes = job.library_bytes + tally.n_bytes + (unit_bytes_of(job.pk) if job.total_units else 0)
    term = _term(job)
    job.expires_at = None if term is None else Now() + term
    job.save(update_fields=["state", "finished_at", "stored_bytes", "expires_at"])
    job_closed.send(Job, job=job)
    if job.interactive:
        transaction.on_commit(partial(closed_say, job.pk))
    return True


def _term(job: Job) -> timedelta | None:
    """Return how long a closed job's results stay; None means for ever."""
    if job.interactive and settings.E1_SYNC_RETENTION_HOURS:
        return timedelta(hours=settings.E1_SYNC_RETENTION_HOURS)
    return timedelta(days=settings.E1_RETENTION_DAYS) if settings.E1_RETENTION_DAYS else None


def _final_state(state: str, counts: dict[str, int]) -> JobState:
    """Return the state of a closed job. Skipped items don't make it partial: the user asked to skip them."""
    if state == JobState.CANCELLING:
        return JobState.CANCELLED
    if counts["failed"] == counts["cancelled"] == 0:
        return JobState.SUCCEEDED
    return JobState.PARTIAL if counts["succeeded"] else JobState.FAILED


def _cancel_ready(job_id: UUID) -> None:
    """Cancel ready chunks. The caller holds the lock of a job that is cancelling."""
    Chunk.objects.filter(job_id=job_id, state=ChunkState.READY).update(
        state=ChunkState.CANCELLED, published_at=None, finished_at=Now()
    )


def job_cancel(*, job_id: UUID) -> None:
    """Cancel a job's ready chunks at once; leased ones finish their bundle and keep their results.

    Cancelling twice is fine. Raises Conflict if the job has ended or its upload is still being read.
    """
    with transaction.atomic():
        job = Job.objects.select_for_update().get(pk=job_id)
        if job.state in JobState.final():
            raise Conflict(f"the job is over: it is {job.state}", code="job_is_over")
        if job.state == JobState.VALIDATING:
            raise Conflict("the upload is still being read; break it off to cancel it", code="job_is_validating")
        job.state = JobState.CANCELLING
        job.save(update_fields=["state"])
        _cancel_ready(job_id)
    job_finalise(job_id=job_id)


def job_pause(*, job_id: UUID) -> None:
    """Hand out no further chunk; leased ones finish. Raises Conflict unless the job is queued or running."""
    state = _move(job_id, JobState.claimable(), state=JobState.PAUSED)
    if state not in (None, JobState.PAUSED):
        raise Conflict(f"only a queued or running job can be paused; this one is {state}", code="not_running")


def job_resume(*, job_id: UUID) -> None:
    """Move `paused -> queued`; the first claim makes the job running again. Raises Conflict if it has ended."""
    state = _move(job_id, (JobState.PAUSED,), state=JobState.QUEUED, touched_at=Now(), held=False)
    if state is None:
        job_finalise(job_id=job_id)
    elif state not in JobState.claimable():
        raise Conflict(f"only a paused job can be resumed; this one is {state}", code="not_paused")


def jobs_follow_owners() -> None:
    """Pause the jobs of deactivated users, and resume those that were paused so and whose owners are back.

    It changes nothing when repeated. A job without an open chunk is closed by the reaper.
    """
    Job.objects.filter(state__in=JobState.claimable(), owner__is_active=False).update(state=JobState.PAUSED, held=True)
    Job.objects.filter(state=JobState.PAUSED, held=True, owner__is_active=True).update(
        state=JobState.QUEUED, touched_at=Now(), held=False
    )


def _move(job_id: UUID, states: Sequence[JobState], **changes: Any) -> str | None:
    """Change a job that is in one of these states; return None, or the state that it is in instead."""
    if Job.objects.filter(pk=job_id, state__in=states).update(**changes):
        return None
    return Job.objects.values_list("state", flat=True).get(pk=job_id)


def job_retry(*, job_id: UUID) -> int:
    """Queue the failed items of a closed job again, in new chunks, and return how many.

    Raises Conflict if the job has not ended or has no failed item. Raises TooManyRequests or TooLarge if the owner's
    quota does not allow the job to become active again.
    """
    owner_id = Job.objects.values_list("owner_id", flat=True).get(pk=job_id)
    with transaction.atomic():
        quota_lock(user_id=owner_id)
        job = Job.objects.select_for_update().get(pk=job_id)
        if job.state not in (JobState.PARTIAL, JobState.FAILED, JobState.CANCELLED):
            raise Conflict(
                f"only a closed job with failed items can be retried; this one is {job.state}", code="not_over"
            )
        costs, expected = _failed_items(job)
        if not costs:
            raise Conflict("the job has no failed items; skipped ones need a corrected file", code="nothing_failed")
        long, shared = get_action(job.action).long, job.unit_positions is not None
        contexts = list(job.contexts.order_by("position").values_list("context__tokens", flat=True))
        plans = plan_again(costs, context_tokens=contexts, long=long, shared=shared)
        groups = [] if not long else [JOB_GROUP] if shared else [cost.index for cost in costs]
        tokens = sum(plan.tokens for plan in plans) + units_missing_tokens(job_id=job_id, groups=groups)
        quota_admit(user_id=owner_id, model=job.model, need=Need(tokens=tokens, stored_bytes=expected))
        tally_forget(job_id=job_id)
        _put_into(job_id, chunks_copy(job, plans))
        units_retry(job_id=job_id, groups=groups)
        job.state, job.finished_at, job.touched_at, job.expires_at = JobState.QUEUED, None, Now(), None
        job.stored_bytes += expected
        job.save(update_fields=["state", "finished_at", "touched_at", "expires_at", "stored_bytes"])
    groups_release(job_id=job_id)
    return len(costs)


def _failed_items(job: Job) -> tuple[list[ItemCost], int]:
    """Return the costs of the job's failed items, in order, and the bytes that their results take."""
    failed = Item.objects.filter(job_id=job.pk, error_code__isnull=False, chunk__isnull=False).order_by("index")
    columns = get_action(job.action).columns(job.params, MODELS[job.model])
    costs, size = [], 0
    rows = failed.values_list("index", "sequence", "context_id", "context__tokens")
    last = -1
    while page := list(rows.filter(index__gt=last)[:PAGE]):
        for index, sequence, context, tokens in page:
            size += result_bytes(columns, sequence)
            costs.append(ItemCost(index, len(sequence), ContextRef(context, tokens) if context else None))
        last = page[-1][0]
    return costs, size


def _put_into(job_id: UUID, chunk_of: Mapping[int, int]) -> None:
    """Move items into other chunks and clear their errors. Chunks without a remaining item are deleted."""
    left = database.rows(
        """
            WITH moved AS (SELECT * FROM unnest(%s::int[], %s::bigint[]) AS moved (index, chunk_id)),
            left_behind AS (
                SELECT DISTINCT item.chunk_id FROM jobs_item item JOIN moved ON moved.index = item.index
                WHERE item.job_id = %s
            ),
            items AS (
                UPDATE jobs_item item SET chunk_id = moved.chunk_id, error_code = NULL, error = NULL
                FROM moved WHERE item.job_id = %s AND item.index = moved.index
            )
            UPDATE jobs_chunk SET n_items = n_succeeded, n_failed = 0
            FROM left_behind WHERE jobs_chunk.id = left_behind.chunk_id RETURNING jobs_chunk.id, n_items
            """,
        [list(chunk_of), list(chunk_of.values()), job_id, job_id],
    )
    Chunk.objects.filter(id__in=[chunk_id for chunk_id, n_items in left if not n_items]).delete()


def job_rename(*, job_id: UUID, name: str) -> None:
    """Rename the job; an empty name is none. Raises InvalidInput `bad_name`."""
    check_name(name)
    Job.objects.filter(pk=job_id).update(name=name)


def check_name(name: object) -> str:
    """Return the name if a job may have it. Raises InvalidInput `bad_name`."""
    if not isinstance(name, str) or len(name) > MAX_JOB_NAME or not name.isprintable():
        text = f"name must be printable text of at most {MAX_JOB_NAME} characters"
        raise InvalidInput.of(Problem("bad_name", text, path="name"))
    return name


def job_delete(*, job_id: UUID) -> int:
    """Delete a job, every row that refers to it, and the contexts that nothing else names; return the freed bytes.

    Workers that hold leases of it can write nothing more.
    """
    with transaction.atomic():
        # The row lock keeps a completing worker out until the whole job is gone.
        job = Job.objects.select_for_update().filter(pk=job_id).first()
        freed = stored_bytes_of(job) if job is not None else 0
        database.execute("SELECT id FROM jobs_chunk WHERE job_id = %s ORDER BY id FOR UPDATE", [job_id])
        contexts = job_rows_delete(job_id=job_id)
        database.execute("DELETE FROM jobs_job WHERE id = %s", [job_id])
        return freed + contexts_let_go(contexts)


@contextmanager
def deleted_on_error(job: Job) -> Iterator[None]:
    """Delete the job if its intake raises."""
    try:
        yield
    except BaseException:
        job_delete(job_id=job.pk)
        raise


def jobs_mark_running(*, chunk_ids: Sequence[int], precision: str = "", cost_centre: str = "") -> None:
    """Move `queued -> running` for the jobs of ready chunks that are about to be claimed.

    Jobs without a precision get that of the worker. Those of another precision stay as they are, and so do those that
    workers of another cost centre compute.
    """
    # Every transaction that locks both locks jobs before chunks, so that none deadlocks.
    ready = Chunk.objects.filter(pk__in=chunk_ids, state=ChunkState.READY).values("job_id")
    jobs = Job.objects.filter(pk__in=ready, state__in=JobState.claimable())
    jobs = jobs.alias(centre=centre_of(OuterRef("owner_id"))).filter(centre=cost_centre)
    if precision:
        jobs = jobs.filter(precision__in=precisions_for(precision))
    jobs.filter(Q(state=JobState.QUEUED) | Q(precision="") & ~Q(precision=precision)).update(
        state=JobState.RUNNING,
        started_at=Coalesce("started_at", Now()),
        precision=Case(When(precision="", then=Value(precision)), default=F("precision")),
    )


def precisions_for(precision: str) -> list[str]:
    """Return the precisions of jobs that a worker of this precision may compute."""
    return ["", Job.ANY_PRECISION, precision]


def job_release(*, job_id: UUID) -> None:
    """Let workers of any precision compute the rest of a job. Finished results stay.

    Doing it twice is fine. Raises Conflict if the job has ended, or no precision is fixed yet.
    """
    job = Job.objects.filter(pk=job_id, state__in=JobState.unfinished()).exclude(precision="")
    if not job.update(precision=Job.ANY_PRECISION):
        raise Conflict(
            "only an unfinished job whose precision is fixed can be released to workers of any precision",
            code="not_bound",
        )
