"""Cutting a library into chunks: eight consecutive items each, whatever their lengths and contexts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

from jobs.limits import CHUNK_ITEMS
from worker.protocol import BOUNDARY_TOKENS


@dataclass(frozen=True, slots=True)
class ContextRef:
    """A stored context: its row and the tokens of its sequences."""

    id: int
    tokens: int


@dataclass(frozen=True, slots=True)
class ItemCost:
    """What is known of an item that is to be computed."""

    index: int
    residues: int
    context: ContextRef | None = None


@dataclass(frozen=True, slots=True)
class ChunkPlan:
    """Items of one chunk by their index in the input, ascending, and the tokens that they run."""

    indices: tuple[int, ...]
    tokens: int


def chunk_tokens(items: Iterable[ItemCost]) -> int:
    """Tokens that these items run together: a worker encodes a context once, however many of them share it."""
    whole = list(items)
    contexts = {item.context for item in whole if item.context is not None}
    return sum(item.residues + BOUNDARY_TOKENS for item in whole) + sum(context.tokens for context in contexts)


def plan_chunks(items: Iterable[ItemCost]) -> list[ChunkPlan]:
    """Cut items, in order, into chunks of CHUNK_ITEMS; the last one may be shorter."""
    return [ChunkPlan(tuple(item.index for item in group), chunk_tokens(group)) for group in _groups(iter(items))]


def _groups(items: Iterator[ItemCost]) -> Iterator[list[ItemCost]]:
    while group := list(islice(items, CHUNK_ITEMS)):
        yield group
