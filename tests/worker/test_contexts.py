"""Cached contexts change no number, in any batch and at any time."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from e1protocol import CANONICAL, Query
from tests.worker.kernels import FLASH, TORCH
from worker.engine import Engine
from worker.engine.config import EngineConfig
from worker.engine.contexts import ContextCache, ContextEntry, bytes_per_token, context_key
from worker.engine.packer import merge_same, part_of
from worker.engine.rate import tune
from worker.model.verify import difference, plain_encode

TINY = Path(__file__).parents[1] / "data" / "e1-random-tiny"
ALL = frozenset({"mean", "per_token", "logits"})
CONTEXT = ("MKTAYIVKQRQLSFVK", "MRTAYLAKQR", "GGW")
OTHER = ("MKTAYIVKQRQLSFVK", "MRTAYLAKQRGGW")
LIMIT = 1e-4


@pytest.fixture
def engine():
    return Engine.load(TINY)


@pytest.fixture(scope="module")
def layers():
    return tuple(range(Engine.load(TINY).model_config.num_hidden_layers + 1))


def queries(layers, *contexts):
    letters = ["MKT?YIAKQR", "W", "MKTAYIAKQRQISFVK"]
    return [Query(sequence, context, layers, ALL) for context in contexts for sequence in letters]


def plain(engine, asked):
    return plain_encode(engine.runner.model, asked, torch.device("cpu"))


def same(found, expected):
    """Assert that both have the same arrays with the same numbers."""
    assert found.error is None
    assert (found.logits is None) == (expected.logits is None)
    pairs = [] if found.logits is None else [(found.logits, expected.logits)]
    for a, b in ((found.mean, expected.mean), (found.per_token, expected.per_token)):
        assert set(a) == set(b)
        pairs += [(a[layer], b[layer]) for layer in a]
    for a, b in pairs:
        np.testing.assert_allclose(a, b, rtol=0, atol=LIMIT * max(1.0, float(np.abs(b).max())))


@pytest.mark.parametrize("backend", [None, FLASH, TORCH], ids=["sdpa", "flash-attn", "torch-varlen"])
@pytest.mark.parametrize("budget", [30, 100_000])
def test_remembered_new_and_run_along_are_the_same_at_every_layer(engine, layers, backend, budget, monkeypatch):
    if backend is not None:
        monkeypatch.setattr(engine.runner, "backend", backend)
    monkeypatch.setattr(engine.runner, "token_budget", budget)
    asked = queries(layers, CONTEXT, (), OTHER)
    expected = plain(engine, asked)
    new = engine.encode(asked)
    assert engine.contexts.misses == 2
    remembered = engine.encode(asked[::-1])[::-1]
    assert engine.contexts.misses == 2
    along = Engine.load(TINY, EngineConfig(context_bytes=1))
    run_along = along.encode(asked)
    assert len(along.contexts) == 0
    for found in (new, remembered, run_along):
        assert difference(found, expected) < LIMIT


sequences = st.text(CANONICAL, min_size=1, max_size=20)
cases = st.lists(
    st.tuples(
        sequences, st.sampled_from([(), CONTEXT, OTHER, ("W",), ("W", "W")]), st.sets(st.sampled_from([-1, 0, 2, 3]))
    ),
    min_size=1,
    max_size=8,
)


@pytest.mark.slow
@settings(max_examples=25, deadline=None)
@given(cases=cases, tokens=st.integers(1, 200), room=st.integers(1, 60_000))
def test_no_mixture_of_queries_contexts_and_budgets_changes_a_number(cases, tokens, room):
    engine = Engine.load(TINY, EngineConfig(token_budget=tokens, context_bytes=room))
    asked = [
        Query(sequence, context, tuple(some), frozenset({"mean"}) if some else frozenset({"logits"}))
        for sequence, context, some in cases
    ]
    for query, found in zip(asked, engine.encode(asked), strict=True):
        (expected,) = Engine.load(TINY, EngineConfig(context_bytes=1)).encode([query])
        same(found, expected)
    assert engine.contexts.nbytes <= room


def test_a_context_is_encoded_once_for_all_calls(engine, layers, monkeypatch):
    calls = []
    remember = engine.runner.remember
    monkeypatch.setattr(
        engine.runner, "remember", lambda contexts, depth: calls.append(list(contexts)) or remember(contexts, depth)
    )
    for _ in range(3):
        engine.encode(queries(layers, CONTEXT, OTHER, CONTEXT))
    assert calls == [[CONTEXT, OTHER]]


def test_a_deeper_question_reads_the_context_again_and_a_shallower_one_does_not(engine):
    def ask(layer):
        return engine.encode([Query("MKT", CONTEXT, (layer,), frozenset({"mean"}))])[0].mean[layer]

    last = engine.model_config.num_hidden_layers
    (expected,) = Engine.load(TINY).encode([Query("MKT", CONTEXT, (last,), frozenset({"mean"}))])
    ask(1)
    np.testing.assert_allclose(ask(last), expected.mean[last], atol=LIMIT)
    assert engine.contexts.misses == 2
    ask(1)
    assert (engine.contexts.misses, len(engine.contexts)) == (2, 1)


def test_contexts_have_keys_of_their_own():
    contexts = [("MKT", "A"), ("MK", "TA"), ("A", "MKT"), ("MKTA",), ("MKT",), ("MKT", "A", "A")]
    assert len({context_key(context) for context in contexts}) == len(contexts)


def test_the_size_of_an_entry_is_known_before_it_is_made(engine, layers):
    engine.encode(queries(layers, CONTEXT))
    (entry,) = engine.contexts._entries.values()
    tokens = sum(map(len, CONTEXT)) + 4 * len(CONTEXT)
    assert (entry.tokens, entry.sequences) == (tokens, 3)
    assert entry.nbytes == tokens * bytes_per_token(engine.model_config, torch.float32)


def entry(size):
    return ContextEntry(((torch.zeros(size // 2, 1, 1, dtype=torch.uint8),) * 2,), 1, 1, size // 2)


def test_the_least_recently_used_go_first():
    cache = ContextCache(100)
    for key in (b"a", b"b", b"c"):
        cache.put(key, entry(40))
    assert cache.get(b"a", 1) is None
    assert cache.get(b"b", 1) is not None
    cache.put(b"d", entry(40))
    assert cache.get(b"c", 1) is None
    assert cache.get(b"b", 1) is not None
    cache.put(b"e", entry(200))
    assert cache.get(b"e", 1) is None, "too large to be kept"
    assert (cache.nbytes, len(cache)) == (80, 2)
    cache.put(b"b", entry(20))
    assert cache.nbytes == 60


def test_running_out_of_memory_leaves_remembered_contexts_as_they_were(engine, layers, monkeypatch):
    asked = queries(layers, CONTEXT, OTHER)
    expected = engine.encode(asked)
    before = {
        key: (one, [[x.clone() for x in pair] for pair in one.memory]) for key, one in engine.contexts._entries.items()
    }
    run = engine.runner.run

    def cramped(some, entries):
        if len(some) > 2:
            run(some, entries)  # a part of the batch runs
            raise torch.OutOfMemoryError("no room")
        return run(some, entries)

    monkeypatch.setattr(engine.runner, "run", cramped)
    assert difference(engine.encode(asked), expected) < LIMIT
    for key, (kept, numbers) in before.items():
        assert engine.contexts._entries[key] is kept
        for pair, copy in zip(kept.memory, numbers, strict=True):
            assert all(torch.equal(a, b) for a, b in zip(pair, copy, strict=True))


def test_a_query_that_does_not_fit_alone_gets_the_memory_of_other_contexts(engine, layers, monkeypatch):
    asked = queries(layers, CONTEXT)[:1]
    (expected,) = engine.encode(asked)
    engine.encode(queries(layers, OTHER))
    run = engine.runner.run

    def cramped(some, entries):
        if len(engine.contexts) > 1:
            raise torch.OutOfMemoryError("no room")
        return run(some, entries)

    monkeypatch.setattr(engine.runner, "run", cramped)
    assert difference(engine.encode(asked), [expected]) < LIMIT
    assert len(engine.contexts) == 1


def test_the_same_sequence_and_context_is_computed_once(engine, monkeypatch):
    counts = []
    run = engine.runner.run
    monkeypatch.setattr(engine.runner, "run", lambda some, entries: counts.append(len(some)) or run(some, entries))
    logits = frozenset({"logits"})
    asked = [
        Query("MKTAY", CONTEXT, (2,), frozenset({"mean"})),
        Query("MKTAY", CONTEXT, (-1,), frozenset({"per_token"})),
        Query("MKTAY", CONTEXT, (), logits, (3, 1)),
        Query("MKTAY", CONTEXT, (), logits, (1, 4)),
        Query("MKTAY", (), (), logits),
        Query("MKTAY", (), (), logits, (0,)),
        Query("MKTAY", CONTEXT, (2,), frozenset({"mean"})),
    ]
    found = engine.encode(asked)
    assert sum(counts) == 2
    for query, encoding in zip(asked, found, strict=True):
        (alone,) = Engine.load(TINY).encode([query])
        same(encoding, alone)


def test_merging_keeps_what_each_asked_for(engine):
    asked = [Query("MK", (), (1,), frozenset({"mean"})), Query("MK", (), (), frozenset({"logits"}), (1,)), Query("W")]
    merged, number_of = merge_same(asked)
    assert number_of == [0, 0, 1]
    assert merged[0] == Query("MK", (), (1,), frozenset({"mean", "logits"}), (1,))
    (encoding, _) = engine.encode(merged)
    assert part_of(encoding, asked[1], merged[0], engine.model_config).mean == {}
    assert part_of(encoding, asked[0], merged[0], engine.model_config).logits is None


def test_the_size_of_a_pass_is_chosen_by_its_rate_and_equal_queries_deceive_nobody(monkeypatch):
    engine = Engine.load(TINY)
    sizes = []
    run = engine.runner.run
    monkeypatch.setattr(engine.runner, "run", lambda some, entries: sizes.append(len(some)) or run(some, entries))
    # With this clock a pass takes 1 ms plus 1 us a token, so 2,048 tokens beat 1,024 by a factor of 1.33.
    now = [0.0]

    def clock():
        now[0] += 0.5e-3 + 0.5e-6 * sum(sizes) * 254
        sizes.clear()
        return now[0]

    monkeypatch.setattr("worker.engine.rate.time.perf_counter", clock)
    rate = tune(engine)
    assert engine.token_budget == 2048
    assert rate > 10_000
    fixed = Engine.load(TINY, EngineConfig(token_budget=300))
    assert tune(fixed) > 0
    assert fixed.token_budget == 300
