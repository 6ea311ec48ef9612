"""Workers that are alive, and how fast they compute."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from django.db.models import QuerySet
from django.db.models.functions import Now

from e1protocol.costs import ANY, LEAST_SPREAD, TAKEN_CHUNKS, Costs, Load, total
from jobs import database
from jobs.fleet.centres import CENTRE_OF_JOB, centre_of
from jobs.models import Worker
from jobs.models.states import WorkerState

WORKER_ALIVE = timedelta(seconds=20)
FORWARD_IS_FRESH = timedelta(minutes=3)
SEEN = timedelta(hours=1)
GONE = timedelta(minutes=2)
"""After this time without a worker of its precision, a job's owner is asked to release it to others."""
NOTHING = Load()


def workers_alive(model: str | None = None) -> QuerySet[Worker]:
    """Return workers that passed their self-test, have a fresh heartbeat and don't drain."""
    alive = _with_heartbeat().filter(draining=False)
    return alive if model is None else alive.filter(model=model)


def _with_heartbeat() -> QuerySet[Worker]:
    return Worker.objects.filter(state=WorkerState.READY, heartbeat_at__gt=Now() - WORKER_ALIVE)


def workers_seen(model: str) -> list[tuple[Worker, bool]]:
    """Return the workers of this model seen within the last hour, each with whether it is alive now."""
    alive = set(_with_heartbeat().filter(model=model).values_list("name", flat=True))
    seen = Worker.objects.filter(model=model, heartbeat_at__gt=Now() - SEEN).select_related("engine")
    return [(worker, worker.name in alive) for worker in seen.order_by("name")]


@dataclass(frozen=True, slots=True)
class OpenWork:
    """Open work of the jobs that workers of one cost centre compute, or of none if that is empty."""

    cost_centre: str
    jobs: int
    chunks: int
    tokens: int


def open_work(model: str) -> list[OpenWork]:
    """Return the open work of claimable jobs for each cost centre that has any."""
    rows = database.rows(
        f"""
            SELECT {CENTRE_OF_JOB}, count(*), sum(open.chunks), sum(open.tokens)
            FROM jobs_job job CROSS JOIN LATERAL (
                SELECT count(*) AS chunks, sum(n_tokens) AS tokens
                FROM jobs_chunk WHERE job_id BETWEEN job.id AND job.id AND state IN ('ready', 'leased')
            ) open
            WHERE job.model = %s AND job.state IN ('queued', 'running') AND open.chunks > 0 GROUP BY 1 ORDER BY 1
            """,  # noqa: S608 - a constant
        [model],
    )
    return [OpenWork(centre, jobs, int(chunks), int(tokens)) for centre, jobs, chunks, tokens in rows]


def worker_forward_is_fresh(model: str) -> bool:
    """Return whether a forward pass of this model has succeeded lately on a worker that is alive."""
    return workers_alive(model).filter(last_forward_at__gt=Now() - FORWARD_IS_FRESH).exists()


SURE = 1.645
"""Standard deviations on either side that hold nine of ten jobs."""
SLACK = 0.3
"""Seconds by which any job may take longer: a busy machine, a slow disk."""


@dataclass(frozen=True, slots=True)
class Kind:
    """The correction of a kind of work, and by how much the time may lie above or below."""

    factor: float
    width: float


@dataclass(frozen=True, slots=True)
class Formula:
    """Seconds of all workers together for a token, an attended pair, a pass and a chunk, with corrections by kind.

    A job takes `start` and, for its kind, `factor` times the sum. It may take `width` times as long, and `slack`.
    """

    token: float
    attended: float
    one_pass: float
    chunk: float
    start: float
    slack: float
    kinds: Mapping[str, Kind]


