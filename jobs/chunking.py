"""Cutting a library into chunks: eight consecutive items each, whatever their lengths and contexts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

from jobs.limits import CHUNK_ITEMS
from worker.protocol import BOUNDARY_TOKENS


@dataclass(frozen=True, slots=True)
class ChunkPlan:
    """Items of one chunk by their index in the input, ascending, and the tokens of their forward passes."""

    indices: tuple[int, ...]
    tokens: int


def item_tokens(sequence: str, context_tokens: int | None) -> int:
    """Tokens of one pass of an item whose context, where it has one, takes `context_tokens`."""
    return len(sequence) + BOUNDARY_TOKENS + (context_tokens or 0)


def plan_chunks(items: Iterable[tuple[int, int]]) -> list[ChunkPlan]:
    """Cut (index, tokens) pairs, in order, into chunks of CHUNK_ITEMS; the last one may be shorter."""
    return [
        ChunkPlan(tuple(index for index, _ in group), sum(tokens for _, tokens in group))
        for group in _groups(iter(items))
    ]


def _groups(items: Iterator[tuple[int, int]]) -> Iterator[list[tuple[int, int]]]:
    while group := list(islice(items, CHUNK_ITEMS)):
        yield group
