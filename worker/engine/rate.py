"""How fast an engine is, from a short measurement: the dispatcher sizes its bundles by it."""

from __future__ import annotations

import time

from worker.engine.engine import Engine
from worker.protocol import CANONICAL, Query

RESIDUES = 250
LONG_SECONDS = 3.0


def measure_rate(engine: Engine, *, passes: int = 2) -> float:
    """Tokens per second of forward passes that fill the token budget, mean embeddings only; the best of `passes`.

    A large network on a slow device is measured once.
    """
    sequence = (CANONICAL * (RESIDUES // len(CANONICAL) + 1))[:RESIDUES]
    query = Query(sequence)
    queries = [query] * max(1, engine.token_budget // query.tokens)
    engine.encode(queries[:1])
    best = 0.0
    for _ in range(passes):
        started = time.perf_counter()
        engine.encode(queries)
        seconds = time.perf_counter() - started
        best = max(best, len(queries) * query.tokens / seconds)
        if seconds > LONG_SECONDS:
            break
    return best
