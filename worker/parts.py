"""Compute a claimed chunk: items or work units in the engine, or items put together from their units."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from jobs.actions import ACTIONS, Action, DirectAction, LongAction
from jobs.actions.base import Stored
from jobs.actions.units import UnitPlan
from jobs.errors import InvalidInput, Problem
from jobs.library.outputs import PackedOutput, pack_outputs
from jobs.library.units import UnitMissing, unit_arrays
from jobs.queue.leases import ClaimedChunk, ClaimedItem
from worker.items import Computed, ItemWork, UnitWork, Work


@dataclass(frozen=True, slots=True)
class Result:
    """What to store of a chunk: outputs, failed items by index, or failed work units by number.

    `made` is a group of units that can be deleted, because its only item is put together.
    """

    outputs: Sequence[PackedOutput]
    succeeded: int
    failures: dict[int, Problem] = field(default_factory=dict)
    unit_errors: dict[int, Problem] | None = None
    made: int | None = None


def work_of(chunk: ClaimedChunk) -> list[Work]:
    """Return the work for the engine; none if items are put together from units, or all units are known."""
    action = ACTIONS[chunk.action]
    if isinstance(action, DirectAction):
        return [ItemWork(action, chunk.params, item.view) for item in chunk.items]
    plan = plan_of(chunk)
    return [UnitWork(plan, unit) for unit in chunk.to_compute]


def result_of(chunk: ClaimedChunk, computed: Sequence[Computed]) -> Result:
    """Return the chunk's rows to store, from the computed `work_of` in the same order."""
    action = ACTIONS[chunk.action]
    if isinstance(action, LongAction) and not chunk.units:
        return _together(action, chunk)
    numbers = chunk.to_compute if chunk.units else [item.index for item in chunk.items]
    pairs = list(zip(numbers, computed, strict=True))
    stored: list[tuple[int, Sequence[Stored]]] = [(number, one.stored) for number, one in pairs if one.error is None]
    stored += [(unit, [Stored("unit", -1, array)]) for unit, array in chunk.known.items()]
    stored.sort(key=_number)
    wrong = {number: one.error for number, one in pairs if one.error is not None}
    outputs = pack_outputs(action, stored)
    if chunk.units:
        return Result(outputs, len(stored), unit_errors=wrong)
    return Result(outputs, len(stored), failures=wrong)


def _number(one: tuple[int, Sequence[Stored]]) -> int:
    return one[0]


def plan_of(chunk: ClaimedChunk) -> UnitPlan:
    """Return the plan of the chunk's units. Raises TypeError if its action has none."""
    action: Action = ACTIONS[chunk.action]
    if not isinstance(action, LongAction):
        raise TypeError(f"{chunk.action} has no work units")
    item = chunk.target or (chunk.items[0].view if chunk.items and not action.shares_units(chunk.params) else None)
    return action.plan(chunk.params, chunk.contexts, item=item, positions=chunk.unit_positions)


def _together(action: LongAction, chunk: ClaimedChunk) -> Result:
    """Put items together from their units. If a unit has no numbers, its items fail with the reason of the unit."""
    plan = plan_of(chunk)
    stored: list[tuple[int, Sequence[Stored]]] = []
    failures: dict[int, Problem] = {}
    for item in chunk.items:
        try:
            stored.append((item.index, _made(plan, chunk, item)))
        except UnitMissing as missing:
            failures[item.index] = missing.problem
        except InvalidInput as error:  # this item has no plan; the others of the chunk may have one
            failures[item.index] = error.problems[0]
    own = chunk.group if not failures and not action.shares_units(chunk.params) else None
    return Result(pack_outputs(action, stored), len(stored), failures, made=own)


def _made(plan: UnitPlan, chunk: ClaimedChunk, item: ClaimedItem) -> Sequence[Stored]:
    if chunk.group is None:
        raise ValueError(f"chunk {chunk.id} is of no group")
    return plan.finish(item.view, unit_arrays(chunk.job_id, chunk.group, plan.needed(item.view)))
