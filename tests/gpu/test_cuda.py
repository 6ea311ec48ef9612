"""The engine on a CUDA device: golden numbers in float32, bfloat16 near them, every backend, exhausted memory.

Needs torch, numpy, safetensors and pytest only:
`python3 -m pytest -p no:cacheprovider --noconftest -c /dev/null --rootdir . tests/gpu`.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

from benchmarks.shapes import random_checkpoint
from e1protocol import CANONICAL, Query
from worker.engine import Engine
from worker.engine.config import EngineConfig
from worker.engine.contexts import context_key
from worker.model.attention import SDPA, Span, find_varlen, merge, sdpa_attend_lse
from worker.model.config import read_config
from worker.model.fused import EAGER
from worker.model.fused_by_torch import compile_parts
from worker.model.verify import correlation, difference, plain_encode, verify

NAME = os.environ.get("E1_TEST_DEVICE", "cuda")
"""Set another device to check the tests themselves."""
pytestmark = pytest.mark.skipif(
    NAME == "cuda" and not torch.cuda.is_available(), reason="no CUDA device on this machine"
)

DATA = Path(__file__).parents[1] / "data" / "e1-random-tiny"
CUDA = torch.device(NAME)
ALL = frozenset({"mean", "per_token", "logits"})


def random_text(seed: int, length: int) -> str:
    return "".join(np.random.default_rng(seed).choice(list(CANONICAL), length))


@pytest.fixture(scope="module")
def wide(tmp_path_factory) -> Path:
    return random_checkpoint("e1-150m", tmp_path_factory.mktemp("wide"))


def mixed_queries() -> list[Query]:
    homologs = tuple(random_text(n, 150 + n) for n in range(6))
    lengths = [1, 5, 60, 333, 500, 129]
    return [
        *(Query(random_text(100 + n, length), (), (-1, 7), ALL) for n, length in enumerate(lengths)),
        *(Query(random_text(200 + n, length), homologs, (-1, 7), ALL) for n, length in enumerate(lengths)),
        Query("MKT?YIA", homologs[:2], (-1, 7), ALL),
    ]


@pytest.mark.parametrize("context_bytes", [0, 1], ids=["remembered", "run along"])
def test_golden_numbers_in_float32(context_bytes):
    engine = Engine.load(DATA, EngineConfig(device=NAME, precision="float32", context_bytes=context_bytes))
    cases = json.loads((DATA / "cases.json").read_text())["cases"]
    expected = load_file(DATA / "expected.safetensors")
    last = engine.model_config.num_hidden_layers
    asked = [Query(case["query"], tuple(case["context"]), tuple(range(last + 1)), ALL) for case in cases]
    columns = [8, 10, 11, 12, 13, 14, 15, 16, 18, 19, 20, 21, 23, 24, 25, 26, 27, 29, 30, 32]
    for case, found in zip(cases, engine.encode(asked), strict=True):
        np.testing.assert_allclose(found.logits, expected[f"{case['id']}.logits"][:, columns], rtol=0, atol=1e-4)


def test_every_backend_gives_the_same_attention():
    backend = find_varlen() if NAME == "cuda" else SDPA
    if backend is None:
        pytest.skip("neither flash-attn nor a PyTorch with varlen attention is installed")
    torch.manual_seed(0)
    q, k, v = (torch.randn(900, 12, 64, device=CUDA).bfloat16() for _ in range(3))
    spans = (Span(0, 100, 0, 100), Span(100, 400, 0, 400), Span(400, 650, 400, 650), Span(650, 900, 400, 900))
    expected, expected_lse = sdpa_attend_lse(q.float(), k.float(), v.float(), spans)
    for name, (found, lse) in {
        "varlen": backend.attend_lse(q, k, v, spans),
        "sdpa": SDPA.attend_lse(q, k, v, spans),
    }.items():
        torch.testing.assert_close(found.float(), expected, rtol=0, atol=2e-2, msg=name)
        torch.testing.assert_close(lse, expected_lse, rtol=0, atol=2e-2, msg=name)
    parts = [backend.attend_lse(q[:50], k, v, (Span(0, 50, *keys),)) for keys in ((0, 300), (300, 900))]
    whole = backend.attend(q[:50], k, v, (Span(0, 50, 0, 900),))
    torch.testing.assert_close(merge(*parts[0], *parts[1]), whole, rtol=0, atol=2e-2)


@pytest.mark.skipif(NAME != "cuda", reason="only a GPU runs kernels")
def test_each_compiled_part_is_one_kernel_and_computes_what_pytorch_does(wide):
    """tests/worker/test_launches.py counts the launches of a pass on this assumption."""
    config = read_config(wide / "config.json")
    made = compile_parts(config, CUDA, torch.bfloat16)
    H, N, D, I = config.hidden_size, config.num_attention_heads, config.head_size, config.intermediate_size
    torch.manual_seed(0)
    x, y = torch.randn(901, H, device=CUDA), torch.randn(901, H, device=CUDA).bfloat16()
    qkv, wide_TI = torch.randn(901, 3 * N, D, device=CUDA).bfloat16(), torch.randn(901, 2 * I, device=CUDA).bfloat16()
    angles, weight = torch.rand(901, 1, D // 2, device=CUDA) * 6, torch.rand(H, device=CUDA)
    outs, sums = qkv[:, :N].contiguous(), torch.randn(N, 901, device=CUDA).T
    calls = {
        "norm": lambda parts: parts.norm(x, weight, 1e-5, torch.bfloat16),
        "rotate": lambda parts: parts.rotate(qkv.clone(), 2 * N, angles.cos(), angles.sin(), 100.0)[0],
        "add": lambda parts: parts.add(x, y),
        "gate": lambda parts: parts.gate(wide_TI),
        "merge": lambda parts: parts.merge(outs, sums, outs.flip(0), sums.flip(0)),
    }
    before = {"rotate": 3, "merge": 2}  # cosines, sines and the copy; the two flips
    with torch.inference_mode():
        for name, call in calls.items():
            call(made)
            with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CUDA]) as profile:
                found = call(made)
                torch.cuda.synchronize()
            kernels = [one for one in profile.events() if one.device_type == torch.autograd.DeviceType.CUDA]
            assert len(kernels) == 1 + before.get(name, 0), (name, [one.name for one in kernels])
            torch.testing.assert_close(found.float(), call(EAGER).float(), rtol=2**-6, atol=2**-6, msg=name)


@pytest.mark.skipif(NAME != "cuda", reason="only a GPU is waited for")
def test_a_pass_does_not_wait_for_the_device(wide):
    """PyTorch raises at each wait that it knows of. Contexts, layers and logits of several queries are asked for."""
    engine = Engine.load(wide, EngineConfig(device=NAME))
    engine.runner.wait_for_compiled()
    asked = [query for query in mixed_queries() if "?" not in query.sequence]
    expected = engine.encode(asked)
    entries = engine._recall(asked, [context_key(query.context) if query.context else None for query in asked])
    torch.cuda.set_sync_debug_mode("error")
    try:
        pending = engine.runner.run(asked, entries)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert difference(pending.encodings(), expected) < 0.03


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_packed_remembered_and_plain_are_the_same_at_the_size_of_e1_150m(wide, precision):
    engine = Engine.load(wide, EngineConfig(device=NAME, precision=precision))
    asked = mixed_queries()
    oracle = Engine.load(wide, EngineConfig(device=NAME, precision="float32"))
    expected = plain_encode(oracle.runner.model, asked, CUDA)
    new = engine.encode(asked)
    remembered = engine.encode(asked[::-1])[::-1]
    assert engine.contexts.hits > 0
    if precision == "float32":
        for found in (new, remembered):
            assert difference(found, [part(one, found) for one in expected]) < 1e-4
    for found in (new, remembered):
        assert correlation(found, expected) > 0.999


def part(encoding, found):
    """Keep the requested layers of the oracle, which has all of them."""
    layers = set(found[0].mean)
    return type(encoding)(
        logits=encoding.logits,
        mean={n: a for n, a in encoding.mean.items() if n in layers},
        per_token={n: a for n, a in encoding.per_token.items() if n in layers},
    )


def test_bfloat16_verifies_against_float32_on_this_device(wide):
    engine = Engine.load(wide, EngineConfig(device=NAME, precision="auto" if NAME == "cuda" else "bfloat16"))
    assert engine.identity.precision == "bfloat16"
    assert [check for check in verify(engine) if not check.passed] == []


@pytest.mark.skipif(NAME != "cuda", reason="only CUDA says how much memory a process may take")
def test_running_out_of_real_memory_halves_and_goes_on(wide):
    engine = Engine.load(wide, EngineConfig(device=NAME, context_bytes=1))
    asked = [Query(random_text(n, 400)) for n in range(200)]
    expected = engine.encode(asked)
    roomy = engine.runner.token_budget
    try:
        # Limit the device's memory to the network and a part of the batch.
        total = torch.cuda.get_device_properties(CUDA).total_memory
        torch.cuda.empty_cache()
        engine.runner.token_budget = 10**9
        taken = torch.cuda.memory_reserved(CUDA)
        torch.cuda.set_per_process_memory_fraction((taken + 600 * 2**20) / total, CUDA)
        found = engine.encode(asked)
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0, CUDA)
        engine.runner.token_budget = roomy
    assert [one.error for one in found] == [None] * len(asked)
    for a, b in zip(expected, found, strict=True):
        np.testing.assert_allclose(a.mean[20], b.mean[20], rtol=0, atol=0.1)