@dataclass(frozen=True, slots=True)
class Pace:
    """Present speed of a model: the costs of its living workers, and the work of all users that waits.

    `rate` is in tokens per second of all workers, for plain passes. Workers that have measured nothing have no costs.
    `engine` is the record of the engine that all of them run; None if they differ. With a `cost_centre`,
    everything is of its own workers and users alone.
    """

    rate: float | None
    workers: int
    costs: Sequence[Costs]
    waiting: Mapping[str, Load]
    precision: str = ""
    engine: int | None = None
    cost_centre: str = ""

    @property
    def waiting_tokens(self) -> int:
        return total(self.waiting.values()).tokens

    def seconds(self, loads: Mapping[str, Load], contexts: Load = NOTHING) -> float | None:
        """Return the time for work of these kinds; None without a rate. Every further worker runs `contexts` itself."""
        if not self.costs:
            return None
        computed = {kind: load for kind, load in loads.items() if not kind.endswith(TAKEN)}
        taken = {kind: load for kind, load in loads.items() if kind.endswith(TAKEN)}
        helping = min(len(self.costs), max(1, total(computed.values()).chunks))
        again = sum(costs.plain(contexts) for costs in self.costs) / len(self.costs) * (helping - 1) / helping
        start = max(costs.start for costs in self.costs) * len({kind.removesuffix(TAKEN) for kind in loads})
        others = min(len(self.costs), max(1, total(taken.values()).chunks // TAKEN_CHUNKS))
        return self._together(computed, helping) + self._together(taken, others) + again + start

    def _together(self, loads: Mapping[str, Load], workers: int) -> float:
        """Return the time that the fastest of so many workers take together."""
        alone = sorted(_alone(costs, loads) for costs in self.costs)[:workers]
        return 1 / sum(1 / max(one, 1e-9) for one in alone)

    def span(self, seconds: float | None, loads: Mapping[str, Load]) -> tuple[float, float] | None:
        """Return the limits between which the time of nine of ten such jobs lies; None without a rate."""
        if seconds is None:
            return None
        width = _width(sum(_spread(costs, loads) for costs in self.costs) / len(self.costs))
        return seconds / width, seconds * width + SLACK

    @property
    def formula(self) -> Formula | None:
        """Return what a page needs to follow a form that changes; None without a rate."""
        if not self.costs:
            return None
        count = len(self.costs)
        each = [(one.token, one.attended, one.one_pass, one.chunk) for one in self.costs]
        token, attended, one_pass, chunk = (sum(values) / count**2 for values in zip(*each, strict=True))
        kinds = {kind for one in self.costs for kind in one.kinds} | {ANY}
        return Formula(
            token=token,
            attended=attended,
            one_pass=one_pass,
            chunk=chunk,
            start=max(one.start for one in self.costs),
            slack=SLACK,
            kinds={kind: self._kind(kind) for kind in kinds},
        )

    def _kind(self, kind: str) -> Kind:
        known = [one.known(kind) for one in self.costs]
        factor = math.exp(sum(one.log_factor for one in known) / len(known))
        return Kind(factor, _width(sum(math.sqrt(one.variance) for one in known) / len(known)))

    @property
    def reason(self) -> str | None:
        """Why there is no rate; None if there is one."""
        if self.rate:
            return None
        if self.workers:
            return "no worker has measured its rate yet"
        which = f" that computes in {self.precision}" if self.precision else ""
        whose = f" for the cost centre {self.cost_centre}" if self.cost_centre else ""
        return f"no worker of this model{which}{whose} is alive"


def _width(spread: float) -> float:
    return math.exp(SURE * max(LEAST_SPREAD, spread))


def _alone(costs: Costs, loads: Mapping[str, Load]) -> float:
    return sum(costs.seconds(load, kind) for kind, load in loads.items())


def _spread(costs: Costs, loads: Mapping[str, Load]) -> float:
    """Return the standard deviation of the time's logarithm, that of each kind weighted by its part of the time."""
    parts = [(costs.seconds(load, kind), costs.known(kind).variance) for kind, load in loads.items()]
    whole = sum(part for part, _ in parts)
    return math.sqrt(sum(part * variance for part, variance in parts) / whole) if whole else 0.0


TAKEN = ", taken"
"""The end of the kind of chunks whose units all come from earlier jobs. They are a part of the same stage of a job."""


def kind_of(action: str, *, contexts: bool, together: bool, taken: bool = False) -> str:
    """Return the kind of work by which corrections are learned.

    `contexts` are those of a job. Items are put `together` from units that were computed before. Units are `taken` if
    earlier jobs hold all of a chunk.
    """
    return action + " under contexts" * contexts + ", together" * together + TAKEN * taken


def costs_of(worker: Worker) -> Costs | None:
    """Return a worker's costs. One that has only a rate has costs of tokens alone; one without has None."""
    if worker.costs:
        return Costs.from_dict(worker.costs)
    return Costs(1 / worker.tokens_per_second) if worker.tokens_per_second else None


def work_waiting(model: str, cost_centre: str = "") -> dict[str, dict[str, Load]]:
    """Return the open work that workers of this cost centre, or of none, compute: by precision, then by kind."""
    rows = database.rows(
        f"""
            SELECT job.precision, job.action, job.params ? 'contexts', part.together, sum(part.tokens),
                sum(part.attended), sum(part.passes), sum(part.chunks)
            FROM jobs_job job CROSS JOIN LATERAL (
                SELECT "group" IS NOT NULL AND unit_count = 0 AS together, sum(n_tokens) AS tokens,
                    sum(n_attended) AS attended, sum(n_passes) AS passes, count(*) AS chunks
                FROM jobs_chunk WHERE job_id BETWEEN job.id AND job.id AND state IN ('ready', 'leased') GROUP BY 1
            ) part
            WHERE job.model = %s AND job.state IN ('queued', 'running') AND {CENTRE_OF_JOB} = %s
            GROUP BY 1, 2, 3, 4
            """,  # noqa: S608 - a constant
        [model, cost_centre],
    )
    found: dict[str, dict[str, Load]] = {}
    for precision, action, contexts, together, *sums in rows:
        kind = kind_of(action, contexts=contexts, together=together)
        found.setdefault(precision, {})[kind] = Load(*map(int, sums))
    return found


def rates_of(model: str) -> list[float | None]:
    """Return tokens per second of every living worker of this model; None for one that has measured nothing."""
    return list(workers_alive(model).values_list("tokens_per_second", flat=True))


def precision_of(worker: Worker) -> str:
    """Return the type of a worker's products; "" if it is not known."""
    return str(worker.engine.identity.get("precision", "")) if worker.engine else ""


def precision_seen(model: str, precision: str, *, owner_id: int) -> bool:
    """Return whether a worker of this precision that may compute this owner's jobs has been there within GONE."""
    seen = Worker.objects.filter(model=model, heartbeat_at__gt=Now() - GONE, cost_centre=centre_of(owner_id))
    return any(precision_of(worker) == precision for worker in seen.select_related("engine"))


def rounded(seconds: float | None) -> float | None:
    """Round to three significant digits, since a small request takes milliseconds."""
    return None if seconds is None else float(f"{seconds:.3g}")
