"""Which queries share a forward pass, and how their tokens lie in it. Pure functions over numpy; no device."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from worker.model.attention import Span
from worker.model.config import E1Config
from worker.model.e1 import Packed
from worker.model.errors import QueryError
from worker.model.tokenizer import tokenize
from worker.protocol import BOUNDARY_TOKENS, INCLUDES, Query


@dataclass(frozen=True, slots=True)
class Placed:
    """Where the residues of one query lie in a packed batch: tokens `start:end`, boundary tokens excluded."""

    start: int
    end: int


def check_query(query: Query, config: E1Config) -> None:
    """Raise QueryError where the query breaks a limit of the checkpoint. Letters are checked by the tokenizer."""
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
    """Hidden states that the query asks for, counted from 0, or none where it wants logits only.

    Raises QueryError `bad_layer` outside -(layers + 1)..layers.
    """
    if not query.include & {"mean", "per_token"}:
        return ()
    count = config.num_hidden_layers + 1
    for layer in query.layers:
        if not -count <= layer < count:
            raise QueryError("bad_layer", f"layer {layer} does not exist; choose from {-count} to {count - 1}")
    return tuple(dict.fromkeys(layer % count for layer in query.layers))


def plan_batches(token_counts: Sequence[int], budget: int) -> list[list[int]]:
    """Group query numbers, in order, into batches of at most `budget` tokens; a larger query goes alone."""
    batches: list[list[int]] = []
    room = 0
    for number, tokens in enumerate(token_counts):
        if not batches or tokens > room:
            batches.append([])
            room = budget
        batches[-1].append(number)
        room -= tokens
    return batches


def pack(queries: Sequence[Query]) -> tuple[Packed, list[Placed]]:
    """Lay the queries' instances one after the other. Raises QueryError for characters that are no residues."""
    tokens, ids, within, whole = [], [], [], []
    spans_within: list[Span] = []
    spans_blocks: list[Span] = []
    placed: list[Placed] = []
    at = 0
    for query in queries:
        instance = at
        for index, sequence in enumerate((*query.context, query.sequence)):
            piece = tokenize(sequence)
            start, at = at, at + len(piece)
            tokens.append(piece)
            ids.append(np.full(len(piece), index))
            within.append(np.arange(len(piece)))
            whole.append(np.arange(start - instance, at - instance))
            spans_within.append(Span(start, at, start, at))
            spans_blocks.append(Span(start, at, instance, at))
        placed.append(Placed(at - 2 - len(query.sequence), at - 2))
    packed = Packed(
        tokens=torch.from_numpy(np.concatenate(tokens)),
        sequence_ids=torch.from_numpy(np.concatenate(ids)),
        positions_within=torch.from_numpy(np.concatenate(within)),
        positions_global=torch.from_numpy(np.concatenate(whole)),
        within=spans_within,
        blocks=spans_blocks,
    )
    return packed, placed
