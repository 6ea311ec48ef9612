"""contacts: the map of residue pairs whose logits answer to each other's substitutions (categorical Jacobian).

A unit is the row of one position: the centred changes of all logits by its substitutions. Rows are stored until the map
is put together from them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from e1protocol import Encoding, ModelFacts, Query, tokens_of
from jobs.actions.base import Array, ItemView, Outputs, Params, Stored, required
from jobs.actions.columns import FLOAT, SINGLE, SPREAD, Column
from jobs.actions.contexts import Contexts, count_of
from jobs.actions.ensembles import ensemble_of, with_ensemble
from jobs.actions.layouts import PAIRS
from jobs.actions.units import LongAction, UnitPlan
from jobs.parsing import ItemRules
from jobs.science.contacts.jacobian import (
    MAX_CONTACT_RESIDUES,
    RESIDUES,
    ContactMap,
    Floats,
    centred_row,
    jacobian_row,
    row_queries,
    wildtype_query,
)
from jobs.science.variants.marginals import NO_CONTEXT

FLOAT32 = np.dtype(FLOAT)


class Contacts(LongAction):
    name = "contacts"
    title = "contacts"
    summary = "Contact map of a sequence from the categorical Jacobian, L x L."
    per_token_kinds = frozenset({"unit"})
    unit_words = ("row of the contact maps", "rows of the contact maps")
    residues_setting = "E1_MAX_CONTACT_RESIDUES"

    def rules_for(self, model: ModelFacts, params: Params) -> ItemRules:
        rules = self.rules(model)
        longest = min(rules.max_residues, MAX_CONTACT_RESIDUES)
        return replace(rules, context_allowed=False, max_residues=longest, min_residues=2)

    def plan(
        self, params: Params, contexts: Contexts, *, item: ItemView | None = None, positions: Sequence[int] = ()
    ) -> UnitPlan:
        if item is None:
            raise ValueError("contact maps share no units")
        return ContactUnits(item.sequence, contexts or NO_CONTEXT)

    def columns(self, params: Params, model: ModelFacts) -> tuple[Column, ...]:
        # A map [L, L] is stored as L * L rows of one number.
        columns = (Column("contacts", "contacts", rows=PAIRS, cell="score"),)
        contexts = count_of(params)
        return with_ensemble(columns, contexts) if contexts > 1 else columns

    def result(self, item: ItemView, params: Params, outputs: Outputs) -> dict[str, Any]:
        length = len(item.sequence)
        result: dict[str, Any] = {"contacts": outputs["contacts", -1].reshape(length, length)}
        if (count := count_of(params)) > 1:
            result["spread"] = outputs["contacts" + SPREAD, -1].reshape(length, length)
            single = outputs["contacts" + SINGLE, -1]
            result["single"] = [np.ascontiguousarray(one).reshape(length, length) for one in single.T[:count]]
        return result


@dataclass(frozen=True, slots=True)
class ContactUnits(UnitPlan):
    """Rows of the Jacobian of one sequence, context by context, position by position."""

    sequence: str
    contexts: Contexts

    def __len__(self) -> int:
        return len(self.contexts) * len(self.sequence)

    def context_of(self, unit: int) -> int:
        return unit // len(self.sequence)

    @property
    def passes(self) -> int:
        return RESIDUES

    def own_tokens(self, unit: int) -> int:
        return RESIDUES * tokens_of(self.sequence)

    def queries(self, unit: int) -> list[Query]:
        context = self.contexts[self.context_of(unit)]
        position = unit % len(self.sequence)
        return [wildtype_query(self.sequence, context), *row_queries(self.sequence, position, context)]

    def reduce(self, unit: int, encodings: Sequence[Encoding]) -> Array:
        """Return [L, 400]: for each partner, changes by residue of this position and logit of the partner."""
        wildtype, *mutants = (required(encoding) for encoding in encodings)
        row = centred_row(jacobian_row(self.sequence, unit % len(self.sequence), wildtype, mutants))
        return row.transpose(1, 0, 2).reshape(len(self.sequence), RESIDUES * RESIDUES)

    def finish(self, item: ItemView, arrays: Iterator[Array]) -> list[Stored]:
        maps = np.stack([self._map(arrays).reshape(-1, 1) for _ in self.contexts])
        if len(self.contexts) == 1:
            return [Stored("contacts", -1, maps[0].astype(FLOAT32))]
        return ensemble_of("contacts", -1, maps, FLOAT32)

    def _map(self, arrays: Iterator[Array]) -> Floats:
        """Return the map [L, L] of the next L rows."""
        length = len(self.sequence)
        gathered = ContactMap(length)
        for position in range(length):
            row = next(arrays).reshape(length, RESIDUES, RESIDUES).transpose(1, 0, 2)
            gathered.add(position, row.astype(np.float32))
        return gathered.finish()
