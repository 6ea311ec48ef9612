"""Quotas of users, and refusals of submissions. Pure; `jobs.quotas.usage` reads the numbers.

If waiting helps, a refusal is 429 `quota_active_jobs`, `quota_sync_requests` or `quota_queued_tokens`. If something
must be deleted first it is 413 `quota_stored_bytes`, and if even that doesn't help, `too_large_for_quota`.

Synchronous requests have their own limit. Their tokens and bytes count, but neither active jobs nor queued tokens
refuse one: a user's batch jobs never make them wait (docs/sharing.md).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, fields

from jobs.errors import ServiceError, TooLarge, TooManyRequests

UNITS = {
    "active_jobs": "concurrent-requests",
    "sync_requests": "concurrent-requests",
    "queued_tokens": "e1-tokens",
    "stored_bytes": "content-bytes",
}
"""Units of the RateLimit fields; `e1-tokens` is ours, the draft registers the others."""

JOB_RETRY_SECONDS = 30
SYNC_RETRY_SECONDS = 2
SHORTEST_RETRY, LONGEST_RETRY = 5, 3600


@dataclass(frozen=True, slots=True)
class Amounts:
    """Numbers by quota: limits (0 means none) or use."""

    active_jobs: int = 0
    sync_requests: int = 0
    queued_tokens: int = 0
    stored_bytes: int = 0

    def __iter__(self) -> Iterator[tuple[str, int]]:
        return ((one.name, getattr(self, one.name)) for one in fields(self))

    @property
    def any(self) -> bool:
        """Whether any number is not 0."""
        return any(number for _, number in self)


@dataclass(frozen=True, slots=True)
class Need:
    """What a submission would add to the queue, the storage and the active jobs (0 if it extends an active one)."""

    tokens: int = 0
    stored_bytes: int = 0
    interactive: bool = False
    jobs: int = 1


def with_need(use: Amounts, need: Need) -> Amounts:
    """Return what is in use once a submission of a job is accepted."""
    return Amounts(
        use.active_jobs + need.jobs,
        use.sync_requests,
        use.queued_tokens + need.tokens,
        use.stored_bytes + need.stored_bytes,
    )


def left(limits: Amounts, use: Amounts, name: str) -> int | None:
    """Return what is left of a quota, at least 0; None if it has no limit."""
    limit: int = getattr(limits, name)
    return max(0, limit - getattr(use, name)) if limit else None


def refusal(limits: Amounts, use: Amounts, need: Need, rate: float | None = None) -> ServiceError | None:
    """Return why a submission is refused, or None. `rate`, in tokens per second, gives the time to wait."""
    refused = _too_large(limits, need) or storage_refusal(limits, use, need)
    if refused is None:
        refused = _sync_requests(limits, use) if need.interactive else _batch(limits, use, need, rate)
    return refused


def _too_large(limits: Amounts, need: Need) -> ServiceError | None:
    over = []
    if limits.queued_tokens and need.tokens > limits.queued_tokens and not need.interactive:
        over.append(f"{need.tokens:,} tokens, and you may queue {limits.queued_tokens:,}")
    if limits.stored_bytes and need.stored_bytes > limits.stored_bytes:
        over.append(f"{need.stored_bytes:,} bytes of storage, and you may keep {limits.stored_bytes:,}")
    if not over:
        return None
    text = f"the job takes {'; '.join(over)}. Split the library, ask for smaller results, or ask for a larger quota"
    return TooLarge(text, code="too_large_for_quota")


def storage_refusal(limits: Amounts, use: Amounts, need: Need) -> ServiceError | None:
    """Return why the bytes of `need` can't be stored, or None."""
    if not limits.stored_bytes or use.stored_bytes + need.stored_bytes <= limits.stored_bytes:
        return None
    # A full storage refuses before the submission is read, when its size is unknown.
    added = f", and this one would add {need.stored_bytes:,}" if use.stored_bytes < limits.stored_bytes else " already"
    text = (
        f"your jobs keep {use.stored_bytes:,} of {limits.stored_bytes:,} bytes{added}. "
        "Delete jobs that you do not need any more; waiting alone does not help"
    )
    return TooLarge(text, code="quota_stored_bytes")


def _batch(limits: Amounts, use: Amounts, need: Need, rate: float | None) -> ServiceError | None:
    if limits.active_jobs and need.jobs and use.active_jobs + need.jobs > limits.active_jobs:
        text = (
            f"{use.active_jobs:,} of your jobs are not finished, and you may have {limits.active_jobs:,}. "
            "Wait until one ends, or cancel one; paused jobs count"
        )
        return TooManyRequests(text, code="quota_active_jobs", retry_after=JOB_RETRY_SECONDS)
    over = use.queued_tokens + need.tokens - limits.queued_tokens
    if limits.queued_tokens and over > 0:
        text = (
            f"{use.queued_tokens:,} tokens of yours are queued, this job has {need.tokens:,}, and you may queue "
            f"{limits.queued_tokens:,}. Wait until some are computed, or cancel a job; paused jobs count"
        )
        seconds = math.ceil(over / rate) if rate else JOB_RETRY_SECONDS
        wait = min(LONGEST_RETRY, max(SHORTEST_RETRY, seconds))
        return TooManyRequests(text, code="quota_queued_tokens", retry_after=wait)
    return None


def _sync_requests(limits: Amounts, use: Amounts) -> ServiceError | None:
    if not limits.sync_requests or use.sync_requests + 1 <= limits.sync_requests:
        return None
    text = (
        f"{use.sync_requests:,} synchronous requests of yours are not answered yet, and you may have "
        f"{limits.sync_requests:,} at once. Send the next one when one is answered, or submit a job"
    )
    return TooManyRequests(text, code="quota_sync_requests", retry_after=SYNC_RETRY_SECONDS)


def rate_limit_fields(
    limits: Amounts, use: Amounts, *, interactive: bool, retry_after: int | None = None, refused: str = ""
) -> dict[str, str]:
    """Return `RateLimit-Policy` and `RateLimit` (draft-ietf-httpapi-ratelimit-headers-11), or nothing without limits.

    Both are structured lists with an item for each limited quota. The quota that the code `refused` names gets
    `retry_after`.
    """
    shown = ("sync_requests", "stored_bytes") if interactive else ("active_jobs", "queued_tokens", "stored_bytes")
    names = [name for name in shown if getattr(limits, name)]
    if not names:
        return {}
    policies = [f'"{_token(name)}";q={getattr(limits, name)};qu="{UNITS[name]}"' for name in names]
    states = []
    for name in names:
        when = f";t={retry_after}" if retry_after is not None and refused == f"quota_{name}" else ""
        states.append(f'"{_token(name)}";r={left(limits, use, name)}{when}')
    return {"RateLimit-Policy": ", ".join(policies), "RateLimit": ", ".join(states)}


def _token(name: str) -> str:
    return name.replace("_", "-")
