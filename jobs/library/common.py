"""Passes that several jobs have in common: a unit that an earlier job has stored is read instead of computed.

Numbers are taken from the same engine only, so that provenance stays true: network, precision, device and code are the
same. They are copied. So the taker keeps them when the earlier job is deleted.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from django.contrib.auth.models import User
from django.db.models import QuerySet

from jobs.actions import ACTIONS, ItemView, LongAction
from jobs.actions.base import Array
from jobs.actions.contexts import Contexts
from jobs.actions.units import UnitPlan, common_key
from jobs.library.chunking import JOB_GROUP
from jobs.library.sharing import open_to
from jobs.library.units import contexts_of, stored_numbers, stored_units
from jobs.models import Item, Job, UnitGroup
from jobs.models.states import JobState

MOST = 6
"""Groups of each kind that are looked at: the newest, and those of the jobs with most units, such as whole scans."""


@dataclass(frozen=True, slots=True)
class Source:
    """A group of units with the same key."""

    job_id: UUID
    group: int
    plan: UnitPlan


def sources_of(*, job_id: UUID, group: int, plan: UnitPlan) -> list[Source]:
    """Return the groups that the job may take units of `plan` from: those of jobs that its owner may see now."""
    if not (key := common_key(plan)):
        return []
    job = Job.objects.select_related("owner").filter(pk=job_id).first()
    if job is None:
        return []
    return _sources(_groups_seen(job.owner, job.model).filter(key=key).exclude(job_id=job_id, group=group))


def sources_for(*, owner: User, model: str, plan: UnitPlan) -> list[Source]:
    """Return the groups that a job of the owner would take units of `plan` from, if it began now."""
    key = common_key(plan)
    return _sources(_groups_seen(owner, model).filter(key=key)) if key else []


def keys_seen(*, owner: User, model: str, keys: Collection[str]) -> set[str]:
    """Return those of the keys that groups of jobs have which the owner may see."""
    return set(_groups_seen(owner, model).filter(key__in=keys).values_list("key", flat=True).distinct())


def _groups_seen(owner: User, model: str) -> QuerySet[UnitGroup]:
    # Results of an expired job are gone for its readers, also before its rows are deleted.
    seen = open_to(Job.objects.filter(model=model).exclude(state=JobState.EXPIRED), owner)
    return UnitGroup.objects.filter(job__in=seen)


def _sources(rows: QuerySet[UnitGroup]) -> list[Source]:
    rows = rows.select_related("job")
    newest, largest = rows.order_by("-id")[:MOST], rows.order_by("-job__total_units", "-id")[:MOST]
    found = list({row.pk: row for row in [*newest, *largest]}.values())
    contexts = contexts_of([row.job_id for row in found])
    plans = [(row, _plan_of(row, contexts.get(row.job_id, ()))) for row in found]
    return [Source(row.job_id, row.group, its) for row, its in plans if its is not None]


def _plan_of(row: UnitGroup, contexts: Contexts) -> UnitPlan | None:
    """Return the plan of a group, None if its job is being deleted."""
    job, action = row.job, ACTIONS[row.job.action]
    if not isinstance(action, LongAction) or ("contexts" in job.params and not contexts):
        return None
    if row.group == JOB_GROUP:
        return action.plan(job.params, contexts, positions=tuple(job.unit_positions or ()))
    sequence = Item.objects.values_list("sequence", flat=True).filter(job_id=job.pk, index=row.group).first()
    return None if sequence is None else action.plan(job.params, contexts, item=ItemView(sequence, contexts=contexts))


def units_known(*, sources: Sequence[Source], plan: UnitPlan, units: Iterable[int], engine_id: int) -> dict[int, Array]:
    """Return what these units of `plan` would keep, as far as this engine has computed it for one of the sources."""
    known: dict[int, Array] = {}
    for source in sources:
        places = plan.units_in(source.plan, [unit for unit in units if unit not in known])
        if not places:
            continue
        stored = stored_units(source.job_id, source.group, sorted(set(places.values())), engine_id)
        for unit, place in places.items():
            if place in stored:
                known[unit] = plan.taken(source.plan, stored[place])
    return known


def units_held(*, sources: Sequence[Source], plan: UnitPlan, engine_id: int) -> set[int]:
    """Return the units of `plan` that `units_known` would find for this engine, without reading an array."""
    held: set[int] = set()
    for source in sources:
        places = plan.units_in(source.plan, [unit for unit in range(len(plan)) if unit not in held])
        if places:
            stored = stored_numbers(source.job_id, source.group, sorted(set(places.values())), engine_id)
            held.update(unit for unit, place in places.items() if place in stored)
    return held
