"""The engine: turns queries into encodings, in the same order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch

from e1protocol import Encoding, EngineIdentity, Query, tokens_of
from worker.engine.config import EngineConfig
from worker.engine.contexts import ContextCache, ContextEntry, Key, bytes_per_token, context_key
from worker.engine.packer import Load, check_query, merge_same, part_of, plan_batches, resolve_layers
from worker.engine.pending import Pending
from worker.engine.runner import Runner, default_context_bytes, is_out_of_memory, release_memory
from worker.model.registry import Checkpoint, find_checkpoint
from worker.model.tokenizer import tokenize
from worker.version import code_version


class Engine:
    """A loaded checkpoint on a device.

    Results do not depend on the order of queries, on the queries that share a batch, or on cached contexts. In float32
    they then agree within 1e-4 x max(1, largest magnitude). Only one thread at a time may call `encode`.
    """

    def __init__(self, checkpoint: Checkpoint, config: EngineConfig) -> None:
        self.checkpoint = checkpoint
        self.config = config
        self.runner = Runner(checkpoint.folder, config)
        self.model_config = self.runner.model.config
        self.contexts = ContextCache(config.context_bytes or default_context_bytes(self.runner.device))
        self.tokens_run = 0
        """Tokens that the network has processed so far, for measuring rates."""
        self._context_token_bytes = bytes_per_token(self.model_config, self.runner.dtype)

    @classmethod
    def load(cls, model: str | Path, config: EngineConfig | None = None) -> Engine:
        """Load a registered slug (`e1-demo`, `e1-600m`) or a folder with config.json and model.safetensors.

        Raises CheckpointError for files that are not a checkpoint, WeightsUnavailable if there are none.
        """
        return cls(find_checkpoint(model), config or EngineConfig())

    @property
    def identity(self) -> EngineIdentity:
        """The network and the device that the last results come from. Its attention may change once after the start."""
        return EngineIdentity(
            model=self.checkpoint.name,
            checkpoint_sha256=self.checkpoint.sha256,
            precision=self.runner.choice.name,
            precision_reason=self.runner.choice.reason,
            device=self.runner.device_name,
            attention=self.runner.backend.name,
            torch_version=torch.__version__,
            code_version=code_version(),
            demonstration=self.checkpoint.demonstration,
        )

    @property
    def cores(self) -> int:
        """The cores of a CPU that compute, 0 on a GPU."""
        return self.runner.cores

    @property
    def token_budget(self) -> int:
        """Tokens of one forward pass."""
        return self.runner.token_budget

    def encode(self, queries: Sequence[Query]) -> list[Encoding]:
        """Run all queries and return their encodings in the same order.

        A query that does not fit into memory alone returns with `error` = "out_of_memory". Any other problem of a
        query raises QueryError before anything runs.
        """
        if self.runner.take_compiled():
            self.contexts.keep_only(set())  # of another attention than that in `identity`
        for query in queries:
            check_query(query, self.model_config)
            resolve_layers(query, self.model_config)
            tokenize(query.sequence)
        # Queries share few contexts, so each is tokenized once, which also checks its letters.
        key_of = {context: context_key(context) for context in {query.context for query in queries} if context}
        merged, number_of = merge_same(queries)
        results: dict[int, Encoding] = {}
        loads = [self._load(query, key_of) for query in merged]
        # A GPU computes one batch while the host packs the next one and takes over the results of the one before.
        ahead: tuple[Sequence[int], Pending] | None = None
        for batch in plan_batches(loads, self.token_budget, self.contexts.budget):
            some, keys = [merged[number] for number in batch], [loads[number].context for number in batch]
            pending = self._start(some, keys)
            if ahead is not None:
                results.update(zip(ahead[0], ahead[1].encodings(), strict=True))
            ahead = None if pending is None else (batch, pending)
            if pending is None:
                results.update(zip(batch, self._in_parts(some, keys), strict=True))
        if ahead is not None:
            results.update(zip(ahead[0], ahead[1].encodings(), strict=True))
        return [
            part_of(results[number], query, merged[number], self.model_config)
            for query, number in zip(queries, number_of, strict=True)
        ]

    def _load(self, query: Query, key_of: Mapping[tuple[str, ...], Key]) -> Load:
        """Return the cost of a query. A context too large for the cache is part of its pass."""
        own = tokens_of(query.sequence)
        size = (query.tokens - own) * self._context_token_bytes
        if not query.context or size > self.contexts.budget:
            return Load(query.tokens)
        return Load(own, key_of[query.context], size)

    def _run(self, queries: Sequence[Query], keys: Sequence[Key | None]) -> list[Encoding]:
        pending = self._start(queries, keys)
        return pending.encodings() if pending is not None else self._in_parts(queries, keys)

    def _in_parts(self, queries: Sequence[Query], keys: Sequence[Key | None]) -> list[Encoding]:
        """Run the halves of a batch for which memory ran out, or a single query once more with all memory."""
        if len(queries) > 1:
            middle = len(queries) // 2
            return self._run(queries[:middle], keys[:middle]) + self._run(queries[middle:], keys[middle:])
        self.contexts.keep_only({key for key in keys if key is not None})
        release_memory(self.runner.device)
        pending = self._start(queries, keys)
        return pending.encodings() if pending is not None else [Encoding(error="out_of_memory")]

    def _start(self, queries: Sequence[Query], keys: Sequence[Key | None]) -> Pending | None:
        """Start one batch in one pass; return None if memory runs out."""
        try:
            pending = self.runner.run(queries, self._recall(queries, keys))
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
        else:
            for query, key in zip(queries, keys, strict=True):
                self.tokens_run += query.tokens if key is None else tokens_of(query.sequence)
            return pending
        # After the exception is gone, because its traceback holds the tensors of the pass.
        release_memory(self.runner.device)
        return None

    def _recall(self, queries: Sequence[Query], keys: Sequence[Key | None]) -> list[ContextEntry | None]:
        """Return the entry of each query's context. Missing ones are encoded, several in one pass."""
        depth = max(map(self.runner.depth, queries))
        contexts = {key: query.context for key, query in zip(keys, queries, strict=True) if key is not None}
        found = {key: self.contexts.get(key, depth) for key in contexts}
        missing = [key for key, entry in found.items() if entry is None]
        loads = [Load(tokens_of(*contexts[key])) for key in missing]
        for batch in plan_batches(loads, self.token_budget, 0):
            some = [missing[number] for number in batch]
            for key, entry in zip(some, self.runner.remember([contexts[key] for key in some], depth), strict=True):
                found[key] = entry
                self.contexts.put(key, entry)
                self.tokens_run += entry.tokens
        return [found[key] if key is not None else None for key in keys]
