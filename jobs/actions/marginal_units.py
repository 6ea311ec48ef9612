"""Work units of marginals and pseudo-log-likelihoods: a unit is one query, and its logits are kept.

The queries come from the plans of `jobs.science.variants.marginals`. This module puts items together from their logits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from e1protocol import CANONICAL, Query, tokens_of
from jobs.actions.base import Array, ItemView, Stored
from jobs.actions.columns import SINGLE, SPREAD
from jobs.actions.units import UnitPlan
from jobs.science.variants.codes import Variant
from jobs.science.variants.marginals import MarginalPlan, PseudoLikelihoodPlan, Scores

ROW_BYTES = 4 * len(CANONICAL)
"""Bytes of the logits at one position."""


@dataclass(frozen=True, slots=True)
class MarginalUnits(UnitPlan):
    """Units of the marginals of one parent. `variant_of` returns the variant of an item; None means a whole scan."""

    marginals: MarginalPlan
    variant_of: Callable[[ItemView], Variant] | None = None

    @property
    def common(self) -> tuple[str, ...]:
        return "marginal", self.marginals.method, self.marginals.parent

    @property
    def kept_bytes(self) -> int:
        return len(self.marginals.contexts) * len(self.marginals.positions) * ROW_BYTES if len(self) else 0

    def __len__(self) -> int:
        return len(self.marginals)

    def context_of(self, unit: int) -> int:
        return unit // self._per_context

    def own_tokens(self, unit: int) -> int:
        return tokens_of(self.marginals.parent)

    def queries(self, unit: int) -> list[Query]:
        return [self.marginals.query(unit)]

    def units_in(self, other: UnitPlan, units: Iterable[int]) -> dict[int, int]:
        if not isinstance(other, MarginalUnits) or other.common != self.common:
            return {}
        mine, theirs = self.marginals, other.marginals
        starts = {context: at * other._per_context for at, context in enumerate(theirs.contexts)}
        firsts = [starts.get(context) for context in mine.contexts]
        places: Mapping[int, int] = {position: place for place, position in enumerate(theirs.positions)}
        if mine.method == "wildtype_marginal":
            # One pass has the rows of all positions.
            places = {mine.positions[0]: 0} if set(mine.positions) <= places.keys() else {}
        found, count = {}, self._per_context
        for unit in units:
            first, place = firsts[unit // count], places.get(mine.positions[unit % count])
            if first is not None and place is not None:
                found[unit] = first + place
        return found

    def taken(self, other: UnitPlan, array: Array) -> Array:
        if not isinstance(other, MarginalUnits) or self.marginals.method != "wildtype_marginal":
            return array
        # One pass has a row for each position of its plan.
        places = {position: row for row, position in enumerate(other.marginals.positions)}
        return array[[places[position] for position in self.marginals.positions]]

    def needed(self, item: ItemView) -> Sequence[int]:
        if self.variant_of is None or self.marginals.method == "wildtype_marginal":
            return range(len(self))
        places = self._places(self.variant_of(item))
        count = self._per_context
        return [context * count + place for context in range(len(self.marginals.contexts)) for place in places]

    def finish(self, item: ItemView, arrays: Iterator[Array]) -> list[Stored]:
        if self.variant_of is None:
            return self._scan(arrays)
        variant = self.variant_of(item)
        plan = self.marginals
        if plan.method == "masked_marginal":
            mine = tuple(plan.positions[place] for place in self._places(variant))
            plan = MarginalPlan(plan.method, plan.parent, plan.contexts, mine)
        return stored_scores(plan.table(arrays).score([variant]))

    def _scan(self, arrays: Iterator[Array]) -> list[Stored]:
        table = self.marginals.table(arrays)
        positions = np.array(self.marginals.positions, dtype=np.float64)[:, None] + 1
        stored = [
            Stored("scores", -1, table.scan()),
            Stored("scores" + SPREAD, -1, table.scan_spread()),
            Stored("positions", -1, positions),
        ]
        if len(self.marginals.contexts) > 1:
            stored.append(Stored("scores" + SINGLE, -1, np.concatenate(list(table.scan_each()), axis=1)))
        return stored

    @property
    def _per_context(self) -> int:
        return len(self) // len(self.marginals.contexts)

    def _places(self, variant: Variant) -> list[int]:
        """Return the indices of the mutated positions among the plan's, ascending."""
        place = {position: row for row, position in enumerate(self.marginals.positions)}
        return sorted({place[mutation.position - 1] for mutation in variant.mutations})


@dataclass(frozen=True, slots=True)
class PseudoLikelihoodUnits(UnitPlan):
    """Units of the pseudo-log-likelihood of one item."""

    likelihood: PseudoLikelihoodPlan

    def __len__(self) -> int:
        return len(self.likelihood)

    def context_of(self, unit: int) -> int:
        return unit // len(self.likelihood.sequence)

    def own_tokens(self, unit: int) -> int:
        return tokens_of(self.likelihood.sequence)

    def queries(self, unit: int) -> list[Query]:
        return [self.likelihood.query(unit)]

    def finish(self, item: ItemView, arrays: Iterator[Array]) -> list[Stored]:
        return stored_scores(self.likelihood.score(arrays))


def stored_scores(scores: Scores) -> list[Stored]:
    """Return the arrays of one variant's scores."""
    return [
        Stored("score", -1, scores.mean[None]),
        Stored("spread", -1, scores.spread[None]),
        Stored("scores", -1, scores.by_context.T),
    ]
