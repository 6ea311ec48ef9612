"""Passes of a submission that earlier jobs hold, so that its estimate leaves them out (docs/adr/0013).

They are counted by the rules of the claim: jobs that the owner may see, and the same engine.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from django.contrib.auth.models import User

from e1protocol.costs import Load, total
from jobs.fleet.pace import Pace
from jobs.intake.cutting import CommonUnits, PlanTally
from jobs.library.common import Source, keys_seen, sources_for, units_held

MOST = 20
"""Groups of units, such as the proteins of a library of scans, that are looked at, so that an estimate stays quick."""


@dataclass(frozen=True, slots=True)
class Rest:
    """What one pool of workers would compute of a submission, and the units and tokens that earlier jobs spare it.

    `whole` and `whole_contexts` are what it would compute without earlier jobs.
    """

    pool: Pace
    units: int
    tokens: int
    loads: Mapping[str, Load]
    contexts: Load
    whole: Mapping[str, Load]
    whole_contexts: Load

    @property
    def seconds(self) -> float | None:
        return self.pool.seconds(self.loads, self.contexts)

    @property
    def seconds_without(self) -> float | None:
        """The time if everything were computed."""
        return self.pool.seconds(self.whole, self.whole_contexts)

    @property
    def span(self) -> tuple[float, float] | None:
        return self.pool.span(self.seconds, self.loads)


class EarlierPasses:
    """What earlier jobs hold of a closed plan. Groups beyond MOST count as to be computed: `not_looked_at` units."""

    def __init__(self, plan: PlanTally, *, user_id: int, model: str) -> None:
        self._plan = plan
        self.not_looked_at = plan.common_forgotten
        self._looked: list[tuple[int, CommonUnits, list[Source]]] = []
        if not plan.common:
            return
        owner = User.objects.get(pk=user_id)
        seen = keys_seen(owner=owner, model=model, keys={one.key for one in plan.common})
        for at, one in enumerate(plan.common):
            if one.key not in seen:
                continue
            if len(self._looked) == MOST:
                self.not_looked_at += len(one.plan)
            else:
                self._looked.append((at, one, sources_for(owner=owner, model=model, plan=one.plan)))

    def rest(self, pool: Pace) -> Rest:
        """Return what is left for a pool. Nothing is taken if its workers do not all run the same engine."""
        plan = self._plan
        held: list[set[int]] = [set() for _ in plan.common]
        if pool.engine is not None:
            for at, one, sources in self._looked:
                held[at] = units_held(sources=sources, plan=one.plan, engine_id=pool.engine)
        loads, contexts = plan.without(held)
        spared = plan.tokens - total(loads.values()).tokens
        return Rest(pool, sum(map(len, held)), spared, loads, contexts, plan.loads, plan.contexts)
