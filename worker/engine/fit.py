"""Fitting an engine's costs at its start: what a token, an attended pair and a pass take.

Large networks run their first layers only, and the times are scaled to all of them, so that it takes seconds.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from itertools import combinations

import numpy as np

from e1protocol import BOUNDARY_TOKENS, CANONICAL, Query, tokens_of
from e1protocol.costs import CHUNK_SECONDS, START_SECONDS, Costs, Load, context_load, pass_load
from worker.engine.engine import Engine

SHORT, USUAL = 30, 250
SECONDS = 0.1
"""About what each sample may take."""
CONTEXT, MOST_CONTEXT = 4, 16
"""How much longer a context is than other samples, and its most sequences, unless other samples have more.

The sample that attends most decides what an attended pair takes. In a simulation with a noise of 12 % in each sample,
the time of a pass after 6,000 tokens had one of 15 to 21 %. With contexts as long as other samples it was 17 to 30 %.
"""
SMALLEST = 256
LARGEST = {"cpu": 1024, "cuda": 8000}
"""Least and most tokens of a sample."""

Sample = tuple[Load, float]


def fit(engine: Engine, rate: float) -> Costs:
    """Measure a few passes of different shapes and return the costs. `rate` is in tokens per second, as `tune` says."""
    return solved(samples(engine, rate))


def samples(engine: Engine, rate: float) -> list[Sample]:
    """Return loads with their seconds: short, usual and long sequences, a context, and queries after it."""
    config = engine.model_config
    depth, scale = config.num_hidden_layers, 1.0
    if rate * SECONDS < SMALLEST:
        depth = min(depth, config.global_attention_every_n_layers)
        scale = config.num_hidden_layers / depth
    largest = LARGEST.get(engine.runner.device.type, SMALLEST)
    tokens = int(min(largest, max(SMALLEST, rate * scale * SECONDS)))
    letters, clock = _Letters(depth), _Clock(engine)
    found = []
    for residues in (SHORT, USUAL, tokens - BOUNDARY_TOKENS):
        each = tokens_of("A" * residues)
        count = max(1, tokens // each)
        queries = [letters.queries(count, residues) for _ in range(2)]
        found.append((pass_load(each, passes=count), clock.best(queries)))
    found += _after_contexts(letters, clock, tokens)
    return [(load, scale * clock.slowdown * seconds) for load, seconds in found]


def _after_contexts(letters: _Letters, clock: _Clock, tokens: int) -> list[Sample]:
    """Return the samples of a context that is encoded, and of queries after it."""
    count = max(1, tokens // (USUAL + BOUNDARY_TOKENS))
    context = tuple(letters.sequence(USUAL) for _ in range(max(count, min(CONTEXT * count, MOST_CONTEXT))))
    size = tokens_of(*context)
    after = max(1, min(8, count))
    short = letters.queries(1, SHORT, context)
    encoded = context_load(size) + pass_load(tokens_of(short[0].sequence), size)
    found = [(encoded, clock.seconds(short))]
    queries = [letters.queries(after, USUAL, context) for _ in range(2)]
    each = tokens_of("A" * USUAL)
    return [*found, (pass_load(each, size, after), clock.best(queries))]


class _Letters:
    """A source of different queries, because the engine computes equal ones once."""

    def __init__(self, depth: int) -> None:
        self._draw = np.random.default_rng()
        self._depth = depth

    def sequence(self, residues: int) -> str:
        return "".join(self._draw.choice(list(CANONICAL), residues))

    def queries(self, count: int, residues: int, context: tuple[str, ...] = ()) -> list[Query]:
        return [Query(self.sequence(residues), context, (self._depth,)) for _ in range(count)]


class _Clock:
    """The time of samples: on a CPU processor time, because other programs disturb single samples too much.

    `slowdown` is the time on the wall over it, of all samples together.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._now = time.process_time if engine.cores else time.perf_counter
        self._spent = self._wall = 0.0

    @property
    def slowdown(self) -> float:
        return self._wall / self._spent

    def best(self, turns: Sequence[list[Query]]) -> float:
        return min(map(self.seconds, turns))

    def seconds(self, queries: Sequence[Query]) -> float:
        wall, spent = time.perf_counter(), self._now()
        self._engine.encode(queries)
        spent = max(1e-6, self._now() - spent)
        self._wall += time.perf_counter() - wall
        self._spent += spent
        return spent


def solved(measured: Sequence[Sample]) -> Costs:
    """Return the costs with the least relative errors. None of them is negative: such a one is left out."""
    rows = np.array([[load.tokens, load.attended, load.passes] for load, _ in measured], dtype=np.float64)
    seconds = np.array([taken for _, taken in measured])
    rows /= seconds[:, None]
    wanted = np.ones(len(seconds))
    best = (np.inf, np.zeros(3))
    for size in (1, 2, 3):
        for columns in combinations(range(3), size):
            if 0 not in columns:  # a token always costs something
                continue
            some = rows[:, columns]
            scale = np.abs(some).max(axis=0)
            found = np.linalg.lstsq(some / scale, wanted, rcond=None)[0] / scale
            error = float(np.square(some @ found - wanted).sum())
            if (found >= 0).all() and found[0] > 0 and error < best[0]:
                best = (error, np.zeros(3))
                best[1][list(columns)] = found
    token, attended, one_pass = map(float, best[1])
    return Costs(token, attended, one_pass, CHUNK_SECONDS, START_SECONDS)
