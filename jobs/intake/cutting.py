"""Chunks, work units and tokens of a library, planned while its records come in.

Intake, estimates and previews use the same code, so an estimate is what the job will have.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from e1protocol import tokens_of
from e1protocol.costs import Load, context_load, pass_load, taken_load, total
from jobs.actions import ItemView, LongAction, get_action
from jobs.actions.contexts import Context
from jobs.actions.units import UnitPlan
from jobs.errors import InvalidInput
from jobs.fleet.pace import kind_of
from jobs.library.chunking import JOB_GROUP, ChunkPlan, ContextRef, ItemCost, ItemCutter, plan_together, plan_units
from jobs.limits import CHUNK_ITEMS, MAX_UNITS
from jobs.parsing import Record


class Cutter:
    """Plans the chunks of one job. `units` counts its work units so far, 0 if the action has none.

    `kept_bytes` is what they keep for later jobs. `planned` is called with each plan of units and its chunks.
    Units of single items are planned with them, shared units once all items are known.
    """

    def __init__(
        self,
        action: str,
        params: Mapping[str, Any],
        contexts: Sequence[Context] = (),
        *,
        planned: Callable[[UnitPlan, Sequence[ChunkPlan]], None] | None = None,
    ) -> None:
        found = get_action(action)
        self._long = found if isinstance(found, LongAction) else None
        self._shares = self._long is not None and self._long.shares_units(params)
        self._params, self._contexts = params, tuple(contexts)
        self._context_tokens = [tokens_of(*context) for context in contexts]
        self._items = ItemCutter(self._context_tokens)
        self._planned = planned
        self._positions: set[int] = set()
        self.units = 0
        self.kept_bytes = 0

    @property
    def unit_positions(self) -> list[int] | None:
        """Positions whose units are shared, ascending; None if units are not shared."""
        return sorted(self._positions) if self._shares else None

    def chunks(self, records: Sequence[Record], context_of: Mapping[int, ContextRef | None]) -> list[ChunkPlan]:
        """Return chunks of these items and of their own units. `context_of` maps an index to the item's context.

        Raises InvalidInput `too_many_units`.
        """
        if self._long is None:
            return self._items.chunks(
                ItemCost(record.index, len(record.sequence), context_of[record.index]) for record in records
            )
        if self._shares:
            for record in records:
                self._positions.update(self._long.positions(ItemView(record.sequence), self._params))
            indices = [record.index for record in records]
            starts = range(0, len(indices), CHUNK_ITEMS)
            return [plan_together(indices[start : start + CHUNK_ITEMS], group=JOB_GROUP) for start in starts]
        plans: list[ChunkPlan] = []
        for record in records:
            item = ItemView(record.sequence, contexts=self._contexts)
            plans += self._of_units(record.index, item=item)
            plans.append(plan_together([record.index], group=record.index))
        return plans

    def shared_chunks(self) -> list[ChunkPlan]:
        """Return chunks of the units that all items share, once all items are known.

        Raises InvalidInput `too_many_units`.
        """
        return self._of_units(JOB_GROUP, positions=sorted(self._positions)) if self._shares else []

    def _of_units(self, group: int, **what: Any) -> list[ChunkPlan]:
        if self._long is None:
            raise AssertionError("the action has no work units")
        units = self._long.plan(self._params, self._contexts, **what)
        self.units += len(units)
        self.kept_bytes += units.kept_bytes
        if self.units > MAX_UNITS:
            message = f"this job takes more than {MAX_UNITS:,} passes through the network"
            raise InvalidInput.one("too_many_units", message, "Send fewer sequences, positions or contexts at a time.")
        chunks = list(plan_units(units, self._context_tokens, group=group))
        if self._planned is not None:
            self._planned(units, chunks)
        return chunks


@dataclass(frozen=True, slots=True)
class CommonUnits:
    """A group of units that other jobs may hold: its key, its plan, and the units of each of its chunks."""

    key: str
    plan: UnitPlan
    chunks: Sequence[range]

    def saved(self, held: Collection[int], context_tokens: Sequence[int]) -> Load:
        """Return the load of units that are held, with contexts and chunks that are held as a whole."""
        plan = self.plan
        wholes = Counter(map(plan.context_of, range(len(plan))))
        passes = Counter((plan.context_of(unit), plan.own_tokens(unit)) for unit in held)
        found, load = Counter[int](), Load()
        for (context, own), count in passes.items():
            before = context_tokens[context] if context_tokens else 0
            load += pass_load(own // plan.passes, before, plan.passes * count)
            found[context] += count
            if found[context] == wholes[context]:
                load += context_load(before)
        return load + Load(chunks=sum(all(unit in held for unit in chunk) for chunk in self.chunks))


class PlanTally:
    """Chunks and tokens of one library, counted while it is read. Call `close` after the last record.

    `loads` are what is to be computed, by kind of work. `contexts` are those that all items share: each further worker
    of the job encodes them again. `common` are the first groups of units that other jobs may hold.
    `note` and `close` raise InvalidInput `too_many_units`.
    """

    MOST_GROUPS = 200
    MOST_UNITS = 100_000
    """No more groups than these, nor more units in all of them, are remembered in `common`."""

    def __init__(self, action: str, params: Mapping[str, Any], contexts: Sequence[Context] = ()) -> None:
        self._cutter = Cutter(action, params, contexts, planned=self._remember)
        self._pending: list[tuple[Record, Context]] = []
        self._action, self._under = action, bool(contexts)
        self._context_tokens = [tokens_of(*context) for context in contexts]
        self._remembered = self._common_units = 0
        self.common: list[CommonUnits] = []
        self.loads: dict[str, Load] = {}
        self.contexts = total(map(context_load, self._context_tokens))

    @property
    def units(self) -> int:
        return self._cutter.units

    @property
    def kept_bytes(self) -> int:
        return self._cutter.kept_bytes

    @property
    def chunks(self) -> int:
        return total(self.loads.values()).chunks

    @property
    def tokens(self) -> int:
        return total(self.loads.values()).tokens

    @property
    def common_forgotten(self) -> int:
        """Units that other jobs may hold, of groups beyond those in `common`."""
        return self._common_units - self._remembered

    def without(self, held: Sequence[Collection[int]]) -> tuple[dict[str, Load], Load]:
        """Return what is left of `loads` and `contexts`, if earlier jobs hold these units of each of `common`."""
        computed, taken = (
            kind_of(self._action, contexts=self._under, together=False, taken=taken) for taken in (False, True)
        )
        pairs = zip(self.common, held, strict=True)
        parts = [one.saved(units, self._context_tokens) for one, units in pairs if units]
        if not (saved := total(parts)).passes:
            return self.loads, self.contexts
        left = self.loads | {computed: self.loads[computed] - saved, taken: taken_load(saved.chunks)}
        whole = sum(map(len, held)) == self.units
        return {kind: load for kind, load in left.items() if load.chunks}, Load() if whole else self.contexts

    def note(self, record: Record, context: Context = ()) -> None:
        """Count one record; `context` is its own or the shared one."""
        self._pending.append((record, context))
        if len(self._pending) == CHUNK_ITEMS:
            self._cut()

    def close(self) -> None:
        """Count the last, shorter chunk, and the units that all items share."""
        self._cut()
        self._add(self._cutter.shared_chunks())

    def _cut(self) -> None:
        # Contexts are told apart within a chunk only, so their numbers can start again with each.
        refs: dict[Context, ContextRef | None] = {(): None}
        for _, context in self._pending:
            refs.setdefault(context, ContextRef(len(refs), tokens_of(*context)))
        context_of = {record.index: refs[context] for record, context in self._pending}
        self._add(self._cutter.chunks([record for record, _ in self._pending], context_of))
        self._pending.clear()

    def _remember(self, plan: UnitPlan, chunks: Sequence[ChunkPlan]) -> None:
        if key := chunks[0].key if chunks else "":
            self._common_units += len(plan)
            if len(self.common) < self.MOST_GROUPS and self._common_units <= self.MOST_UNITS:
                self._remembered += len(plan)
                ranges = [range(one.unit_first, one.unit_first + one.unit_count) for one in chunks]
                self.common.append(CommonUnits(key, plan, ranges))

    def _add(self, plans: Sequence[ChunkPlan]) -> None:
        for plan in plans:
            kind = kind_of(self._action, contexts=self._under, together=plan.blocked)
            self.loads[kind] = self.loads.get(kind, Load()) + plan.load + Load(chunks=1)
