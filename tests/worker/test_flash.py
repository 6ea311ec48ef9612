"""Attention of `flash.c`, compared with plain softmax in float32, and what happens on a machine that cannot have it."""

from __future__ import annotations

import dataclasses
import json
import logging

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.shapes import COMMON
from e1protocol import Query
from worker.engine import Engine
from worker.engine.config import EngineConfig
from worker.engine.contexts import by_heads
from worker.engine.runner import best_backend
from worker.model import attention, fused
from worker.model.config import read_config
from worker.model.e1 import E1
from worker.model.fused import EAGER, find_compiled, find_compiler
from worker.model.loader import save_model

X86_64 = "-march=x86-64"


@pytest.fixture(scope="module")
def flash(tmp_path_factory):
    if find_compiler() is None:
        pytest.skip("this machine has no C compiler")
    found = find_compiled(tmp_path_factory.mktemp("compiled")).flash
    if found is None:
        pytest.skip("this processor has no AVX512-BF16, or has AMX too")
    return found


@pytest.mark.slow
@pytest.mark.parametrize("queries", [1, 6, 47, 48, 49, 254])
@pytest.mark.parametrize("keys", [1, 15, 64, 100, 129, 4100])
def test_compiled_attention_is_plain_softmax(flash, queries, keys):
    torch.manual_seed(3)
    q = torch.randn(2, 3, queries, 64).bfloat16() * 2
    k, v = (torch.randn(2, 3, keys, 64).bfloat16() for _ in range(2))
    out, lse = flash(q, k, v)
    expected, expected_lse = attention._softmax(q.float(), k, v)
    torch.testing.assert_close(out.float(), expected, rtol=2**-7, atol=2**-8)
    torch.testing.assert_close(lse, expected_lse, rtol=0, atol=1e-4)


@pytest.mark.parametrize("width", [32, 64, 128])
def test_compiled_attention_reads_strided_tensors_and_leaves_other_sizes_to_pytorch(flash, width):
    torch.manual_seed(4)
    q, k, v = torch.randn(70, 9, width).bfloat16().split(3, dim=1)
    spans = (attention.Span(0, 30, 0, 30), attention.Span(30, 60, 30, 60), attention.Span(60, 70, 60, 70))
    backend = attention.own_backend(flash)
    found = backend.attend_lse(q, by_heads(k), by_heads(v), spans)
    for a, b in zip(found, attention.sdpa_attend_lse(q.float(), k.float(), v.float(), spans), strict=True):
        torch.testing.assert_close(a.float(), b, rtol=2**-7, atol=2**-8)
    assert torch.equal(backend.attend(q, k, v, spans), found[0])


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_compiled_attention_keeps_what_is_not_finite(flash, number):
    q, k, v = (torch.ones(1, 2, 50, 64).bfloat16() for _ in range(3))
    q[0, 0, 7, 3] = number
    out, _ = flash(q, k, v)
    assert not out[0, 0, 7].isfinite().any()
    assert out[0, 1].isfinite().all()
    assert out[0, 0, 8:].isfinite().all()


def test_very_different_scores_neither_overflow_nor_vanish(flash):
    q, k, v = torch.zeros(1, 1, 3, 64), torch.zeros(1, 1, 300, 64), torch.randn(1, 1, 300, 64)
    q[..., 0], k[0, 0, :, 0] = 8.0, torch.linspace(-1000, 1000, 300)
    out, lse = flash(q.bfloat16(), k.bfloat16(), v.bfloat16())
    expected, expected_lse = attention._softmax(q, k.bfloat16().float(), v)
    torch.testing.assert_close(out.float(), expected, rtol=2**-7, atol=2**-7)
    torch.testing.assert_close(lse, expected_lse, rtol=1e-6, atol=1e-3)


# --- any sizes and any number of threads ---


@given(
    sizes=st.tuples(st.integers(1, 3), st.integers(1, 5), st.integers(1, 110), st.integers(1, 270)),
    width=st.sampled_from([64, 128]),
    threads=st.integers(1, 5),
    seed=st.integers(0, 2**20),
)
@settings(deadline=None, max_examples=60)
def test_any_sizes_and_threads_are_plain_softmax(flash, sizes, width, threads, seed):
    B, N, L, S = sizes
    random = torch.Generator().manual_seed(seed)
    q, k, v = (torch.randn(B, N, n, width, generator=random).bfloat16() * 2 for n in (L, S, S))
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        out, lse = flash(q, k, v)
        torch.set_num_threads(1)
        again, again_lse = flash(q, k, v)
    finally:
        torch.set_num_threads(before)
    expected, expected_lse = attention._softmax(q.float(), k, v)
    torch.testing.assert_close(out.float(), expected, rtol=2**-7, atol=2**-7)
    torch.testing.assert_close(lse, expected_lse, rtol=0, atol=1e-4)
    assert torch.equal(out, again)
    assert torch.equal(lse, again_lse)


