"""Actions that answer an item with a query under each of its contexts."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

from e1protocol import Encoding, ModelFacts, Query
from jobs.actions.base import Action, ItemView, Outputs, Params, Stored
from jobs.actions.columns import Column
from jobs.actions.contexts import count_of
from jobs.actions.ensembles import joined, parted, with_ensemble

WORDS = ("vocab_tokens", "sequence_tokens", "mask_positions", "context_sequence_count")
"""Fields of results that aren't numbers of the network."""


class DirectAction(Action):
    """An action described for one context. Results of several contexts are combined here, alike for all actions."""

    @abstractmethod
    def expand(self, item: ItemView, params: Params) -> list[Query]:
        """Return the engine queries that answer this item under its own context, in a fixed order."""

    @abstractmethod
    def reduce(self, item: ItemView, params: Params, encodings: Sequence[Encoding]) -> list[Stored]:
        """Return what to store of the encodings of `expand`'s queries, in their order."""

    @abstractmethod
    def single_columns(self, params: Params, model: ModelFacts) -> tuple[Column, ...]:
        """Return the arrays of an item under one context."""

    @abstractmethod
    def single_result(self, item: ItemView, params: Params, outputs: Outputs) -> dict[str, Any]:
        """Return the result under one context."""

    def columns(self, params: Params, model: ModelFacts) -> tuple[Column, ...]:
        columns, contexts = self.single_columns(params, model), count_of(params)
        return with_ensemble(columns, contexts) if contexts else columns

    def expand_each(self, item: ItemView, params: Params) -> list[Query]:
        """Return the queries of the item under each of its contexts, one context after the other."""
        return [query for view in _views(item) for query in self.expand(view, params)]

    def reduce_each(self, item: ItemView, params: Params, encodings: Sequence[Encoding]) -> list[Stored]:
        """Return what to store of the encodings of `expand_each`'s queries.

        If the job has contexts, that is the mean, the spread and the single values.
        """
        views = _views(item)
        count = len(encodings) // len(views)
        parts = [encodings[start : start + count] for start in range(0, len(encodings), count)]
        singles = [self.reduce(view, params, part) for view, part in zip(views, parts, strict=True)]
        return joined(singles) if item.contexts else singles[0]

    def result(self, item: ItemView, params: Params, outputs: Outputs) -> dict[str, Any]:
        """Return the result of the one context, or of the means over several.

        With several, `contexts` has their `count`, their `spread`, and each `single` one, shaped like the result.
        """
        count = count_of(params)
        if not count:
            return self.single_result(item, params, outputs)
        mean, spread, singles = parted(outputs, count)
        whole = self.single_result(item, params, mean)
        return whole | {
            "contexts": {
                "count": count,
                "spread": _numbers(self.single_result(item, params, spread)),
                "single": [_numbers(self.single_result(item, params, one)) for one in singles],
            }
        }


def _views(item: ItemView) -> list[ItemView]:
    return [ItemView(item.sequence, context) for context in item.each_context]


def _numbers(result: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in result.items() if name not in WORDS}
