"""Dividing queries into forward passes, and packing their tokens. Pure functions without a device."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from e1protocol import BOUNDARY_TOKENS, INCLUDES, Encoding, Query
from worker.model.attention import Span
from worker.model.config import E1Config
from worker.model.e1 import Packed
from worker.model.errors import QueryError
from worker.model.tokenizer import tokenize


@dataclass(frozen=True, slots=True)
class Placed:
    """The residues of one query in a packed batch: tokens `start:end`, without boundary tokens."""

    start: int
    end: int


def check_query(query: Query, config: E1Config) -> None:
    """Raise QueryError if the query breaks a limit of the checkpoint. The tokenizer checks letters."""
    longest = max(len(query.sequence), *map(len, query.context), 0)
    if longest > config.max_residues:
        raise QueryError("sequence_too_long", f"{longest} residues; this checkpoint takes {config.max_residues}")
    if len(query.context) > config.max_contexts:
        raise QueryError(
            "too_many_contexts", f"{len(query.context)} context sequences; this checkpoint takes {config.max_contexts}"
        )
    if query.tokens > config.max_num_positions_global:
        raise QueryError(
            "context_too_long",
            f"query and contexts together are {query.tokens} tokens (residues + {BOUNDARY_TOKENS} per sequence); "
            f"this checkpoint has {config.max_num_positions_global} positions",
        )
    if not query.include or not query.include <= set(INCLUDES):
        raise QueryError("bad_include", f"include is {sorted(query.include)}; choose from {list(INCLUDES)}")
    if query.positions is not None and not all(0 <= p < len(query.sequence) for p in query.positions):
        raise QueryError("bad_position", f"positions lie outside 0..{len(query.sequence) - 1}")


def resolve_layers(query: Query, config: E1Config) -> tuple[int, ...]:
    """Return the hidden states that the query asks for, counted from 0; none if it asks for logits only.

    Raises QueryError `bad_layer` outside -(layers + 1)..layers.
    """
    if not query.include & {"mean", "per_token"}:
        return ()
    count = config.num_hidden_layers + 1
    for layer in query.layers:
        if not -count <= layer < count:
            raise QueryError("bad_layer", f"layer {layer} does not exist; choose from {-count} to {count - 1}")
    return tuple(dict.fromkeys(layer % count for layer in query.layers))


def merge_same(queries: Sequence[Query]) -> tuple[list[Query], list[int]]:
    """Merge queries of the same sequence and context into one that asks for everything they ask for.

    Returns the merged queries, and for each query the number of its merged one.
    """
    numbers: dict[tuple[str, tuple[str, ...]], int] = {}
    merged: list[Query] = []
    number_of = []
    for query in queries:
        number = numbers.setdefault((query.sequence, query.context), len(merged))
        if number == len(merged):
            merged.append(query)
        elif query != merged[number]:
            merged[number] = _both(merged[number], query)
        number_of.append(number)
    return merged, number_of


def _both(a: Query, b: Query) -> Query:
    layers = (layer for q in (a, b) if q.include & {"mean", "per_token"} for layer in q.layers)
    positions: tuple[int, ...] | None = ()
    for query in (a, b):
        if "logits" in query.include:
            positions = None if positions is None or query.positions is None else (*positions, *query.positions)
    if positions is not None:
        positions = tuple(dict.fromkeys(positions))
    return Query(
        a.sequence,
        a.context,
        tuple(dict.fromkeys(layers)),
        a.include | b.include,
        positions,
    )


def part_of(encoding: Encoding, asked: Query, ran: Query, config: E1Config) -> Encoding:
    """Return the part of the encoding of `ran` that `asked` asks for."""
    if asked == ran or encoding.error:
        return encoding
    layers = resolve_layers(asked, config)
    logits = encoding.logits if "logits" in asked.include else None
    if logits is not None and asked.positions is not None:
        rows = asked.positions
        if ran.positions is not None:
            place = {position: row for row, position in enumerate(ran.positions)}
            rows = tuple(place[position] for position in asked.positions)
        logits = logits[list(rows)]
    return Encoding(
        logits=logits,
        mean={layer: encoding.mean[layer] for layer in layers} if "mean" in asked.include else {},
        per_token={layer: encoding.per_token[layer] for layer in layers} if "per_token" in asked.include else {},
    )


@dataclass(frozen=True, slots=True)
class Load:
    """The cost of a query in a forward pass: the tokens to run, and the cached context that precedes them."""

    tokens: int
    context: bytes | None = None
    context_bytes: int = 0


def plan_batches(loads: Sequence[Load], tokens: int, context_bytes: int) -> list[list[int]]:
    """Group query numbers into batches of at most `tokens`, with contexts of at most `context_bytes`.

    A larger query runs alone. Queries of the same context are adjacent. Those without one are last in their batch, so
    that the rows that see contexts are one range. Otherwise the order stays.
    """
    first: dict[bytes | int, int] = {}
    for number, load in enumerate(loads):
        first.setdefault(number if load.context is None else load.context, number)
    order = sorted(range(len(loads)), key=lambda n: (first.get(loads[n].context or n, n), n))
    batches: list[list[int]] = []
    room = space = 0
    last: bytes | None = None
    for number in order:
        load = loads[number]
        fresh = load.context_bytes if load.context != last else 0
        if not batches or load.tokens > room or fresh > space:
            batches.append([])
            room, space, fresh = tokens, context_bytes, load.context_bytes
        batches[-1].append(number)
        room -= load.tokens
        space -= fresh
        last = load.context
    for batch in batches:
        batch.sort(key=lambda number: loads[number].context is None)
    return batches


@dataclass(frozen=True, slots=True)
class Instance:
    """Sequences that belong together, with the sequence number and the global position of their start."""

    sequences: tuple[str, ...]
    first_id: int = 0
    first_position: int = 0


def pack(instances: Sequence[Instance]) -> tuple[Packed, list[Placed]]:
    """Pack the instances one after the other; return the batch and the places of each one's last sequence.

    Raises QueryError for characters that are not residues.
    """
    tokens, ids, within, whole = [], [], [], []
    spans_within: list[Span] = []
    spans_blocks: list[Span] = []
    placed: list[Placed] = []
    at = 0
    for instance in instances:
        begin = at
        for index, sequence in enumerate(instance.sequences, start=instance.first_id):
            piece = tokenize(sequence)
            start, at = at, at + len(piece)
            tokens.append(piece)
            ids.append(np.full(len(piece), index))
            within.append(np.arange(len(piece)))
            whole.append(np.arange(start - begin, at - begin) + instance.first_position)
            spans_within.append(Span(start, at, start, at))
            spans_blocks.append(Span(start, at, begin, at))
        placed.append(Placed(at - 2 - len(instance.sequences[-1]), at - 2))
    packed = Packed(
        tokens=torch.from_numpy(np.concatenate(tokens)),
        sequence_ids=torch.from_numpy(np.concatenate(ids)),
        positions_within=torch.from_numpy(np.concatenate(within)),
        positions_global=torch.from_numpy(np.concatenate(whole)),
        within=tuple(spans_within),
        blocks=tuple(spans_blocks),
    )
    return packed, placed
