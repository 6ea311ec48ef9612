"""Actions whose items are a query each, or one for each context."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

from e1protocol import Encoding, ModelFacts, Query
from jobs.actions.base import Action, ItemView, Outputs, Stored
from jobs.actions.columns import Column
from jobs.actions.ensembles import joined, parted, with_ensemble

WORDS = ("vocab_tokens", "sequence_tokens", "mask_positions", "context_sequence_count")
"""Fields of results that are no numbers of the network."""


class DirectAction(Action):
    """What an action says of one context; what several contexts make of it is the same for all actions."""

    @abstractmethod
    def expand(self, item: ItemView, params: Mapping[str, Any]) -> list[Query]:
        """The engine queries that answer this item under its own context, in a fixed order."""

    @abstractmethod
    def reduce(self, item: ItemView, params: Mapping[str, Any], encodings: Sequence[Encoding]) -> list[Stored]:
        """What to store of the encodings of `expand`'s queries, in their order."""

    @abstractmethod
    def single_columns(self, params: Mapping[str, Any], model: ModelFacts) -> tuple[Column, ...]:
        """The arrays of an item under one context."""

    @abstractmethod
    def single_result(self, item: ItemView, params: Mapping[str, Any], outputs: Outputs) -> dict[str, Any]:
        """The result under one context."""

    def columns(self, params: Mapping[str, Any], model: ModelFacts) -> tuple[Column, ...]:
        columns = self.single_columns(params, model)
        contexts = len(params.get("contexts", ()))
        return with_ensemble(columns, contexts) if contexts else columns

    def expand_each(self, item: ItemView, params: Mapping[str, Any]) -> list[Query]:
        """The queries of the item under each of its contexts, one context after the other."""
        return [query for view in _views(item) for query in self.expand(view, params)]

    def reduce_each(self, item: ItemView, params: Mapping[str, Any], encodings: Sequence[Encoding]) -> list[Stored]:
        """What to store of the encodings of `expand_each`'s queries: with several contexts mean, spread, singles."""
        views = _views(item)
        count = len(encodings) // len(views)
        parts = [encodings[start : start + count] for start in range(0, len(encodings), count)]
        singles = [self.reduce(view, params, part) for view, part in zip(views, parts, strict=True)]
        return joined(singles) if item.contexts else singles[0]

    def result(self, item: ItemView, params: Mapping[str, Any], outputs: Outputs) -> dict[str, Any]:
        """With several contexts (`params.contexts` says how many): the result of the means, and `contexts` with
        `count`, `spread` and every `single`, both shaped like the result.
        """
        count = len(params.get("contexts", ()))
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
