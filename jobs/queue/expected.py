"""What a job's page says about the queue: when the job is expected to start, and why it waits."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace

from e1protocol.costs import Costs, Load, in_tokens
from jobs import database
from jobs.fleet.centres import CENTRE_OF_JOB, centre_name
from jobs.fleet.crew import Crew, crew_of
from jobs.fleet.pace import kind_of, precision_seen
from jobs.models import Job
from jobs.models.states import JobState
from jobs.queue.dispatch import MESSAGE_BUNDLES, bundle_tokens, tokens_in_flight
from jobs.queue.forecast import Forecast, Waiting, simulate
from jobs.queue.shares import HEAD_START_SECONDS

COUNTED = 64
"""Ready chunks of a job that are added up. The rest is estimated from their mean."""
FREE = ("", Job.ANY_PRECISION)
"""Precisions of jobs that all workers may compute."""
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
    crew = crew_of(job.model, owner_id=job.owner_id)
    if not crew.alive:
        centre = centre_name(job.owner_id)
        whose = f" for the cost centre {centre}" if centre else ""
        reason = f"no worker of {job.model}{whose} is alive; the job is kept and goes on when one starts"
        return QueuePlace(None, None, reason)
    if reason := unserved(job, crew):
        return QueuePlace(None, None, reason)
    if job.state == JobState.RUNNING:
        return QueuePlace(1, 0.0, "being computed")
    found = forecasts(job.model, until=job.pk, crew=crew).get(job.pk)
    if found is None:
        return QueuePlace(None, None, "waits for its turn; no worker has measured its rate yet")
    return QueuePlace(found.place, round(found.starts, 1), _reason(found))


def unserved(job: Job, crew: Crew) -> str:
    """Return why no living worker can compute the rest of a job, "" if one can: its precision is fixed."""
    alive = crew.precisions
    if job.precision in FREE or not alive or {"", job.precision} & set(alive):
        return ""
    return f"waits for a worker that computes in {job.precision}; those that are alive compute in {', '.join(alive)}"


def can_be_released(job: Job) -> bool:
    """Return whether a page offers to let workers of any precision compute the rest of a job.

    It does once no worker of the job's precision has been there for a while.
    """
    if job.state not in JobState.unfinished() or job.precision in FREE:
        return False
    crew = crew_of(job.model, owner_id=job.owner_id)
    return bool(unserved(job, crew)) and not precision_seen(job.model, job.precision, owner_id=job.owner_id)


def _reason(found: Forecast) -> str:
    ahead = found.place - 1
    if not ahead:
        return "next in line"
    jobs = "1 other job of this model is" if ahead == 1 else f"{ahead:,} other jobs of this model are"
    return f"{jobs} computed or started before it; users, and the jobs of one user, take turns"


def forecasts(model: str, *, until: Hashable = None, crew: Crew | None = None) -> dict[Hashable, Forecast]:
    """Return the forecast of each unfinished job of this model; none if no living worker has measured its rate.

    The jobs of a cost centre with workers of its own wait for these alone. `crew` are the model's workers, if the
    caller has read them.
    """
    found: dict[Hashable, Forecast] = {}
    for centre, some in (crew or crew_of(model)).by_centre().items():
        found |= _forecasts(model, centre, some, until)
    return found


def _forecasts(model: str, centre: str, crew: Crew, until: Hashable) -> dict[Hashable, Forecast]:
    """Return the forecasts of the jobs that the workers of this cost centre, or of none, compute.

    A job that is bound to a precision waits for the workers of this precision alone. They also compute their part, by
    their rate, of jobs that are not bound.
    """
    alive = crew.precisions
    every = [rate for rates in alive.values() for rate in rates]
    if not _sum(every):
        return {}
    jobs = waiting_jobs(model, in_tokens(crew.costs), _served(crew), centre)
    found = _played(jobs, every, until)
    for precision, rates in alive.items() if len(alive) > 1 and "" not in alive else ():
        mine = {one.job for one in jobs if one.precision == precision}
        if not mine or (until is not None and until not in mine):
            continue
        part = _sum(rates) / _sum(every)
        pool = [one if one.job in mine else _part(one, part) for one in jobs if one.precision in (precision, *FREE)]
        own = _played(pool, rates, until)
        found = {job: own.get(job) if job in mine else forecast for job, forecast in found.items()}
    return {job: forecast for job, forecast in found.items() if forecast is not None}


def _sum(rates: Sequence[float | None]) -> float:
    return sum(rate for rate in rates if rate)


def _part(job: Waiting, part: float) -> Waiting:
    return replace(job, ready=round(job.ready * part), in_flight=round(job.in_flight * part))


def _played(jobs: Sequence[Waiting], rates: Sequence[float | None], until: Hashable) -> dict[Hashable, Forecast | None]:
    """Return the forecast of these jobs on workers with these rates."""
    if not (rate := _sum(rates)):
        return {}
    played = simulate(
        jobs,
        rate=rate,
        budget=bundle_tokens(rates),
        window=(2 * MESSAGE_BUNDLES + 1) * len(rates),
        head_start=int(HEAD_START_SECONDS * rate),
        until=until,
    )
    return dict(played)


def _served(crew: Crew) -> list[str] | None:
    """Return the precisions of jobs that living workers compute; None if nothing is known of them."""
    alive = crew.precisions
    return None if not alive or "" in alive else [*FREE, *alive]


def waiting_jobs(
    model: str, costs: Costs, precisions: Sequence[str] | None = None, cost_centre: str = ""
) -> list[Waiting]:
    """Return what waits of each claimable job, oldest first, from a bounded number of rows. `costs` are in tokens.

    `precisions` are those of the jobs; None means any. The jobs are those of this cost centre's workers, or of none.
    """
    rows = database.rows(
        f"""
            SELECT job.id, job.owner_id, job.interactive, job.action, job.params ? 'contexts', part.tokens,
                part.attended, part.passes, part.chunks,
                ceil(coalesce(nullif(job.total_units, 0), job.total_items - job.skipped_items) / 8.0)
                    - coalesce((SELECT sum((value ->> 0)::int) FROM jsonb_each(tally.counts)), 0),
                coalesce(turn.handed_out, 0), coalesce(turn.last, 0), job.precision
            FROM (
                SELECT * FROM jobs_job job WHERE model = %(model)s AND state IN ('queued', 'running')
                  AND (%(precisions)s::text[] IS NULL OR precision = ANY(%(precisions)s))
                  AND {CENTRE_OF_JOB} = %(centre)s
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
            """,  # noqa: S608 - a constant
        {
            "model": model,
            "centre": cost_centre,
            "jobs": MOST_JOBS,
            "counted": COUNTED,
            "precisions": None if precisions is None else list(precisions),
        },
    )
    in_flight = tokens_in_flight(model, costs)
    jobs = []
    for job, owner, interactive, action, under, *load, chunks, left, handed_out, last, precision in rows:
        # Chunks that assemble items count as ordinary ones: they are few.
        kind = kind_of(action, contexts=under, together=False)
        tokens = costs.seconds(Load(int(load[0]), int(load[1]), int(load[2]), chunks), kind)
        ready = round(tokens)
        if chunks == COUNTED:
            ready = max(ready, int(tokens / COUNTED * float(left)) - in_flight.get(job, 0))
        jobs.append(Waiting(job, owner, ready, in_flight.get(job, 0), interactive, handed_out, last, precision))
    return jobs
