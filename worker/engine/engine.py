"""The engine: queries in, encodings out, in the same order."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch

from worker.engine.config import EngineConfig
from worker.engine.packer import check_query, plan_batches, resolve_layers
from worker.engine.runner import Runner, is_out_of_memory, release_memory
from worker.model.registry import Checkpoint, find_checkpoint
from worker.model.tokenizer import tokenize
from worker.protocol import Encoding, EngineIdentity, Query
from worker.version import code_version


class Engine:
    """A loaded checkpoint on a device.

    Results do not depend on what shares a batch, nor on the order: within 1e-4 x max(1, largest magnitude) in
    float32. One thread at a time may call `encode`.
    """

    def __init__(self, checkpoint: Checkpoint, config: EngineConfig) -> None:
        self.checkpoint = checkpoint
        self.runner = Runner(checkpoint.folder, config)
        self.model_config = self.runner.model.config

    @classmethod
    def load(cls, model: str | Path, config: EngineConfig | None = None) -> Engine:
        """Load a registered slug (`e1-demo`, `e1-600m`) or a folder with config.json and model.safetensors.

        Raises CheckpointError for files that are no checkpoint, WeightsUnavailable where they cannot be had.
        """
        return cls(find_checkpoint(model), config or EngineConfig())

    @property
    def identity(self) -> EngineIdentity:
        """Which network on which device the numbers come from."""
        return EngineIdentity(
            model=self.checkpoint.name,
            checkpoint_sha256=self.checkpoint.sha256,
            precision=self.runner.precision,
            device=self.runner.device_name,
            attention=self.runner.attention,
            torch_version=torch.__version__,
            code_version=code_version(),
            demonstration=self.checkpoint.demonstration,
        )

    @property
    def token_budget(self) -> int:
        """Tokens of one forward pass."""
        return self.runner.token_budget

    def encode(self, queries: Sequence[Query]) -> list[Encoding]:
        """Run all queries and return their encodings in the same order.

        A query that does not fit into memory alone comes back with `error` = "out_of_memory"; every other problem of
        a query raises QueryError before anything runs.
        """
        for query in queries:
            check_query(query, self.model_config)
            resolve_layers(query, self.model_config)
            for sequence in (*query.context, query.sequence):
                tokenize(sequence)
        results: list[Encoding] = []
        for batch in plan_batches([query.tokens for query in queries], self.token_budget):
            results.extend(self._run(queries[batch[0] : batch[-1] + 1]))
        return results

    def _run(self, queries: Sequence[Query]) -> list[Encoding]:
        """One batch; out of memory halves it and goes on."""
        try:
            return self.runner.run(queries)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
        release_memory(self.runner.device)
        if len(queries) == 1:
            return [Encoding(error="out_of_memory")]
        middle = len(queries) // 2
        return self._run(queries[:middle]) + self._run(queries[middle:])