@pytest.mark.parametrize("keys", [63, 64, 65, 127, 128, 129, 192])
def test_neither_padding_nor_the_memory_behind_the_keys_is_attended_to(flash, keys):
    torch.manual_seed(5)
    q = torch.randn(1, 2, 7, 64).bfloat16()
    whole = [torch.full((1, 2, keys + 70, 64), float("nan")).bfloat16() for _ in range(2)]
    for one in whole:
        one[:, :, :keys] = torch.randn(1, 2, keys, 64).bfloat16()
    k, v = (one[:, :, :keys] for one in whole)
    out, lse = flash(q, k, v)
    expected, expected_lse = attention._softmax(q.float(), k, v)
    torch.testing.assert_close(out.float(), expected, rtol=2**-7, atol=2**-8)
    torch.testing.assert_close(lse, expected_lse, rtol=0, atol=1e-4)


def test_no_queries_are_no_rows_and_no_keys_are_no_numbers(flash):
    k = torch.randn(1, 2, 5, 64).bfloat16()
    out, lse = flash(k[:, :, :0], k, k)
    assert (out.shape, lse.shape) == ((1, 2, 0, 64), (1, 2, 0, 1))
    out, lse = flash(k, k[:, :, :0], k[:, :, :0])
    assert out.isnan().all()
    assert (lse == float("-inf")).all()


# --- in a network ---


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    """A checkpoint of random weights whose heads have 64 numbers."""
    folder = tmp_path_factory.mktemp("network")
    sizes = {"hidden_size": 128, "intermediate_size": 256, "num_hidden_layers": 6, "num_attention_heads": 2}
    (folder / "config.json").write_text(json.dumps(COMMON | sizes | {"num_key_value_heads": 2}))
    torch.manual_seed(0)
    save_model(E1(read_config(folder / "config.json")), folder / "model.safetensors", dtype=torch.bfloat16)
    return folder


CONTEXT = ("MKTAYIVKQRQISFVKSHFSRQLEERLGLIEVQ", "MRTAYIAKQRWISFVK") * 3
INCLUDE = frozenset({"logits", "per_token"})
QUERIES = [
    Query("MKTAYIAKQRQISFVKSHFSRQLEERLGLIEVQAPILSRVGDGTQDNLSGAEKAVQ", CONTEXT, (-1,), INCLUDE),
    Query("M", (), (-1,), INCLUDE),
    Query("MKTAYIAKQRQISFVK", CONTEXT[:1], (-1,), INCLUDE),
    Query("MKWAYIAKQR" * 12, (), (-1,), INCLUDE),
]


def logits_of(engine: Engine, queries: list[Query] = QUERIES) -> np.ndarray:
    found = engine.encode(queries)
    assert all(encoding.error is None for encoding in found)
    return np.concatenate([encoding.logits for encoding in found])


def error(found: np.ndarray, exact: np.ndarray) -> float:
    return float(np.linalg.norm(found - exact) / np.linalg.norm(exact))


def test_a_network_rounds_no_more_than_with_the_kernel_of_pytorch(flash, network, monkeypatch):
    calls = []

    def noted(q, k, v):
        calls.append(q.shape)
        return flash(q, k, v)

    exact = logits_of(Engine.load(network, EngineConfig(precision="float32")))
    engine = Engine.load(network, EngineConfig(precision="bfloat16"))
    by_pytorch = logits_of(engine)
    engine.runner.backend = attention.own_backend(noted)
    ours = logits_of(engine)
    assert calls
    assert error(ours, exact) <= 1.25 * error(by_pytorch, exact)
    assert error(ours, by_pytorch) <= 2 * error(by_pytorch, exact)


def test_packed_is_alone_and_cached_is_uncached_in_a_network(flash, network):
    engine = Engine.load(network, EngineConfig(precision="bfloat16"))
    exact = logits_of(Engine.load(network, EngineConfig(precision="float32")))
    engine.runner.backend = attention.own_backend(flash)
    packed = logits_of(engine)
    rounding = error(packed, exact)
    alone = np.concatenate([logits_of(engine, [query]) for query in QUERIES])
    engine.contexts.keep_only(set())
    engine.contexts.budget = 0
    uncached = logits_of(engine)
    assert error(alone, packed) <= rounding
    assert error(uncached, packed) <= 2 * rounding


