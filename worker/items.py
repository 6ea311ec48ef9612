"""Compute items and work units: expand, encode together, reduce. The worker and `e1 run` share it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
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
    """The arrays to store of one item or unit, or the reason why it has none. `residues` are those of its `passes`."""

    stored: Sequence[Stored] = ()
    error: Problem | None = None
    passes: int = 0
    residues: int = 0


class Work(Protocol):
    """An item or a unit: the queries that it needs, and the arrays made of their encodings."""

    def queries(self) -> list[Query]: ...
    def stored(self, encodings: Sequence[Encoding]) -> list[Stored]:
        """Return the arrays as they are packed. Raises Overflow if the type of the job cannot hold them."""


@dataclass(frozen=True, slots=True)
class ItemWork:
    """An item of a direct action."""

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
    """Return the arrays of each one, in order, after one call of the engine for all queries."""
    expanded = [one.queries() for one in work]
    asked = [query for queries in expanded for query in queries]
    encodings = iter(encode(asked) if asked else ())
    return [
        replace(
            _reduce(one, [next(encodings) for _ in queries]),
            passes=len(queries),
            residues=sum(len(query.sequence) for query in queries),
        )
        for one, queries in zip(work, expanded, strict=True)
    ]


def _reduce(work: Work, encodings: Sequence[Encoding]) -> Computed:
    error = next((encoding.error for encoding in encodings if encoding.error), None)
    if error:
        return Computed(error=_too_large(error))
    try:
        return Computed(stored=work.stored(encodings))
    except Overflow as overflow:
        return Computed(error=overflow.problem)


def _too_large(code: str) -> Problem:
    """Return the problem for the only code that an engine reports: `out_of_memory`."""
    return Problem(
        code,
        "the device ran out of memory on this item alone",
        "Shorten the sequence or its contexts; or run it on a device with more memory, and retry it there.",
    )


class UnitFailed(Exception):
    """A unit of an item could not be computed; `problem` has the reason."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.code)
        self.problem = problem


UNITS_TOGETHER = 64
"""Units in one call of the engine, if no worker stores them."""


def unit_arrays(plan: UnitPlan, encode: Encode, units: Sequence[int] | None = None) -> Iterator[Array]:
    """Yield what each unit keeps, in order, with few in memory. By default all units. Raises UnitFailed."""
    wanted = range(len(plan)) if units is None else units
    for start in range(0, len(wanted), UNITS_TOGETHER):
        for one in compute([UnitWork(plan, unit) for unit in wanted[start : start + UNITS_TOGETHER]], encode):
            if one.error is not None:
                raise UnitFailed(one.error)
            yield one.stored[0].array
