"""Items and work units through an engine: expand, encode all together, reduce. What the worker and `e1 run` share."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from e1protocol import Encoding, Query
from jobs.actions import DirectAction, ItemView, Stored
from jobs.actions.base import Array
from jobs.actions.dtypes import Overflow, as_asked
from jobs.actions.units import UnitPlan
from jobs.errors import Problem

Encode = Callable[[Sequence[Query]], Sequence[Encoding]]
"""`Engine.encode`."""


@dataclass(frozen=True, slots=True)
class Computed:
    """What one item or unit gave: arrays to store, or why it has none."""

    stored: Sequence[Stored] = ()
    error: Problem | None = None


class Work(Protocol):
    """Something that the network is asked for some of, and that is made of its answers."""

    def queries(self) -> list[Query]: ...
    def stored(self, encodings: Sequence[Encoding]) -> list[Stored]:
        """The arrays as they are packed. Raises Overflow where the job's type cannot hold them."""


@dataclass(frozen=True, slots=True)
class ItemWork:
    """An item with what is asked of it."""

    action: DirectAction
    params: Mapping[str, Any]
    view: ItemView

    def queries(self) -> list[Query]:
        return self.action.expand_each(self.view, self.params)

    def stored(self, encodings: Sequence[Encoding]) -> list[Stored]:
        return as_asked(self.action.reduce_each(self.view, self.params, encodings), self.params)


@dataclass(frozen=True, slots=True)
class UnitWork:
    """One work unit of a long action."""

    plan: UnitPlan
    unit: int

    def queries(self) -> list[Query]:
        return self.plan.queries(self.unit)

    def stored(self, encodings: Sequence[Encoding]) -> list[Stored]:
        return [Stored("unit", -1, self.plan.reduce(self.unit, encodings))]


def compute(work: Sequence[Work], encode: Encode) -> list[Computed]:
    """One call of the engine for all queries; then each one's arrays, in the order of `work`."""
    expanded = [one.queries() for one in work]
    asked = [query for queries in expanded for query in queries]
    encodings = iter(encode(asked) if asked else ())
    return [_reduce(one, [next(encodings) for _ in queries]) for one, queries in zip(work, expanded, strict=True)]


def _reduce(work: Work, encodings: Sequence[Encoding]) -> Computed:
    error = next((encoding.error for encoding in encodings if encoding.error), None)
    if error:
        return Computed(error=_too_large(error))
    try:
        return Computed(stored=work.stored(encodings))
    except Overflow as overflow:
        return Computed(error=overflow.problem)


def _too_large(code: str) -> Problem:
    """Of the one code that the engine gives: `out_of_memory`."""
    return Problem(
        code,
        "the device ran out of memory on this item alone",
        "Shorten the sequence or its contexts; or run it on a device with more memory, and retry it there.",
    )


class UnitFailed(Exception):
    """A unit of an item could not be computed; `problem` says why."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.code)
        self.problem = problem


UNITS_TOGETHER = 64
"""Units that one call of the engine computes where nobody stores them."""


def unit_arrays(plan: UnitPlan, encode: Encode, units: Sequence[int] | None = None) -> Iterator[Array]:
    """What all units keep, or these, in order, a few in memory at a time. Raises UnitFailed."""
    wanted = range(len(plan)) if units is None else units
    for start in range(0, len(wanted), UNITS_TOGETHER):
        for one in compute([UnitWork(plan, unit) for unit in wanted[start : start + UNITS_TOGETHER]], encode):
            if one.error is not None:
                raise UnitFailed(one.error)
            yield one.stored[0].array
