"""Measuring the rate of an engine at its start.

The engine chooses the size of a forward pass by it, and the dispatcher the size of a bundle.
"""

from __future__ import annotations

import time

import numpy as np

from e1protocol import BOUNDARY_TOKENS, CANONICAL, Query
from worker.engine.engine import Engine

RESIDUES = 250
LONG_SECONDS = 0.7
"""A pass that takes longer is large enough, because a bundle takes about one second."""
WORTH_IT = 1.05
"""Least gain in rate of a pass of twice the size. Otherwise the smaller one is kept, which answers sooner."""
SMALLEST_PASS = {"cpu": 512, "cuda": 4096}
LARGEST_PASS = {"cpu": 2048, "cuda": 131_072}


def tune(engine: Engine) -> float:
    """Choose the engine's token budget, unless its configuration sets one, and return its rate.

    The rate is in tokens per second, for mean embeddings. The size doubles as long as the rate grows and a pass stays
    short.
    """
    kind = engine.runner.device.type
    if engine.config.token_budget:
        return measure_rate(engine, engine.token_budget)
    tokens = SMALLEST_PASS.get(kind, 512)
    best = 0.0
    engine.encode(_queries(1, seed=0))
    while True:
        rate = measure_rate(engine, tokens)
        if rate < best * WORTH_IT:
            break
        best, engine.runner.token_budget = rate, tokens
        if tokens / rate > LONG_SECONDS or tokens >= LARGEST_PASS.get(kind, 4096):
            break
        tokens *= 2
    return best


def measure_rate(engine: Engine, tokens: int) -> float:
    """Return the tokens per second of the better of two passes of about this size. A slow pass is measured once."""
    queries = _queries(max(1, tokens // (RESIDUES + BOUNDARY_TOKENS)), seed=tokens)
    budget, engine.runner.token_budget = engine.runner.token_budget, max(tokens, RESIDUES + BOUNDARY_TOKENS)
    best = 0.0
    try:
        for _ in range(2):
            before, started = engine.tokens_run, time.perf_counter()
            engine.encode(queries)
            seconds = time.perf_counter() - started
            best = max(best, (engine.tokens_run - before) / seconds)
            if seconds > LONG_SECONDS:
                break
    finally:
        engine.runner.token_budget = budget
    return best


def _queries(count: int, *, seed: int) -> list[Query]:
    """Return different queries, because the engine computes equal ones once."""
    letters = np.random.default_rng(seed).choice(list(CANONICAL), (count, RESIDUES))
    return [Query("".join(row)) for row in letters]
