"""The parts of the network: strict loading, valid configurations, both attention backends."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import types
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from e1protocol import MODELS, Query
from tests.worker.kernels import FLASH, TORCH, reference_varlen
from worker.engine import Engine
from worker.engine.config import EngineConfig
from worker.engine.packer import Instance, Load, pack, plan_batches
from worker.model import attention
from worker.model.attention import (
    Span,
    choose_backend,
    merge,
    rounds,
    sdpa_attend,
    sdpa_attend_lse,
)
from worker.model.config import parse_config, read_config
from worker.model.e1 import E1
from worker.model.errors import CheckpointError, QueryError, WeightsUnavailable
from worker.model.loader import load_model, save_model
from worker.model.registry import HUB, find_checkpoint
from worker.model.tokenizer import CANONICAL_TOKENS, tokenize

TINY = Path(__file__).parents[1] / "data" / "e1-random-tiny"
CPU = torch.device("cpu")
RAW = json.loads((TINY / "config.json").read_text())


def test_tokens_of_a_sequence():
    assert tokenize("MA?Z").tolist() == [1, 6, 20, 8, 5, 33, 7, 2]
    assert CANONICAL_TOKENS.tolist() == [8, 10, 11, 12, 13, 14, 15, 16, 18, 19, 20, 21, 23, 24, 25, 26, 27, 29, 30, 32]


@pytest.mark.parametrize("text", ["", "MKt", "MK*", "MK-", "MK1", "MKÄ", "M K", "MK\n", "\x00"])
def test_what_is_no_sequence(text):
    with pytest.raises(QueryError) as caught:
        tokenize(text)
    assert caught.value.code == "bad_sequence"


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(("heads", "kv_heads"), [(4, 4), (4, 2), (4, 1)])
def test_backends_agree(seed, heads, kv_heads):
    generator = np.random.default_rng(seed)
    queries = [
        Query(
            "M" * int(generator.integers(1, 30)),
            tuple("A" * int(n) for n in generator.integers(1, 30, generator.integers(0, 5))),
        )
        for _ in range(4)
    ]
    batch, _ = pack([Instance((*query.context, query.sequence)) for query in queries])
    torch.manual_seed(seed)
    q = torch.randn(len(batch.tokens), heads, 16)
    k, v = (torch.randn(len(batch.tokens), kv_heads, 16) for _ in range(2))
    for spans in (batch.within, batch.blocks):
        expected, expected_lse = sdpa_attend_lse(q, k, v, spans)
        torch.testing.assert_close(sdpa_attend(q, k, v, spans), expected, rtol=0, atol=1e-5)
        for backend in (FLASH, TORCH):
            found, lse = backend.attend_lse(q, k, v, spans)
            torch.testing.assert_close(backend.attend(q, k, v, spans), expected, rtol=0, atol=1e-5)
            torch.testing.assert_close(found, expected, rtol=0, atol=1e-5)
            torch.testing.assert_close(lse, expected_lse, rtol=0, atol=1e-5)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_attention_over_two_sets_of_keys_is_merged_exactly(dtype):
    torch.manual_seed(3)
    q, k, v = (torch.randn(n, 4, 16).to(dtype) for n in (7, 30, 30))
    for cut in (1, 17, 29):
        parts = [sdpa_attend_lse(q, k, v, (Span(0, 7, *keys),)) for keys in ((0, cut), (cut, 30))]
        whole = sdpa_attend(q, k, v, (Span(0, 7, 0, 30),))
        tolerance = 1e-6 if dtype == torch.float32 else 2e-2
        torch.testing.assert_close(merge(*parts[0], *parts[1]), whole, rtol=0, atol=tolerance)


def test_plain_attention_in_blocks_of_rows_is_the_same(monkeypatch):
    torch.manual_seed(4)
    q, k, v = (torch.randn(1, 4, n, 16) for n in (50, 30, 30))
    out, lse = attention.cpu_flash(q, k, v)
    monkeypatch.setattr(attention, "ROW_BYTES", 4 * 4 * 30 * 7)
    found, found_lse = attention._softmax(q, k, v)
    torch.testing.assert_close(found, out, rtol=0, atol=1e-5)
    torch.testing.assert_close(found_lse, lse, rtol=0, atol=1e-5)


def test_on_cuda_in_half_precision_one_kernel_does_all_sequences(monkeypatch):
    cuda = torch.device("cuda")
    package = types.ModuleType("flash_attn")
    package.flash_attn_varlen_func = reference_varlen
    monkeypatch.setitem(sys.modules, "flash_attn", package)
    assert choose_backend(cuda, torch.bfloat16).name == "flash-attn"
    assert choose_backend(cuda, torch.float32).name == choose_backend(CPU, torch.bfloat16).name == "sdpa"
    monkeypatch.setitem(sys.modules, "flash_attn", None)
    assert choose_backend(cuda, torch.bfloat16).name == "torch-varlen"
    monkeypatch.setitem(sys.modules, "torch.nn.attention.varlen", None)
    assert choose_backend(cuda, torch.bfloat16).name == "sdpa"


def test_rounds_never_use_a_key_twice():
    spans = (Span(0, 3, 0, 3), Span(3, 5, 0, 5), Span(5, 9, 5, 9), Span(9, 11, 5, 11), Span(11, 12, 5, 12))
    assert rounds(spans) == [[spans[0], spans[2]], [spans[1], spans[3]], [spans[4]]]


def test_whole_network_through_the_flash_backend():
    model = load_model(TINY, device=CPU, dtype=torch.float32)
    batch, _ = pack([Instance(("MKTAY", "GGG", "MKTAYIAK")), Instance(("ACDEF",)), Instance(("PPPPP", "W?Y"))])
    with torch.inference_mode():
        for (_, a), (_, b) in zip(
            model.hidden_states(batch, sdpa_attend),
            model.hidden_states(batch, FLASH.attend),
            strict=True,
        ):
            torch.testing.assert_close(a, b, rtol=0, atol=1e-4)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"hidden_act": "relu"}, "hidden_act"),
        ({"model_type": "ESM"}, "model_type"),
        ({"num_key_value_heads": 3}, "share"),
        ({"num_attention_heads": 5}, "split"),
        ({"clip_qkv": None}, "clip_qkv"),
        ({"rope_theta_global": "big"}, "rope_theta_global"),
        ({"num_hidden_layers": True}, "num_hidden_layers"),
        ({"max_num_sequences": 0}, "max_num_sequences"),
    ],
)
def test_illegal_configurations_are_refused_by_name(change, message):
    with pytest.raises(CheckpointError, match=message):
        parse_config({**RAW, **change}, "config.json")


def written(folder: Path, config_change: dict) -> Path:
    """Write a random checkpoint of a changed configuration, in the released format."""
    raw = {**RAW, **config_change}
    torch.manual_seed(0)
    model = E1(parse_config(raw, "test"))
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    (folder / "config.json").write_text(json.dumps(raw))
    save_model(model, folder / "model.safetensors", dtype=torch.float32)
    return folder


def test_fewer_kv_heads_give_what_repeated_heads_give(tmp_path):
    """Grouped heads are the same network as repeated kv heads."""
    (tmp_path / "few").mkdir()
    (tmp_path / "all").mkdir()
    few = written(tmp_path / "few", {"num_key_value_heads": 2})
    state = load_file(few / "model.safetensors")
    for name, tensor in state.items():
        if "k_proj" in name or "v_proj" in name:
            state[name] = tensor.view(2, 16, 64).repeat_interleave(2, dim=0).reshape(64, 64).contiguous()
    save_file(state, tmp_path / "all" / "model.safetensors")
    (tmp_path / "all" / "config.json").write_text(json.dumps(RAW))
    query = Query("MKTAYIAKQ", ("MKTAY",), (0, 3, -1), frozenset({"per_token", "logits"}))
    (a,), (b,) = Engine.load(few).encode([query]), Engine.load(tmp_path / "all").encode([query])
    np.testing.assert_allclose(a.logits, b.logits, atol=1e-4)
    for layer in (0, 3, 6):
        np.testing.assert_allclose(a.per_token[layer], b.per_token[layer], atol=1e-4)


def test_another_clip_value_is_read_from_the_file(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    query = [Query("MKTAYIAKQ", include=frozenset({"logits"}))]
    a = Engine.load(written(tmp_path / "a", {"clip_qkv": 8.0})).encode(query)[0]
    b = Engine.load(written(tmp_path / "b", {"clip_qkv": 0.05})).encode(query)[0]
    assert np.abs(a.logits - b.logits).max() > 1e-3


@pytest.mark.parametrize("how", ["missing", "left over", "shape", "no safetensors", "no config", "no weights"])
def test_loading_is_strict(tmp_path, how):
    folder = written(tmp_path, {})
    path = folder / "model.safetensors"
    state = load_file(path)
    name = "model.layers.0.ffn.mlp.w1.weight"
    if how == "missing":
        del state[name]
    elif how == "left over":
        state["model.layers.9.extra"] = torch.zeros(2)
    elif how == "shape":
        state[name] = torch.zeros(5, 64)
    save_file(state, path)
    if how == "no safetensors":
        path.write_bytes(b"PK\x03\x04" + bytes(100))
    elif how == "no config":
        (folder / "config.json").unlink()
    elif how == "no weights":
        path.unlink()
    with pytest.raises(CheckpointError) as caught:
        Engine.load(folder)
    assert str(tmp_path) in str(caught.value)


def test_a_checkpoint_written_is_the_checkpoint_read(tmp_path):
    model = load_model(TINY, device=CPU, dtype=torch.float32)
    save_model(model, tmp_path / "model.safetensors", dtype=torch.float32)
    again, before = load_file(tmp_path / "model.safetensors"), load_file(TINY / "model.safetensors")
    assert again.keys() == before.keys()
    assert all(torch.equal(again[name], before[name]) for name in before)


def test_the_head_stays_in_float32():
    engine = Engine.load(TINY, EngineConfig(precision="bfloat16"))
    assert engine.runner.model.mlm_head.out.weight.dtype == torch.float32
    exact = Engine.load(TINY).encode([Query("MKTAYIAKQR", include=frozenset({"logits"}))])[0].logits
    rough = engine.encode([Query("MKTAYIAKQR", include=frozenset({"logits"}))])[0].logits
    assert 0 < np.abs(exact - rough).max() < 0.2


def test_released_shapes_have_the_published_numbers_of_parameters():
    for slug, facts in MODELS.items():
        hidden, layers = facts.hidden_size, facts.layers
        raw = {**RAW, "hidden_size": hidden, "intermediate_size": 3 * hidden, "num_hidden_layers": layers}
        heads = hidden // 64 if slug != "e1-demo" else 4
        config = parse_config({**raw, "num_attention_heads": heads, "num_key_value_heads": heads}, slug)
        assert config.parameters() == facts.parameters, slug


def test_unknown_model_says_what_there_is():
    with pytest.raises(CheckpointError, match="e1-600m"):
        find_checkpoint("e1-601m")


def test_weights_that_cannot_be_had_come_with_the_remedy(tmp_path, monkeypatch):
    monkeypatch.setenv("E1_WEIGHTS", str(tmp_path))
    with pytest.raises(WeightsUnavailable, match=f"hf download Profluent-Bio/E1-600m.*{HUB['e1-600m'].revision}"):
        find_checkpoint("e1-600m")


def test_a_hub_that_is_away_comes_with_the_remedy(monkeypatch):
    import huggingface_hub
    from huggingface_hub.errors import LocalEntryNotFoundError

    def away(*_args, **_kwargs):
        raise LocalEntryNotFoundError("no connection")

    monkeypatch.delenv("E1_WEIGHTS", raising=False)
    monkeypatch.setattr(huggingface_hub, "snapshot_download", away)
    with pytest.raises(WeightsUnavailable, match="E1_WEIGHTS"):
        find_checkpoint("e1-150m")


def test_wrong_weights_are_refused_by_their_digest(tmp_path, monkeypatch):
    (tmp_path / "e1-150m").mkdir()
    written(tmp_path / "e1-150m", {})
    monkeypatch.setenv("E1_WEIGHTS", str(tmp_path))
    with pytest.raises(CheckpointError, match=HUB["e1-150m"].sha256):
        find_checkpoint("e1-150m")


@pytest.mark.parametrize(
    ("query", "code"),
    [
        (Query("M" * 8189), "sequence_too_long"),
        (Query("M", ("A",) * 512), "too_many_contexts"),
        (Query("M", ("A" * 8188,) * 8), "context_too_long"),
        (Query("M", layers=(7,)), "bad_layer"),
        (Query("M", layers=(-8,)), "bad_layer"),
        (Query("M", include=frozenset()), "bad_include"),
        (Query("M", positions=(1,)), "bad_position"),
        (Query("Mk"), "bad_sequence"),
    ],
)
def test_queries_beyond_the_checkpoint_are_refused(query, code):
    with pytest.raises(QueryError) as caught:
        Engine.load(TINY).encode([Query("M"), query])
    assert caught.value.code == code


@pytest.mark.slow
def test_the_longest_sequence_and_the_most_contexts_run():
    engine = Engine.load(TINY)
    longest, many = engine.encode([Query("M" * 8188), Query("M", ("A",) * 511)])
    assert np.isfinite(longest.mean[6]).all()
    assert np.isfinite(many.mean[6]).all()


def test_only_what_is_asked_for_is_computed(monkeypatch):
    engine = Engine.load(TINY)
    ran: list[int] = []
    for index, layer in enumerate(engine.runner.model.layers):
        layer.register_forward_hook(lambda *_args, index=index: ran.append(index))
    heads: list[int] = []
    engine.runner.model.mlm_head.register_forward_hook(lambda _m, args, _out: heads.append(len(args[0])))
    engine.encode([Query("MKTAYIAK", layers=(2,))])
    assert (ran, heads) == ([0, 1], [])
    engine.encode([Query("MK?AYI?K", layers=(), include=frozenset({"logits"}), positions=(2, 6)), Query("MMMM")])
    assert (ran[2:], heads) == ([0, 1, 2, 3, 4, 5], [2])


def test_selected_positions_are_rows_of_the_whole():
    engine = Engine.load(TINY)
    logits = frozenset({"logits"})
    whole, some = engine.encode([Query("MKTAY", include=logits), Query("MKTAY", include=logits, positions=(3, 0))])
    np.testing.assert_allclose(some.logits, whole.logits[[3, 0]], atol=1e-5)


def test_out_of_memory_halves_and_names_the_one_that_does_not_fit(monkeypatch):
    engine = Engine.load(TINY)
    run = engine.runner.run
    calls: list[int] = []

    def cramped(queries, entries):
        calls.append(len(queries))
        if sum(len(query.sequence) for query in queries) > 20:
            raise torch.OutOfMemoryError("no room")
        return run(queries, entries)

    expected = engine.encode([Query("M" * n) for n in (5, 6, 7, 8)])
    monkeypatch.setattr(engine.runner, "run", cramped)
    found = engine.encode([Query("M" * n) for n in (5, 6, 7, 8, 30)])
    assert [encoding.error for encoding in found] == [None] * 4 + ["out_of_memory"]
    for a, b in zip(expected, found, strict=False):
        np.testing.assert_allclose(a.mean[6], b.mean[6], atol=1e-5)
    assert len(calls) > 3


def test_the_next_batch_starts_before_the_results_of_the_last_are_awaited(monkeypatch):
    engine = Engine.load(TINY, EngineConfig(token_budget=20))
    run, order = engine.runner.run, []

    class Noted:
        def __init__(self, number, pending):
            self.number, self.pending = number, pending

        def encodings(self):
            order.append(f"await {self.number}")
            return self.pending.encodings()

    def started(queries, entries):
        number = len(queries[0].sequence)
        order.append(f"start {number}")
        return Noted(number, run(queries, entries))

    monkeypatch.setattr(engine.runner, "run", started)
    found = engine.encode([Query("M" * n, layers=(0, -1)) for n in (14, 15, 16)])
    assert order == ["start 14", "start 15", "await 14", "start 16", "await 15", "await 16"]
    for n, encoding in zip((14, 15, 16), found, strict=True):
        (alone,) = Engine.load(TINY).encode([Query("M" * n, layers=(0, -1))])
        assert set(encoding.mean) == set(alone.mean)
        for layer, mean in alone.mean.items():
            np.testing.assert_allclose(encoding.mean[layer], mean, atol=1e-5)


def test_results_keep_nothing_of_the_pass_alive():
    """A slice of the hidden states, or of what was copied for all queries, would keep all of them."""
    engine = Engine.load(TINY)
    include = frozenset({"mean", "per_token", "logits"})
    for encoding in engine.encode([Query("MKTAY", include=include), Query("MK", include=include)]):
        for array in (encoding.logits, *encoding.mean.values(), *encoding.per_token.values()):
            owner = array if array.base is None else array.base
            assert owner.nbytes == array.nbytes


def test_batches_keep_order_and_budget():
    assert plan_batches([Load(n) for n in (10, 10, 10, 50, 5)], 25, 0) == [[0, 1], [2], [3], [4]]
    assert plan_batches([], 25, 0) == []


def test_queries_of_one_context_follow_each_other_and_contexts_keep_to_their_room():
    a, b, none = Load(10, b"a", 100), Load(10, b"b", 100), Load(10)
    assert plan_batches([a, b, none, a, b, none], 100, 1000) == [[0, 3, 1, 4, 2, 5]]
    assert plan_batches([a, b, none, a, b, none], 100, 150) == [[0, 3], [1, 4, 2, 5]]
    assert plan_batches([a, b, none, a, b, none], 30, 1000) == [[0, 3, 1], [4, 2, 5]]
    assert plan_batches([Load(10, b"c", 999)], 100, 150) == [[0]]


FULL_SIZE = """
import json, resource, sys, torch
from pathlib import Path
from worker.engine import Engine
from worker.model.config import parse_config
from worker.model.e1 import E1
from worker.model.loader import save_model
from e1protocol import Query
folder = Path(sys.argv[1])
raw = {**json.loads(Path(sys.argv[2]).read_text()), "hidden_size": 1280, "intermediate_size": 3840,
       "num_hidden_layers": 30, "num_attention_heads": 20, "num_key_value_heads": 20}
if sys.argv[3] == "write":
    torch.set_default_dtype(torch.bfloat16)
    model = E1(parse_config(raw, "test"))
    (folder / "config.json").write_text(json.dumps(raw))
    save_model(model, folder / "model.safetensors", dtype=torch.bfloat16)
else:
    (out,) = Engine.load(folder).encode([Query("MKTAYIAKQR" * 10, ("GGGSS",), (-1,), frozenset({"mean", "logits"}))])
    assert out.mean[30].shape == (1280,) and out.logits.shape == (100, 20)
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


@pytest.mark.slow
def test_the_full_size_of_e1_600m_fits_in_8_gb(tmp_path):
    """A released-format bfloat16 checkpoint of random weights, loaded in float32 and run on the CPU."""

    def run(step: str) -> str:
        command = [sys.executable, "-c", FULL_SIZE, str(tmp_path), str(TINY / "config.json"), step]
        return subprocess.run(command, check=True, capture_output=True, text=True, env=os.environ).stdout

    run("write")
    assert read_config(tmp_path / "config.json").parameters() == MODELS["e1-600m"].parameters
    peak_kb = int(run("load"))
    (tmp_path / "model.safetensors").unlink()
    assert peak_kb < 8_000_000
