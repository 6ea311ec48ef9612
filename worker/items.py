"""Items through an engine: expand, encode all together, reduce. What the worker and `e1 run` have in common."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jobs.actions import Action, ItemView, Stored
from worker.protocol import Encoding, Query

Encode = Callable[[Sequence[Query]], Sequence[Encoding]]
"""`Engine.encode`."""


@dataclass(frozen=True, slots=True)
class Computed:
    """What one item gave: arrays to store, or the stable code of why it has none."""

    stored: Sequence[Stored] = ()
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Work:
    """An item with what is asked of it."""

    action: Action
    params: Mapping[str, Any]
    view: ItemView


def expand_all(work: Sequence[Work]) -> list[list[Query]]:
    """The engine queries of each item."""
    return [one.action.expand(one.view, one.params) for one in work]


def compute(work: Sequence[Work], expanded: Sequence[Sequence[Query]], encode: Encode) -> list[Computed]:
    """One call of the engine for the queries of all items; then each item's arrays, in the order of `work`."""
    encodings = iter(encode([query for queries in expanded for query in queries]))
    return [_reduce(one, [next(encodings) for _ in queries]) for one, queries in zip(work, expanded, strict=True)]


def _reduce(work: Work, encodings: Sequence[Encoding]) -> Computed:
    error = next((encoding.error for encoding in encodings if encoding.error), None)
    if error:
        return Computed(error=error)
    return Computed(stored=work.action.reduce(work.view, work.params, encodings))
