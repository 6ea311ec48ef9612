"""Cutting of a library into chunks of eight consecutive items, and of work units into chunks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from e1protocol import BOUNDARY_TOKENS
from e1protocol.costs import Load, context_load, pass_load, total
from jobs.actions.units import UnitPlan, common_key
from jobs.limits import CHUNK_ITEMS, CHUNK_UNITS


@dataclass(frozen=True, slots=True)
class ContextRef:
    """A stored context: its row id and the tokens of its sequences."""

    id: int
    tokens: int


@dataclass(frozen=True, slots=True)
class ItemCost:
    """An item to be computed, as far as its cost depends on it."""

    index: int
    residues: int
    context: ContextRef | None = None


@dataclass(frozen=True, slots=True)
class ChunkPlan:
    """A chunk to be: items by ascending index in the input, or units of a group, and their load."""

    indices: tuple[int, ...]
    load: Load
    group: int | None = None
    blocked: bool = False
    unit_first: int = 0
    unit_count: int = 0
    key: str = ""
    """The key of its group, in the group's first chunk of units, if other jobs may take its passes."""

    @property
    def tokens(self) -> int:
        return self.load.tokens

    @property
    def first_index(self) -> int:
        """Its place among the job's chunks; units have that of their item."""
        return self.indices[0] if self.indices else max(0, self.group or 0)


def items_load(items: Iterable[ItemCost], context_tokens: Sequence[int] = ()) -> Load:
    """Return the load of these items together. A context that several of them have is encoded once.

    Each item runs once under each of the job's contexts, of `context_tokens`, which are encoded elsewhere.
    """
    load = Load()
    contexts = set()
    for item in items:
        own = item.residues + BOUNDARY_TOKENS
        if item.context is not None:
            contexts.add(item.context)
        after = context_tokens or [item.context.tokens if item.context is not None else 0]
        load += total(pass_load(own, tokens) for tokens in after)
    return load + total(context_load(context.tokens) for context in contexts)


class ItemCutter:
    """Cutter of a job's items, batch by batch. Each item is run once under each of the job's contexts.

    The first chunk counts the tokens of those contexts, because a worker encodes them once.
    """

    def __init__(self, context_tokens: Sequence[int] = ()) -> None:
        self._context_tokens = context_tokens
        self._unread = total(map(context_load, context_tokens))

    def chunks(self, items: Iterable[ItemCost]) -> list[ChunkPlan]:
        """Return the items, in order, in chunks of CHUNK_ITEMS; the last one may be shorter."""
        plans = []
        for group in _groups(iter(items)):
            load = self._unread + items_load(group, self._context_tokens)
            plans.append(ChunkPlan(tuple(item.index for item in group), load))
            self._unread = Load()
        return plans


def _groups(items: Iterator[ItemCost]) -> Iterator[list[ItemCost]]:
    while group := list(islice(items, CHUNK_ITEMS)):
        yield group


JOB_GROUP = -1
"""The group of units that all items of a job share. Other groups are the index of their item."""
TOGETHER_TOKENS = 8
"""Tokens that count for putting an item together from its units, without a pass through the network."""
UNIT_CHUNK_TOKENS = 16_384
"""Limit of a chunk with several units, so that a worker that stops or is cancelled loses little."""


def plan_units(units: UnitPlan, context_tokens: Sequence[int], *, group: int) -> Iterator[ChunkPlan]:
    """Cut units, in order, into chunks of CHUNK_UNITS, or of fewer if they are large.

    A context counts where it begins, since a worker encodes it once.
    """
    last_context = -1
    first, count = 0, len(units)
    while first < count:
        load, end = Load(), first
        while end < count and end - first < CHUNK_UNITS:
            own = units.own_tokens(end)
            if end > first and load.tokens + own > UNIT_CHUNK_TOKENS:
                break
            context = units.context_of(end)
            before = context_tokens[context] if context_tokens else 0
            if context != last_context:
                load += context_load(before)
                last_context = context
            load += pass_load(own // units.passes, before, units.passes)
            end += 1
        key = "" if first else common_key(units)
        yield ChunkPlan((), load, group, unit_first=first, unit_count=end - first, key=key)
        first = end


def plan_together(indices: Iterable[int], *, group: int) -> ChunkPlan:
    """Return the chunk of items that wait for the units of their group."""
    items = tuple(indices)
    return ChunkPlan(items, Load(TOGETHER_TOKENS * len(items)), group, blocked=True)


def plan_again(
    items: Sequence[ItemCost], *, context_tokens: Sequence[int], long: bool, shared: bool
) -> list[ChunkPlan]:
    """Return chunks of items that are computed again; those of long actions wait for units, which may be `shared`."""
    if not long:
        return ItemCutter(context_tokens).chunks(items)
    if not shared:
        return [plan_together([item.index], group=item.index) for item in items]
    return [plan_together((item.index for item in some), group=JOB_GROUP) for some in _groups(iter(items))]
