"""The workers of a model, from one read. What chunks go to them, and when a job starts, follows from it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import Q
from django.db.models.functions import Now

from e1protocol.costs import Costs
from jobs.fleet.centres import centre_of
from jobs.fleet.pace import SEEN, WORKER_ALIVE, costs_of, precision_of
from jobs.models import Worker
from jobs.models.states import WorkerState


@dataclass(frozen=True, slots=True)
class Crew:
    """Workers in the order of their names: `alive` as in `workers_alive`, and `seen` within the last hour."""

    alive: Sequence[Worker]
    seen: Sequence[Worker]

    def by_centre(self) -> dict[str, Crew]:
        """Return the workers of no cost centre under "", and those of each cost centre that has any alive."""
        centres = ["", *sorted({worker.cost_centre for worker in self.alive} - {""})]
        return {centre: self._of_centre(centre) for centre in centres} if len(centres) > 1 else {"": self}

    def _of_centre(self, centre: str) -> Crew:
        alive, seen = ([one for one in some if one.cost_centre == centre] for some in (self.alive, self.seen))
        return Crew(alive, seen)

    @property
    def precisions(self) -> dict[str, list[float | None]]:
        """The rates of living workers by their precision."""
        found: dict[str, list[float | None]] = {}
        for worker in self.alive:
            found.setdefault(precision_of(worker), []).append(worker.tokens_per_second)
        return found

    @property
    def costs(self) -> list[Costs]:
        """The costs of the living workers that have measured their rate."""
        return [costs for worker in self.alive if (costs := costs_of(worker))]

    @property
    def rates_seen(self) -> list[float]:
        """The rates of all that were seen lately, including starting ones."""
        return [worker.tokens_per_second for worker in self.seen if worker.tokens_per_second]


def crew_of(model: str, *, owner_id: int | None = None) -> Crew:
    """Return the workers of this model, or only those that may compute this owner's jobs, with one statement."""
    alive = Q(state=WorkerState.READY, draining=False, heartbeat_at__gt=Now() - WORKER_ALIVE)
    rows = Worker.objects.filter(model=model, heartbeat_at__gt=Now() - SEEN).select_related("engine")
    if owner_id is not None:
        rows = rows.filter(cost_centre=centre_of(owner_id))
    seen = list(rows.annotate(is_alive=alive).order_by("name"))
    return Crew([worker for worker in seen if worker.is_alive], seen)
