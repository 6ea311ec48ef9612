"""The Celery app of measured workers: `worker.app` with another engine. `celery -A benchmarks.service_engines:app`.

`E1_BENCH_ENGINE` chooses the engine. `null` returns zeros at once. `paced` first sleeps as long as a device of
`E1_BENCH_PACE` tokens a second would compute. A path loads a checkpoint with random weights. The worker reports the
rate `E1_BENCH_RATE`, which determines the size of bundles. Everything around the engine is the service's own.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

import worker.engine.fit
import worker.engine.rate
import worker.model.verify
from benchmarks.service_data import bench_identity
from e1protocol import MODELS, Encoding, Query
from e1protocol.costs import Costs
from worker.app import app
from worker.engine import Engine

__all__ = ["NullEngine", "app"]

DEFAULT_RATE = 1e5
"""Tokens a second, as of a GPU: 35 chunks of 350 residues a bundle."""
NEVER = 1 << 60
"""A token budget that no bundle fills, so that the rate reported at the start stays."""


class NullEngine:
    """An engine that returns zeros of the right shapes. With `pace` it takes the time of that many tokens a second."""

    token_budget = NEVER
    cores = 1
    """Processors that accounts of use charge for."""

    def __init__(self, model: str, pace: float = 0.0) -> None:
        facts = MODELS[model]
        self._layer, self._pace = facts.layer, pace
        self._mean = np.zeros(facts.hidden_size, dtype=np.float32)
        self.tokens_run = 0
        self.identity = bench_identity(model)
        # Other attributes that the worker reads.
        self.model_config = SimpleNamespace(hidden_size=facts.hidden_size, num_hidden_layers=facts.layers)
        self.checkpoint = SimpleNamespace(name=model, sha256="0" * 64, demonstration=True)

    def encode(self, queries: Sequence[Query]) -> list[Encoding]:
        tokens = sum(query.tokens for query in queries)
        self.tokens_run += tokens
        if self._pace:
            time.sleep(tokens / self._pace)
        return [self._encode(query) for query in queries]

    def _encode(self, query: Query) -> Encoding:
        rows = len(query.sequence) if query.positions is None else len(query.positions)
        shape = (len(query.sequence), len(self._mean))
        layers = [self._layer(layer) for layer in query.layers]
        return Encoding(
            logits=np.zeros((rows, 20), dtype=np.float32) if "logits" in query.include else None,
            mean=dict.fromkeys(layers, self._mean) if "mean" in query.include else {},
            per_token={n: np.zeros(shape, dtype=np.float32) for n in layers} if "per_token" in query.include else {},
        )


def _load(model: str | Path, *_: Any, **__: Any) -> Any:
    kind = os.environ["E1_BENCH_ENGINE"]
    if kind in ("null", "paced"):
        return NullEngine(str(model), float(os.environ["E1_BENCH_PACE"]) if kind == "paced" else 0.0)
    return _real_load(Path(kind))


def _tune(engine: Any, *_: Any, **__: Any) -> float:
    """Return the rate that the worker reports."""
    if isinstance(engine, NullEngine):
        return float(os.environ.get("E1_BENCH_RATE", DEFAULT_RATE))
    return _real_tune(engine)


def _fit(engine: Any, rate: float) -> Costs:
    """Return costs of tokens alone for an engine that computes nothing."""
    return Costs(1 / rate) if isinstance(engine, NullEngine) else _real_fit(engine, rate)


if "E1_BENCH_ENGINE" in os.environ:
    # Random weights have no known answers.
    _real_load, _real_tune, _real_fit = Engine.load, worker.engine.rate.tune, worker.engine.fit.fit
    Engine.load = _load  # type: ignore[method-assign,assignment]
    worker.engine.rate.tune = _tune
    worker.engine.fit.fit = _fit
    worker.model.verify.self_test = lambda *_, **__: []
    # A spawned child imports this module through these before it loads its engine.
    app.conf.imports = [*app.conf.imports, "benchmarks.service_engines"]
