"""What runs and waits, of everyone, as an administrator sees it. This module only reads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib.auth.models import User

from jobs import database
from jobs.metering.stored import STORED
from jobs.models import Job
from jobs.models.states import JobState
from jobs.operations.queues import SeenWorker, workers_seen
from jobs.queue.expected import forecasts
from jobs.queue.progress import chunk_sums, job_counts

SHOWN_JOBS = 200
"""Unfinished jobs that the page lists, oldest first."""
SHOWN_PEOPLE = 200


@dataclass(frozen=True, slots=True)
class OpenJob:
    """An unfinished job. `ends_in` are seconds by the forecast, None if they are not known."""

    id: UUID
    name: str
    owner: str
    model: str
    action: str
    state: str
    finished: int
    total: int
    ends_in: float | None
    created_at: datetime

    @property
    def can_pause(self) -> bool:
        return self.state in JobState.claimable()

    @property
    def can_resume(self) -> bool:
        return self.state == JobState.PAUSED

    @property
    def can_cancel(self) -> bool:
        return self.state not in (JobState.VALIDATING, JobState.CANCELLING)


@dataclass(frozen=True, slots=True)
class Share:
    """What one person has open of one model."""

    owner: str
    model: str
    jobs: int
    tokens: int
    ends_in: float | None


@dataclass(frozen=True, slots=True)
class Person:
    name: str
    active: bool
    superuser: bool
    last_login: datetime | None
    stored_bytes: int


def open_jobs() -> tuple[list[OpenJob], int]:
    """Return the oldest unfinished jobs of everyone, without synchronous requests, and the number of all."""
    unfinished = Job.objects.filter(state__in=JobState.unfinished(), interactive=False)
    jobs = list(unfinished.select_related("owner").order_by("created_at")[:SHOWN_JOBS])
    ends = _ends({job.model for job in jobs})
    sums = chunk_sums([job.pk for job in jobs])
    return [
        OpenJob(
            id=job.pk,
            name=job.name or f"Job {job.pk.hex[:8]}",
            owner=job.owner.get_username(),
            model=job.model,
            action=job.action,
            state=job.state,
            finished=job.total_items - job_counts(job, sums.get(job.pk, []))["pending"],
            total=job.total_items,
            ends_in=ends.get(job.pk),
            created_at=job.created_at,
        )
        for job in jobs
    ], unfinished.count() if len(jobs) == SHOWN_JOBS else len(jobs)


def _ends(models: set[str]) -> dict[Any, float]:
    """Return the seconds until each job ends, by the forecast, as far as they are known."""
    return {job: found.ends for model in models for job, found in forecasts(model).items() if found.ends is not None}


def shares(jobs: Sequence[OpenJob]) -> list[Share]:
    """Return what each person has open of each model, most tokens first."""
    rows = database.rows(
        """
        SELECT owner.username, job.model, count(*), coalesce(sum(open.tokens), 0)
        FROM jobs_job job JOIN auth_user owner ON owner.id = job.owner_id
        CROSS JOIN LATERAL (
            SELECT sum(n_tokens) AS tokens FROM jobs_chunk
            WHERE job_id BETWEEN job.id AND job.id AND state IN ('ready', 'leased')
        ) open
        WHERE job.state IN ('queued', 'running', 'paused', 'cancelling')
        GROUP BY 1, 2 ORDER BY 4 DESC, 1, 2
        """
    )
    last: dict[tuple[str, str], float] = {}
    for job in jobs:
        if job.ends_in is not None:
            last[job.owner, job.model] = max(job.ends_in, last.get((job.owner, job.model), 0.0))
    return [Share(owner, model, count, int(tokens), last.get((owner, model))) for owner, model, count, tokens in rows]


def people() -> list[Person]:
    """Return everyone with the bytes that they keep, most first."""
    stored = dict(
        database.rows(f"SELECT owner_id, sum(bytes)::bigint FROM ({STORED}) stored GROUP BY 1")  # noqa: S608 - a constant
    )
    found = [
        Person(user.get_username(), user.is_active, user.is_superuser, user.last_login, int(stored.get(user.pk, 0)))
        for user in User.objects.all()
    ]
    return sorted(found, key=lambda one: (-one.stored_bytes, one.name))[:SHOWN_PEOPLE]


def machines() -> list[SeenWorker]:
    """Return the workers of the last hour, by model."""
    return [one for model in settings.E1_MODELS for one in workers_seen(model)]
