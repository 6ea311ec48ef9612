"""Work units while records come in: which chunks they and their items get."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from e1protocol import tokens_of
from jobs.actions import ItemView, LongAction, get_action
from jobs.actions.base import Context
from jobs.errors import InvalidInput
from jobs.library.chunking import JOB_GROUP, ChunkPlan, plan_together, plan_units
from jobs.limits import CHUNK_ITEMS, MAX_UNITS
from jobs.parsing import Record


class UnitIntake:
    """Plans chunks of a long action. Units of single items come with them, shared ones when all items are known."""

    @classmethod
    def of(cls, name: str, params: Mapping[str, Any], contexts: Sequence[Context]) -> UnitIntake | None:
        """None where the action of that name has no work units."""
        action = get_action(name)
        return cls(action, params, tuple(contexts)) if isinstance(action, LongAction) else None

    def __init__(self, action: LongAction, params: Mapping[str, Any], contexts: tuple[Context, ...]) -> None:
        self._params, self._action, self._contexts = params, action, contexts
        self._context_tokens = [tokens_of(*context) for context in contexts]
        self._positions: set[int] = set()
        self._shares = action.shares_units(params)
        self.total = 0

    @property
    def unit_positions(self) -> list[int] | None:
        """Positions whose units are shared, ascending; None where none are."""
        return sorted(self._positions) if self._shares else None

    def chunks(self, records: Sequence[Record]) -> list[ChunkPlan]:
        """Chunks of these items, and of their own units. Raises InvalidInput `too_many_units`."""
        if self._shares:
            for record in records:
                self._positions.update(self._action.positions(ItemView(record.sequence), self._params))
            indices = [record.index for record in records]
            starts = range(0, len(indices), CHUNK_ITEMS)
            return [plan_together(indices[start : start + CHUNK_ITEMS], group=JOB_GROUP) for start in starts]
        plans: list[ChunkPlan] = []
        for record in records:
            item = ItemView(record.sequence, contexts=self._contexts)
            units = self._action.plan(self._params, self._contexts, item=item)
            self._count(len(units))
            plans += plan_units(units, self._context_tokens, group=record.index)
            plans.append(plan_together([record.index], group=record.index))
        return plans

    def shared_chunks(self) -> list[ChunkPlan]:
        """Chunks of the units that all items share, once all items are known. Raises InvalidInput `too_many_units`."""
        if not self._shares:
            return []
        units = self._action.plan(self._params, self._contexts, positions=sorted(self._positions))
        self._count(len(units))
        return list(plan_units(units, self._context_tokens, group=JOB_GROUP))

    def _count(self, units: int) -> None:
        self.total += units
        if self.total > MAX_UNITS:
            what = f"this job takes more than {MAX_UNITS:,} passes through the network"
            remedy = "Send fewer sequences, positions or contexts at a time."
            raise InvalidInput.one("too_many_units", what, remedy)
