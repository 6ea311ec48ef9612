"""A cache of encoded contexts: keys and values of the global layers, kept for every query that follows them.

An entry depends only on the exact sequences of the context, in order, so its key is their digest. Entries are
immutable. When the budget of bytes is used up, the least recently used entry is dropped first.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import accumulate, count, pairwise

import torch
from torch import Tensor

from worker.model.attention import Attend, Backend, Span, Spans, rows_of
from worker.model.config import E1Config
from worker.model.fused import EAGER, Fused
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
    """Copy keys or values; a view would keep the whole batch alive.

    On a CPU each head becomes contiguous, because it then attends to many of them a third faster.
    """
    if x_TGD.device.type != "cpu":
        return x_TGD.clone(memory_format=torch.contiguous_format)
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


Groups = Sequence[tuple[slice, ContextEntry]]
"""Ranges of rows, ascending, and the context that each of them follows."""


def attending_to(groups: Groups, backend: Backend, fused: Fused = EAGER) -> Iterator[Attend]:
    """Yield, for each global layer in turn, an attention in which each group of rows also sees its context."""
    if backend.joins:
        joined = _Joined(groups, backend, fused)
        return (partial(joined.attend, layer) for layer in count())
    return (_attend_each(groups, backend, fused, layer) for layer in count())


def _attend_each(groups: Groups, backend: Backend, fused: Fused, layer: int) -> Attend:
    """Attend to one context after the other. Their keys are not copied."""

    def attend(q_TND: Tensor, k_TGD: Tensor, v_TGD: Tensor, spans: Spans) -> Tensor:
        own_TND, own_TN = backend.attend_lse(q_TND, k_TGD, v_TGD, spans)
        pieces: list[Tensor] = []
        done = 0
        for rows, entry in groups:
            k_SGD, v_SGD = entry.memory[layer]
            whole = (Span(0, rows.stop - rows.start, 0, entry.tokens),)
            past_TND, past_TN = backend.attend_lse(q_TND[rows], k_SGD, v_SGD, whole)
            pieces += [own_TND[done : rows.start], fused.merge(own_TND[rows], own_TN[rows], past_TND, past_TN)]
            done = rows.stop
        pieces = [piece for piece in (*pieces, own_TND[done:]) if len(piece)]
        return pieces[0] if len(pieces) == 1 else torch.cat(pieces)

    return attend


class _Joined:
    """Attention to all contexts in one call. The keys of several contexts are joined, which costs less than calls."""

    def __init__(self, groups: Groups, backend: Backend, fused: Fused) -> None:
        self._entries = [entry for _, entry in groups]
        self._backend, self._fused = backend, fused
        self._ranges = [(rows.start, rows.stop) for rows, _ in groups]
        ends = accumulate((stop - start for start, stop in self._ranges), initial=0)
        key_ends = accumulate((entry.tokens for entry in self._entries), initial=0)
        self._past = tuple(Span(*q, *k) for q, k in zip(pairwise(ends), pairwise(key_ends), strict=True))
        self._rows: slice | Tensor | None = None

    def attend(self, layer: int, q_TND: Tensor, k_TGD: Tensor, v_TGD: Tensor, spans: Spans) -> Tensor:
        own_TND, own_TN = self._backend.attend_lse(q_TND, k_TGD, v_TGD, spans)
        if self._rows is None:  # once in a pass
            self._rows = rows_of(self._ranges, q_TND.device)
        rows = self._rows
        k_SGD, v_SGD = (_joined([entry.memory[layer][which] for entry in self._entries]) for which in (0, 1))
        past_TND, past_TN = self._backend.attend_lse(q_TND[rows], k_SGD, v_SGD, self._past)
        merged_TND = self._fused.merge(own_TND[rows], own_TN[rows], past_TND, past_TN)
        if len(merged_TND) == len(own_TND):
            return merged_TND
        own_TND[rows] = merged_TND
        return own_TND


def _joined(tensors: Sequence[Tensor]) -> Tensor:
    return tensors[0] if len(tensors) == 1 else torch.cat(list(tensors))
