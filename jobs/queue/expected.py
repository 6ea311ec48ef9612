"""What a job's page says about the queue: when the job is expected to start, and why it waits."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass

from e1protocol.costs import Costs, Load, in_tokens
from jobs import database
from jobs.fleet.pace import costs_alive, kind_of, precision_seen, precisions_alive, rates_of, workers_alive
from jobs.models import Job
from jobs.models.states import JobState
from jobs.queue.dispatch import MESSAGE_BUNDLES, bundle_tokens, tokens_in_flight
from jobs.queue.forecast import Forecast, Waiting, simulate
from jobs.queue.shares import HEAD_START_SECONDS

COUNTED = 64
"""Ready chunks of a job that are added up. The rest is estimated from their mean."""
MOST_JOBS = 500
"""Unfinished jobs of a model that the forecast looks at, oldest first."""


@dataclass(frozen=True, slots=True)
class QueuePlace:
    """Where a job is in the queue. `position` counts from 1 in the order of expected starts; None if that is unknown.

    `starts_in_seconds` is 0 for a job that is being computed, and None if it cannot be known.
    """

    position: int | None
    starts_in_seconds: float | None
    reason: str


def queue_place(job: Job) -> QueuePlace:
    """Return the place of a queued, running or paused job, and the reason for it."""
    if job.state == JobState.PAUSED:
        return QueuePlace(None, None, "paused by its owner or an administrator")
    if not workers_alive(job.model).exists():
        reason = f"no worker of {job.model} is alive; the job is kept and goes on when one starts"
        return QueuePlace(None, None, reason)
    if reason := unserved(job):
        return QueuePlace(None, None, reason)
    if job.state == JobState.RUNNING:
        return QueuePlace(1, 0.0, "being computed")
    found = forecasts(job.model, until=job.pk).get(job.pk)
    if found is None:
        return QueuePlace(None, None, "waits for its turn; no worker has measured its rate yet")
    return QueuePlace(found.place, round(found.starts, 1), _reason(found))


def unserved(job: Job) -> str:
    """Return why no living worker can compute the rest of a job, "" if one can: its precision is fixed."""
    alive = precisions_alive(job.model)
    if job.precision in ("", Job.ANY_PRECISION) or not alive or {"", job.precision} & set(alive):
        return ""
    return f"waits for a worker that computes in {job.precision}; those that are alive compute in {', '.join(alive)}"


def can_be_released(job: Job) -> bool:
    """Return whether a page offers to let workers of any precision compute the rest of a job.

    It does once no worker of the job's precision has been there for a while.
    """
    if job.state not in JobState.unfinished() or job.precision in ("", Job.ANY_PRECISION):
        return False
    return bool(unserved(job)) and not precision_seen(job.model, job.precision)


def _reason(found: Forecast) -> str:
    ahead = found.place - 1
    if not ahead:
        return "next in line"
    jobs = "1 other job of this model is" if ahead == 1 else f"{ahead:,} other jobs of this model are"
    return f"{jobs} computed or started before it; users, and the jobs of one user, take turns"


def forecasts(model: str, *, until: Hashable = None) -> dict[Hashable, Forecast]:
    """Return the forecast of each unfinished job of this model; none if no living worker has measured its rate."""
    rates = rates_of(model)
    rate = sum(one for one in rates if one)
    if not rate:
        return {}
    window = (2 * MESSAGE_BUNDLES + 1) * len(rates)
    return simulate(
        waiting_jobs(model, in_tokens(costs_alive(model))),
        rate=rate,
        budget=bundle_tokens(rates),
        window=window,
        head_start=int(HEAD_START_SECONDS * rate),
        until=until,
    )


def _served(model: str) -> list[str] | None:
    """Return the precisions of jobs that living workers compute; None if nothing is known of them."""
    alive = precisions_alive(model)
    return None if not alive or "" in alive else ["", Job.ANY_PRECISION, *alive]


def waiting_jobs(model: str, costs: Costs) -> list[Waiting]:
    """Return what waits of each claimable job, oldest first, from a bounded number of rows. `costs` are in tokens."""
    rows = database.rows(
        """
            SELECT job.id, job.owner_id, job.interactive, job.action, job.params ? 'contexts', part.tokens,
                part.attended, part.passes, part.chunks,
                ceil(coalesce(nullif(job.total_units, 0), job.total_items - job.skipped_items) / 8.0)
                    - coalesce((SELECT sum((value ->> 0)::int) FROM jsonb_each(tally.counts)), 0),
                coalesce(turn.handed_out, 0), coalesce(turn.last, 0)
            FROM (
                SELECT * FROM jobs_job WHERE model = %(model)s AND state IN ('queued', 'running')
                  AND (%(precisions)s::text[] IS NULL OR precision = ANY(%(precisions)s))
                ORDER BY created_at LIMIT %(jobs)s
            ) job
            LEFT JOIN jobs_tally tally ON tally.job_id = job.id
            LEFT JOIN jobs_turn turn ON turn.job_id = job.id
            CROSS JOIN LATERAL (
                SELECT count(*) AS chunks, coalesce(sum(n_tokens), 0) AS tokens,
                    coalesce(sum(n_attended), 0) AS attended, coalesce(sum(n_passes), 0) AS passes
                FROM (
                    SELECT n_tokens, n_attended, n_passes FROM jobs_chunk
                    WHERE job_id BETWEEN job.id AND job.id AND state = 'ready' AND published_at IS NULL
                    ORDER BY job_id, id LIMIT %(counted)s
                ) some_ready
            ) part
            ORDER BY job.created_at
            """,
        {"model": model, "jobs": MOST_JOBS, "counted": COUNTED, "precisions": _served(model)},
    )
    in_flight = tokens_in_flight(model, costs)
    jobs = []
    for job, owner, interactive, action, under, *load, chunks, left, handed_out, last in rows:
        # Chunks that assemble items count as ordinary ones: they are few.
        kind = kind_of(action, contexts=under, together=False)
        tokens = costs.seconds(Load(int(load[0]), int(load[1]), int(load[2]), chunks), kind)
        ready = round(tokens)
        if chunks == COUNTED:
            ready = max(ready, int(tokens / COUNTED * float(left)) - in_flight.get(job, 0))
        jobs.append(Waiting(job, owner, ready, in_flight.get(job, 0), interactive, handed_out, last))
    return jobs
