"""What a library will be cut into: chunks, work units and tokens. One count for estimates, previews and forms, by the
functions that intake cuts with.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from e1protocol import tokens_of
from jobs.actions.base import Context
from jobs.intake.units import UnitIntake
from jobs.library.chunking import ChunkPlan, ContextRef, ItemCost, ItemCutter
from jobs.limits import CHUNK_ITEMS
from jobs.parsing import Record


class PlanTally:
    """Sums over the accepted records of one library, counted while it is read. Call `close` behind the last one.

    `chunks`, `units` (0 where the action has none) and `tokens` are those that the job will have. `context_tokens` are
    those among them of contexts that all items share: every further worker of the job encodes them once more. Raises
    InvalidInput `too_many_units` from `note` and `close`.
    """

    def __init__(self, action: str, params: Mapping[str, Any], contexts: Sequence[Context] = ()) -> None:
        self._intake = UnitIntake.of(action, params, contexts)
        self._pending: list[tuple[Record, Context]] = []
        each = [tokens_of(*context) for context in contexts]
        self._cutter = ItemCutter(each)
        self.chunks = 0
        self.tokens = 0
        self.context_tokens = sum(each)

    @property
    def units(self) -> int:
        return self._intake.total if self._intake else 0

    def note(self, record: Record, context: Context = ()) -> None:
        """Count one record; `context` is its own, or that which it gets."""
        self._pending.append((record, context))
        if len(self._pending) == CHUNK_ITEMS:
            self._cut()

    def close(self) -> None:
        """Count the last, shorter chunk, and the units that all items share."""
        self._cut()
        if self._intake is not None:
            self._add(self._intake.shared_chunks())

    def _cut(self) -> None:
        if self._intake is not None:
            self._add(self._intake.chunks([record for record, _ in self._pending]))
        else:
            refs: dict[Context, ContextRef] = {}
            costs = (
                ItemCost(record.index, len(record.sequence), self._ref(context, refs))
                for record, context in self._pending
            )
            self._add(self._cutter.chunks(costs))
        self._pending.clear()

    def _add(self, plans: Sequence[ChunkPlan]) -> None:
        self.chunks += len(plans)
        self.tokens += sum(plan.tokens for plan in plans)

    @staticmethod
    def _ref(context: Context, refs: dict[Context, ContextRef]) -> ContextRef | None:
        """Only a chunk's own contexts must be told apart."""
        return refs.setdefault(context, ContextRef(len(refs), tokens_of(*context))) if context else None
