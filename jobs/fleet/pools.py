"""The paces of a fleet whose workers compute in several types. A job keeps to one of them (docs/adr/0011)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from e1protocol.costs import Load
from jobs.fleet.pace import NOTHING, Formula, Pace, costs_of, precision_of, work_waiting, workers_alive
from jobs.models import Job, Worker

Work = dict[str, Load]
"""Open work by kind."""
UNBOUND = ("", Job.ANY_PRECISION)
"""Precisions of jobs that workers of any type may compute."""


@dataclass(frozen=True, slots=True)
class Fleet:
    """The living workers that may compute a job: `whole`, and in pools of one precision each, the fastest first.

    The first worker that claims a part of the job decides in which pool all of it is computed. What waits for a
    pool is the work of jobs that are bound to it and, by its rate, its part of the others.
    """

    whole: Pace
    pools: Sequence[Pace]

    @property
    def precisions(self) -> list[str]:
        return [pool.precision for pool in self.pools]

    @property
    def formula(self) -> Formula | None:
        """Return what a page needs to follow a form that changes; None without a rate, or with several pools."""
        return self.pools[0].formula if len(self.pools) == 1 else None

    def seconds(self, loads: Mapping[str, Load], contexts: Load = NOTHING) -> float | None:
        """Return the time for work of these kinds in the slowest pool; None if no pool has measured its rate."""
        return slowest([pool.seconds(loads, contexts) for pool in self.pools])

    def span(self, loads: Mapping[str, Load], contexts: Load = NOTHING) -> tuple[float, float] | None:
        """Return the limits of the time of nine of ten such jobs, if any of the pools may take them."""
        return widest([pool.span(pool.seconds(loads, contexts), loads) for pool in self.pools])


def slowest(times: Iterable[float | None]) -> float | None:
    """Return the longest of the times of several pools; None if none is known."""
    return max((one for one in times if one is not None), default=None)


def widest(spans: Iterable[tuple[float, float] | None]) -> tuple[float, float] | None:
    """Return the limits that hold those of several pools; None if none is known."""
    known = [span for span in spans if span is not None]
    return (min(low for low, _ in known), max(high for _, high in known)) if known else None


def fleet_of(model: str, precision: str = "", *, cost_centre: str = "") -> Fleet:
    """Return the workers of a model that are alive; of those of a precision, if a job asks for one.

    They are those of this cost centre, or of none (`jobs.fleet.centres`). What waits is what they compute.
    """
    workers: dict[str, list[Worker]] = defaultdict(list)
    alive = workers_alive(model).filter(cost_centre=cost_centre)
    for worker in alive.select_related("engine").order_by("name"):
        workers[precision_of(worker)].append(worker)
    rates = {name: sum(worker.tokens_per_second or 0.0 for worker in some) for name, some in workers.items()}
    waiting, everything = work_waiting(model, cost_centre), sum(rates.values())
    free = _joined([waiting.get(name, {}) for name in UNBOUND])
    pools = []
    for name in sorted(rates, key=lambda name: (-rates[name], name)):
        if precision and name != precision:
            continue
        share = rates[name] / everything if everything else 1 / len(rates)
        part = {kind: load.times(share) for kind, load in free.items()} if len(rates) > 1 else free
        bound = waiting.get(name, {}) if name else {}
        pools.append(_pace(workers[name], rates[name], _joined([bound, part]), name, cost_centre))
    if pools:
        whole = _joined([pool.waiting for pool in pools])
    elif precision:
        whole = _joined([waiting.get(precision, {}), free])
    else:
        whole = _joined(list(waiting.values()))
    some = [worker for name in workers for worker in workers[name] if not precision or name == precision]
    rate = sum(pool.rate or 0.0 for pool in pools)
    return Fleet(_pace(some, rate, whole, precision, cost_centre), pools)


def _pace(workers: Sequence[Worker], rate: float, waiting: Work, precision: str, cost_centre: str) -> Pace:
    costs = [one for one in map(costs_of, workers) if one]
    engines = {worker.engine_id for worker in workers}
    engine = engines.pop() if len(engines) == 1 else None
    return Pace(rate or None, len(workers), costs, waiting, precision, engine, cost_centre)


def _joined(parts: Sequence[Mapping[str, Load]]) -> Work:
    whole: Work = {}
    for part in parts:
        for kind, load in part.items():
            whole[kind] = whole.get(kind, NOTHING) + load
    return whole