def test_results_name_the_attention_that_they_come_from(flash, network, monkeypatch):
    monkeypatch.setattr("worker.engine.config.LARGE", 0)
    names = {}
    for precision in ("bfloat16", "float32"):
        engine = Engine.load(network, EngineConfig(precision=precision))
        engine.runner.wait_for_compiled()
        names[precision] = engine.identity.attention
    assert names == {"bfloat16": "e1-flash", "float32": "sdpa"}


def test_contexts_of_the_attention_before_are_forgotten(network, monkeypatch):
    """Else results would carry one name and depend on both."""
    engine = Engine.load(network, EngineConfig(precision="bfloat16"))
    logits_of(engine)
    kept = set(engine.contexts._entries)
    assert kept
    monkeypatch.setattr(engine.runner, "take_compiled", lambda: True)
    runs = []
    remember = engine.runner.remember
    monkeypatch.setattr(engine.runner, "remember", lambda some, depth: runs.append(some) or remember(some, depth))
    logits_of(engine)
    assert runs


@pytest.mark.parametrize(
    ("chosen", "has", "dtype", "heads", "name"),
    [
        (attention.SDPA, True, torch.bfloat16, 64, "e1-flash"),
        (attention.SDPA, True, torch.bfloat16, 32, "sdpa"),
        (attention.SDPA, True, torch.float32, 64, "sdpa"),
        (attention.SDPA, False, torch.bfloat16, 64, "sdpa"),
        (
            attention.Backend("flash-attn", attention.sdpa_attend, attention.sdpa_attend_lse),
            True,
            torch.bfloat16,
            64,
            "flash-attn",
        ),
    ],
)
def test_our_attention_is_named_only_where_it_runs(network, chosen, has, dtype, heads, name):
    config = read_config(network / "config.json")
    config = dataclasses.replace(config, hidden_size=heads * config.num_attention_heads)
    assert best_backend(chosen, attention.cpu_flash if has else None, config, dtype).name == name


# --- machines without it ---


@pytest.mark.skipif(find_compiler() is None, reason="this machine has no C compiler")
@pytest.mark.skipif(fused.NATIVE != "-march=native", reason="another kind of processor")
def test_a_processor_without_the_instructions_compiles_the_rest_and_keeps_pytorchs_attention(tmp_path, monkeypatch):
    monkeypatch.setattr(fused, "NATIVE", X86_64)
    found = find_compiled(tmp_path)
    assert (found.name, found.flash) == ("compiled", None)
    x, weight = torch.randn(5, 16), torch.ones(16)
    a, b = (one.norm(x, weight, 1e-5, torch.float32) for one in (EAGER, found))
    torch.testing.assert_close(b, a)


@pytest.mark.skipif(find_compiler() is None, reason="this machine has no C compiler")
def test_a_library_is_not_taken_by_a_processor_with_other_instructions(tmp_path, monkeypatch):
    """A data folder may be shared by machines, and a foreign instruction would end the process."""
    info = tmp_path / "cpuinfo"
    monkeypatch.setattr(fused, "CPU_INFO", info)
    digests = set()
    for flags in ("fpu avx512_bf16", "fpu avx2", "fpu avx512_bf16 amx_bf16"):
        info.write_text(f"model name : any\nflags : {flags}\n")
        digests.add(fused._digest(find_compiler()))
    assert len(digests) == 3


def test_a_compiler_that_fails_leaves_everything_to_pytorch_and_the_log_says_why(
    network, tmp_path, monkeypatch, caplog
):
    broken = tmp_path / "cc"
    broken.write_text("#!/bin/sh\necho 'flash.c:1: error: no such instruction' >&2\nexit 1\n")
    broken.chmod(0o755)
    monkeypatch.setattr(fused, "find_compiler", lambda: str(broken))
    monkeypatch.setattr("worker.engine.config.LARGE", 0)
    monkeypatch.setenv("E1_DATA", str(tmp_path))
    with caplog.at_level(logging.WARNING):
        engine = Engine.load(network, EngineConfig(precision="bfloat16"))
        engine.runner.wait_for_compiled()
    assert np.isfinite(logits_of(engine)).all()
    assert engine.runner.model.fused is EAGER
    assert engine.runner.backend is attention.SDPA
    assert "not compiled" in caplog.text
    assert "no such instruction" in caplog.text
    assert not list(tmp_path.rglob("*.so"))
