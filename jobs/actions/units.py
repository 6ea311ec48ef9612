"""Actions whose items are put together from work units."""

from __future__ import annotations

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence

from e1protocol import Encoding, Query
from jobs.actions.base import Action, Array, ItemView, Params, Stored, required
from jobs.actions.contexts import Contexts


class UnitPlan(ABC):
    """The work units of one item, or those that all items of a job share.

    Units are numbered from 0, context by context. Any run of them can be computed by itself, in any order.
    """

    __slots__ = ()

    @property
    def passes(self) -> int:
        """Passes of one unit, each of the same number of tokens."""
        return 1

    @property
    def common(self) -> tuple[str, ...]:
        """What the passes depend on beside network, engine, position and context; empty if no other job may take them.

        What units of such a plan store stays as long as the job, so that later jobs take it instead of computing it.
        """
        return ()

    @property
    def kept_bytes(self) -> int:
        """Bytes of all units that stay with the job."""
        return 0

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def context_of(self, unit: int) -> int:
        """Return the index of the context that the unit runs under."""

    @abstractmethod
    def own_tokens(self, unit: int) -> int:
        """Return the tokens of the unit without those of its context."""

    @abstractmethod
    def queries(self, unit: int) -> list[Query]:
        """Return the passes of one unit."""

    def reduce(self, unit: int, encodings: Sequence[Encoding]) -> Array:
        """Return what is kept of a unit until its items are put together, [rows, width]: by default its logits."""
        (encoding,) = encodings
        return required(encoding)

    def units_in(self, other: UnitPlan, units: Iterable[int]) -> dict[int, int]:
        """Return the unit of `other` that holds the numbers of each of `units`, without those that have none."""
        return {}

    def taken(self, other: UnitPlan, array: Array) -> Array:
        """Return what a unit keeps, from the array that the other plan has stored for its place in `units_in`."""
        return array

    def needed(self, item: ItemView) -> Sequence[int]:
        """Return the units that an item is made of, ascending."""
        return range(len(self))

    @abstractmethod
    def finish(self, item: ItemView, arrays: Iterator[Array]) -> list[Stored]:
        """Return the item's arrays, from what `reduce` returned for its `needed` units, in their order."""


class LongAction(Action):
    """An action whose items are put together from work units."""

    long = True

    def shares_units(self, params: Params) -> bool:
        """Return whether all items of a job are made of the same units: those of a parent."""
        return False

    def positions(self, item: ItemView, params: Params) -> Iterable[int]:
        """Return the 0-based positions of the parent that the item needs, if units are shared."""
        return ()

    @abstractmethod
    def plan(
        self, params: Params, contexts: Contexts, *, item: ItemView | None = None, positions: Sequence[int] = ()
    ) -> UnitPlan:
        """Return the units of `item`. If units are shared, return those at `positions` for all items."""


def common_key(plan: UnitPlan) -> str:
    """Return the digest of what the plan has in common with those of other jobs; "" if that is nothing."""
    return hashlib.sha256(json.dumps(plan.common).encode()).hexdigest() if plan.common else ""
