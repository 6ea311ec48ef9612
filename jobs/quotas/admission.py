"""Acceptance under the owner's quota: one submission after the other, so that all together never exceed it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.conf import settings
from django.db import connection

from jobs.errors import Conflict, Problem, TooManyRequests
from jobs.fleet import pace
from jobs.limits import MAX_ATTACHMENTS
from jobs.models import Assay, Job, Quota, Structure
from jobs.quotas import usage
from jobs.quotas.rules import JOB_RETRY_SECONDS, Amounts, Need, refusal, storage_refusal


def quota_lock(*, user_id: int) -> Amounts:
    """Lock the user's quota until the caller's transaction ends, and give its limits. The row is made where it is
    missing: without one there would be nothing to take turns at.

    Every transaction that also locks a job takes this lock first.
    """
    if not connection.in_atomic_block:
        raise AssertionError("a quota is locked inside the transaction that it guards")
    Quota.objects.bulk_create([Quota(user_id=user_id)], ignore_conflicts=True)
    return usage.limits_from(Quota.objects.select_for_update().get(pk=user_id))


def quota_admit(*, user_id: int, model: str, need: Need) -> None:
    """Hold what the caller is about to accept against the user's quota, inside the caller's transaction.

    Raises TooManyRequests where waiting helps, TooLarge where it does not (`jobs.quotas.rules`).
    """
    if not usage.limits_of(user_id).any:
        return
    limits = quota_lock(user_id=user_id)
    rate = pace.pace_of(model).rate if limits.queued_tokens else None
    refused = refusal(limits, usage.use_of(user_id), need, rate)
    if refused is not None:
        raise refused


def quota_admit_bytes(*, user_id: int, size: int) -> None:
    """Hold what is laid beside a job against the user's storage, inside the caller's transaction.

    Raises TooLarge where there is no room.
    """
    if not usage.limits_of(user_id).stored_bytes:
        return
    refused = storage_refusal(quota_lock(user_id=user_id), usage.use_of(user_id), Need(stored_bytes=size))
    if refused is not None:
        raise refused


def quota_admit_work(*, user_id: int) -> None:
    """Hold one more analysis, or count of neighbours, against the user's unfinished ones, inside the caller's
    transaction. Raises TooManyRequests `quota_background`.
    """
    most = settings.E1_QUOTA_BACKGROUND
    if not most:
        return
    quota_lock(user_id=user_id)
    if (unfinished := usage.background_of(user_id)) < most:
        return
    what = f"{unfinished:,} of your analyses and counts of neighbours are not finished, and you may have {most:,}"
    remedy = "Wait until one ends, or cancel an analysis."
    problem = Problem("quota_background", what, remedy)
    raise TooManyRequests(
        f"{what}. {remedy[:-1]}", code=problem.code, problems=[problem], retry_after=JOB_RETRY_SECONDS
    )


@contextmanager
def quota_bytes_within(*, user_id: int) -> Iterator[None]:
    """What the block stores is held against the user's storage as it is counted afterwards, inside the caller's
    transaction. Raises TooLarge where there is no room: the caller's transaction is undone.
    """
    if not usage.limits_of(user_id).stored_bytes:
        yield
        return
    limits, before = quota_lock(user_id=user_id), usage.use_of(user_id)
    yield
    added = usage.use_of(user_id).stored_bytes - before.stored_bytes
    refused = storage_refusal(limits, before, Need(stored_bytes=added)) if added > 0 else None
    if refused is not None:
        raise refused


def quota_look(*, user_id: int, key: str | None = None, interactive: bool = False) -> None:
    """Before a body is read: refuse what cannot be accepted whatever is in it. Locks nothing; acceptance has the last
    word. A repeated Idempotency-Key is let through: its answer is the job that is there.
    """
    if not (key and Job.objects.filter(owner_id=user_id, idempotency_key=key).exists()):
        quota_foresee(user_id=user_id, need=Need(stored_bytes=1, interactive=interactive))


def quota_foresee(*, user_id: int, need: Need) -> None:
    """While a body is read: refuse it as soon as what has come of it is too much. Locks nothing."""
    limits = usage.limits_of(user_id)
    if not limits.any:
        return
    refused = refusal(limits, usage.use_of(user_id), need)
    if refused is not None:
        raise refused


def quota_admit_attachment(job: Job, kind: type[Assay] | type[Structure], size: int) -> None:
    """Hold an assay or a structure against its owner's storage and its job's limit, inside the caller's transaction.

    Raises Conflict `too_many_attachments`, and what `quota_admit_bytes` raises.
    """
    rows: Any = kind
    quota_admit_bytes(user_id=job.owner_id, size=size)
    Job.objects.select_for_update().get(pk=job.pk)  # two uploads at once are counted one after the other
    if rows.objects.filter(job=job).count() >= MAX_ATTACHMENTS:
        raise Conflict(f"a job holds at most {MAX_ATTACHMENTS} of these; delete one first", code="too_many_attachments")
