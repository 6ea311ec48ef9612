"""Acceptance under the owner's quota. Submissions take turns, so that together they never exceed it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.conf import settings
from django.db import connection

from jobs.errors import Conflict, Problem, ServiceError, TooManyRequests
from jobs.fleet.centres import centre_name
from jobs.fleet.pools import fleet_of
from jobs.limits import MAX_ATTACHMENTS
from jobs.metering.selectors import budget_check
from jobs.models import Annotation, Assay, Job, Quota, Structure
from jobs.quotas import usage
from jobs.quotas.rules import JOB_RETRY_SECONDS, Amounts, Need, refusal, storage_refusal, with_need
from jobs.web.disk import disk_check

WEB_PROCESSES = 2
"""As e1site.stack.parts.web starts them."""
PLENTY = 0.9
"""Share of the storage up to which the remembered sum of stored bytes is good enough."""


def quota_lock(*, user_id: int) -> Amounts:
    """Lock the user's quota until the caller's transaction ends, and return its limits.

    A transaction that also locks a job takes this lock first.
    """
    if not connection.in_atomic_block:
        raise AssertionError("a quota is locked inside the transaction that it guards")
    rows = Quota.objects.select_for_update().filter(pk=user_id)
    if (own := rows.first()) is None:
        Quota.objects.bulk_create([Quota(user_id=user_id)], ignore_conflicts=True)
        own = rows.get()
    return usage.limits_from(own)


def quota_hold(*, user_id: int) -> Amounts:
    """Return the user's limits, and lock the quota if there are any, until the caller's transaction ends.

    A transaction that also locks contexts or a job takes this lock first.
    """
    if usage.default_limits().any:  # nearly everyone has limits then, which the lock reads
        return quota_lock(user_id=user_id)
    limits = usage.limits_of(user_id)
    return quota_lock(user_id=user_id) if limits.any else limits


def quota_admit(*, user_id: int, model: str, need: Need, held: Amounts | None = None) -> None:
    """Check a submission against the user's quota, inside the transaction that accepts it.

    `held` is what `quota_hold` returned in this transaction, if it was called. Raises TooManyRequests if waiting helps,
    else TooLarge (`jobs.quotas.rules`). Raises Unavailable `disk_nearly_full`, BudgetUsedUp.
    """
    budget_check(user_id)
    limits = usage.limits_of(user_id) if held is None else held
    if not need.interactive:
        disk_check(need.stored_bytes)
    if not limits.any:
        return
    if need.interactive and _has_plenty(limits, usage.limits_and_use(user_id, interactive=True)[1], need):
        return
    if held is None:
        limits = quota_lock(user_id=user_id)
    use = usage.use_of(user_id)
    usage.seen_note(user_id, limits, use)
    if refused := refusal(limits, use, need):
        # Only a refusal says how long to wait.
        rate = fleet_of(model, cost_centre=centre_name(user_id)).whole.rate if limits.queued_tokens else None
        _raise(refusal(limits, use, need, rate) or refused)
    usage.stored_remember(user_id, use.stored_bytes + need.stored_bytes)
    if not need.interactive:  # A synchronous request is over when it is answered.
        usage.seen_note(user_id, limits, with_need(use, need))


def quota_admit_bytes(*, user_id: int, size: int) -> None:
    """Check bytes against the user's storage, inside the transaction that stores them. Raises TooLarge, Unavailable."""
    disk_check(size)
    if not usage.limits_of(user_id).stored_bytes:
        return
    _raise(storage_refusal(quota_lock(user_id=user_id), usage.use_of(user_id), Need(stored_bytes=size)))


def quota_admit_work(*, user_id: int) -> None:
    """Check one more analysis, count, model or file of predictions against the limit.

    The caller's transaction adds it. Raises TooManyRequests `quota_background`.
    """
    most = settings.E1_QUOTA_BACKGROUND
    if not most:
        return
    quota_lock(user_id=user_id)
    if (unfinished := usage.background_of(user_id)) < most:
        return
    kinds = "analyses, counts of neighbours, models and predictions"
    what = f"{unfinished:,} of your {kinds} are not finished, and you may have {most:,}"
    remedy = "Wait until one ends, or cancel an analysis or a file of predictions."
    problem = Problem("quota_background", what, remedy)
    raise TooManyRequests(
        f"{what}. {remedy[:-1]}", code=problem.code, problems=[problem], retry_after=JOB_RETRY_SECONDS
    )


@contextmanager
def quota_bytes_within(*, user_id: int) -> Iterator[None]:
    """Check what the block stores, counted afterwards, against the user's storage, inside the caller's transaction.

    Raises TooLarge, which rolls that transaction back.
    """
    if not usage.limits_of(user_id).stored_bytes:
        yield
        return
    limits, before = quota_lock(user_id=user_id), usage.use_of(user_id)
    yield
    added = usage.use_of(user_id).stored_bytes - before.stored_bytes
    if added > 0:
        _raise(storage_refusal(limits, before, Need(stored_bytes=added)))


def quota_look(*, user_id: int, key: str | None = None) -> None:
    """Refuse a submission before its body is read, if no body can be accepted. Acceptance checks again under a lock.

    A repeated Idempotency-Key passes: its answer is the existing job.
    """
    if not (key and Job.objects.filter(owner_id=user_id, idempotency_key=key).exists()):
        quota_foresee(user_id=user_id, need=Need(stored_bytes=1))


def quota_foresee(*, user_id: int, need: Need) -> bool:
    """Refuse a submission while its body is read, as soon as it exceeds the quota or the disk. Takes no lock.

    Return whether it is sure to be admitted, also if other requests come meanwhile. Raises BudgetUsedUp as well.
    """
    budget_check(user_id)
    if not need.interactive:
        disk_check()
    limits, use = usage.limits_and_use(user_id, interactive=need.interactive)
    usage.seen_note(user_id, limits, use)
    if not limits.any or (need.interactive and _has_plenty(limits, use, need)):
        return True
    if limits.stored_bytes and use.stored_bytes + need.stored_bytes > PLENTY * limits.stored_bytes:
        use = usage.use_of(user_id)
        usage.seen_note(user_id, limits, use)
    _raise(refusal(limits, use, need))
    return False


def _has_plenty(limits: Amounts, use: Amounts, need: Need) -> bool:
    """Return whether the user's limits would still hold if all synchronous requests came at once.

    Then it needs neither the lock nor the sums over all that the user stores.
    """
    at_once = WEB_PROCESSES * settings.E1_USER_SYNC_REQUESTS
    return (not limits.sync_requests or use.sync_requests + at_once < limits.sync_requests) and (
        not limits.stored_bytes or use.stored_bytes + at_once * need.stored_bytes < PLENTY * limits.stored_bytes
    )


def _raise(refused: ServiceError | None) -> None:
    if refused is not None:
        raise refused


def quota_admit_attachment(
    job: Job, kind: type[Assay] | type[Structure] | type[Annotation], size: int, *, user_id: int
) -> None:
    """Hold an attachment against the user's storage and its job's limit, inside the caller's transaction.

    Raises Conflict `too_many_attachments`, and what `quota_admit_bytes` raises.
    """
    rows: Any = kind
    quota_admit_bytes(user_id=user_id, size=size)
    Job.objects.select_for_update().get(pk=job.pk)  # two uploads at once are counted one after the other
    if rows.objects.filter(job=job).count() >= MAX_ATTACHMENTS:
        raise Conflict(f"a job holds at most {MAX_ATTACHMENTS} of these; delete one first", code="too_many_attachments")
