"""A cache of encoded contexts: keys and values of the global layers, kept for every query that follows them.

An entry depends only on the exact sequences of the context, in order, so its key is their digest. Entries are
immutable. When the budget of bytes is used up, the least recently used entry is dropped first.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count

import torch
from torch import Tensor

from worker.model.attention import Attend, Backend, Span, Spans, merge
from worker.model.config import E1Config
from worker.model.tokenizer import tokenize

Key = bytes


@dataclass(frozen=True, slots=True, eq=False)
class ContextEntry:
    """An encoded context.

    `memory` holds rotated keys and values [T, G, D] of the global layers among the first `depth`. `tokens` is T, the
    global position at which a query begins.
    """

    memory: tuple[tuple[Tensor, Tensor], ...]
    depth: int
    sequences: int
    tokens: int

    @property
    def nbytes(self) -> int:
        return sum(tensor.nbytes for pair in self.memory for tensor in pair)


def context_key(context: Sequence[str]) -> Key:
    """Return the digest of the exact tokens. Boundary tokens separate the sequences, so no two contexts share a key."""
    digest = hashlib.sha256()
    for sequence in context:
        digest.update(tokenize(sequence).tobytes())
    return digest.digest()


def by_heads(x_TGD: Tensor) -> Tensor:
    """Copy keys or values so that each head is contiguous: a CPU then attends to many of them a third faster.

    A view would keep the whole batch alive.
    """
    return x_TGD.transpose(0, 1).clone(memory_format=torch.contiguous_format).transpose(0, 1)


def bytes_per_token(config: E1Config, dtype: torch.dtype) -> int:
    """Return the bytes of one context token in an entry of full depth."""
    layers = sum(config.is_global(index) for index in range(config.num_hidden_layers))
    return layers * 2 * config.key_value_size * dtype.itemsize


class ContextCache:
    """Entries by key, least recently used first, of at most `budget` bytes in total."""

    def __init__(self, budget: int) -> None:
        self.budget = budget
        self.nbytes = 0
        self.hits = 0
        self.misses = 0
        self._entries: OrderedDict[Key, ContextEntry] = OrderedDict()

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: Key, depth: int) -> ContextEntry | None:
        """Return the entry if it reaches layer `depth`."""
        entry = self._entries.get(key)
        if entry is None or entry.depth < depth:
            self.misses += 1
            return None
        self.hits += 1
        self._entries.move_to_end(key)
        return entry

    def put(self, key: Key, entry: ContextEntry) -> None:
        """Keep an entry, dropping others to make room. An entry larger than the budget is not kept."""
        self._drop(key)
        if entry.nbytes > self.budget:
            return
        while self.nbytes + entry.nbytes > self.budget:
            self._drop(next(iter(self._entries)))
        self._entries[key] = entry
        self.nbytes += entry.nbytes

    def keep_only(self, keys: set[Key]) -> None:
        """Drop all other entries, to free memory."""
        for key in [key for key in self._entries if key not in keys]:
            self._drop(key)

    def _drop(self, key: Key) -> None:
        entry = self._entries.pop(key, None)
        if entry is not None:
            self.nbytes -= entry.nbytes


def attending_to(groups: Sequence[tuple[slice, ContextEntry]], backend: Backend) -> Iterator[Attend]:
    """Yield, for each global layer in turn, an attention in which each group of rows also sees its context."""
    return (_attend_layer(groups, backend, layer) for layer in count())


def _attend_layer(groups: Sequence[tuple[slice, ContextEntry]], backend: Backend, layer: int) -> Attend:
    def attend(q_TND: Tensor, k_TGD: Tensor, v_TGD: Tensor, spans: Spans) -> Tensor:
        own_TND, own_TN = backend.attend_lse(q_TND, k_TGD, v_TGD, spans)
        pieces: list[Tensor] = []
        done = 0
        for rows, entry in groups:
            k_SGD, v_SGD = entry.memory[layer]
            whole = (Span(0, rows.stop - rows.start, 0, entry.tokens),)
            past_TND, past_TN = backend.attend_lse(q_TND[rows], k_SGD, v_SGD, whole)
            pieces += [own_TND[done : rows.start], merge(own_TND[rows], own_TN[rows], past_TND, past_TN)]
            done = rows.stop
        return torch.cat([*pieces, own_TND[done:]])

    return attend
