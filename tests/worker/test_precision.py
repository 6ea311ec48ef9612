"""The choice between float32 and bfloat16: by speed, by accuracy, or as asked; and what each part does in it."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from e1client.cli import app
from e1protocol import Query
from jobs.science.variants import metrics
from worker.engine import Engine, precision
from worker.engine.config import EngineConfig
from worker.engine.contexts import by_heads
from worker.model import attention, fused
from worker.model.errors import SettingError
from worker.model.fused import EAGER, find_compiled, find_compiler
from worker.model.fused_by_torch import compile_parts, parts
from worker.model.loader import load_model
from worker.model.products import GatedProduct, Product, can_pack, pack_products
from worker.model.registry import find_checkpoint
from worker.model.rounding import relative_error, scan_scores, spearman

TINY = Path(__file__).parents[1] / "data" / "e1-random-tiny"
CPU = torch.device("cpu")
BOTH = [torch.float32, torch.bfloat16]
FAST, SLOW = {"products": 2.5, "forward": 1.9}, {"products": 0.1}
NEAR = {
    "hidden_error": 0.01, "hidden_error_of_reference": 0.02,
    "logits_error": 0.02, "logits_error_of_reference": 0.02, "spearman": 0.9995,
}  # fmt: skip


@pytest.fixture
def measured(monkeypatch):
    """Replace both measurements; a network of any size is then worth one."""

    def set_to(speed, errors=None):
        monkeypatch.setattr("worker.engine.config.LARGE", 0)
        monkeypatch.setattr(precision, "speed_figures", lambda config: speed)
        if errors is not None:
            monkeypatch.setattr(precision, "error_figures", lambda model: errors)

    return set_to


def chosen(asked="auto"):
    return precision.load_chosen(TINY, asked, CPU)


@pytest.mark.parametrize(
    ("speed", "errors", "expected", "reason"),
    [
        (SLOW, None, "float32", "not faster"),
        ({"products": 2.0, "forward": 1.1}, None, "float32", "not faster"),
        (FAST, NEAR, "bfloat16", "faster"),
        (FAST, NEAR | {"hidden_error": 0.031}, "float32", "too much"),
        (FAST, NEAR | {"logits_error": 0.031}, "float32", "too much"),
        (FAST, NEAR | {"spearman": 0.9989}, "float32", "too much"),
        (FAST, NEAR | {"spearman": float("nan")}, "float32", "too much"),
    ],
)
def test_auto_takes_bfloat16_if_it_is_faster_and_accurate(measured, speed, errors, expected, reason):
    measured(speed, errors)
    model, choice = chosen()
    assert (choice.name, reason in choice.reason) == (expected, True)
    assert not any(character.isdigit() for character in choice.reason.replace("bfloat16", ""))
    # After a failed check the weights are the exact ones again.
    if errors is not None and expected == "float32":
        assert torch.equal(model.layers[0].attention.qkv.plain, exact().layers[0].attention.qkv.plain)
    assert model.layers[0].attention_norm.weight.dtype == model.mlm_head.out.weight.dtype == torch.float32


def exact():
    return load_model(TINY, device=CPU, dtype=torch.float32)


def test_the_real_measurement_rounds_the_products_and_nothing_else(measured):
    measured(FAST)
    model, choice = chosen()
    assert choice.name == "bfloat16"
    assert {layer.feed_forward.gate_up.dtype for layer in model.layers} == {torch.bfloat16}
    assert model.embed_tokens.weight.dtype == torch.float32
    assert "hidden_error" in str(choice)


@pytest.mark.parametrize("slug", ["e1-demo", None])
def test_bfloat16_is_nearer_to_float32_than_the_reference_s_own(slug):
    folder = find_checkpoint(slug).folder if slug else TINY
    errors = precision.error_figures(load_model(folder, device=CPU, dtype=torch.float32))
    assert errors["hidden_error"] < errors["hidden_error_of_reference"] < 0.05
    assert errors["logits_error"] < errors["logits_error_of_reference"] < 0.05
    assert precision.is_accurate(errors)


def test_small_networks_and_asked_types_need_no_measurement(monkeypatch):
    monkeypatch.setattr(precision, "speed_figures", lambda config: pytest.fail("was measured"))
    assert chosen()[1].reason == "the network is too small for bfloat16 to help"
    assert (chosen("bfloat16")[1].name, chosen("float32")[1].name) == ("bfloat16", "float32")


def test_the_measurement_of_speed_runs_at_the_shapes_of_the_checkpoint():
    figures = precision.speed_figures(exact().config)
    assert figures["products"] > 0
    assert ("forward" in figures) == (figures["products"] >= precision.WORTH_IT)


def test_the_setting_and_the_identity_name_the_type(monkeypatch):
    monkeypatch.setenv("E1_PRECISION", "bfloat16")
    identity = Engine.load(TINY).identity
    assert (identity.precision, identity.precision_reason) == ("bfloat16", "it was asked for")
    assert Engine.load(TINY, EngineConfig(precision="float32")).identity.precision == "float32"
    monkeypatch.setenv("E1_PRECISION", "half")
    with pytest.raises(SettingError, match="E1_PRECISION"):
        EngineConfig()


def test_the_command_line_sets_it(tmp_path):
    library, out = tmp_path / "one.fasta", tmp_path / "one.jsonl"
    library.write_text(">one\nMKTAYIAKQR\n")
    asked = ["run", str(library), "--action", "encode", "--model", str(TINY), "--out", str(out), "--precision"]
    lines = {}
    for name in ("float32", "bfloat16"):
        done = CliRunner().invoke(app, [*asked, name])
        assert done.exit_code == 0, done.stderr
        lines[name] = out.read_text()
    assert lines["float32"] != lines["bfloat16"]
    assert CliRunner().invoke(app, [*asked, "int8"]).exit_code == 2


# --- products ---


@pytest.mark.skipif(not can_pack(), reason="this PyTorch has no oneDNN")
@pytest.mark.parametrize("dtype", BOTH)
@pytest.mark.parametrize("rows", [0, 1, 37, 1500])
def test_packed_products_are_the_plain_ones(dtype, rows):
    torch.manual_seed(0)
    tolerance = 1e-5 if dtype == torch.float32 else 4e-2
    wide, gated, back = Product(64, 192).to(dtype), GatedProduct(64, 96).to(dtype), Product(96, 64).to(dtype)
    x, residual = (torch.randn(rows, 64) * 3).to(dtype), torch.randn(rows, 64)

    def results():
        inner = gated(x)
        return [wide(x), wide.clamped(x, 0.5), inner, back.added(inner, residual, EAGER)]

    with torch.inference_mode():
        expected = results()
        for part in (wide, gated, back):
            part.pack()
            assert part.dtype == dtype
        for found, plain in zip(results(), expected, strict=True):
            assert found.dtype == plain.dtype
            torch.testing.assert_close(found, plain, rtol=tolerance, atol=tolerance)
    with pytest.raises(RuntimeError, match="packed"):
        _ = wide.plain


@pytest.mark.skipif(not can_pack(), reason="this PyTorch has no oneDNN")
def test_a_packed_product_that_is_wrong_is_refused(monkeypatch):
    monkeypatch.setattr("worker.model.products._pointwise", lambda x, *rest: x @ torch.ones(64, 192))
    with pytest.raises(RuntimeError, match="differs"):
        Product(64, 192).pack()


@pytest.mark.skipif(not can_pack(), reason="this PyTorch has no oneDNN")
def test_an_engine_that_cannot_pack_runs_with_plain_weights(monkeypatch, caplog):
    query = [Query("MKTAYIAKQR", include=frozenset({"logits"}))]
    expected = Engine.load(TINY).encode(query)[0].logits
    monkeypatch.setattr("worker.model.products._pointwise", lambda x, *rest: x.new_full((len(x), 1), 9.0))
    engine = Engine.load(TINY)
    assert engine.runner.model.layers[0].attention.qkv.plain.dtype == torch.float32
    np.testing.assert_allclose(engine.encode(query)[0].logits, expected, atol=1e-4)
    assert "plain weights" in caplog.text


@pytest.mark.skipif(not can_pack(), reason="this PyTorch has no oneDNN")
def test_no_weight_of_a_product_is_kept_twice():
    model = exact()
    pack_products(model)
    left = {name for name, _ in model.named_parameters() if name.startswith("layers.")}
    assert {name.split(".")[2] for name in left} == {"attention_norm", "feed_forward_norm"}


# --- elementwise parts ---


@pytest.mark.slow
@pytest.mark.skipif(find_compiler() is None, reason="this machine has no C compiler")
@pytest.mark.parametrize("dtype", BOTH)
def test_compiled_parts_are_the_eager_ones(tmp_path, dtype):
    torch.manual_seed(1)
    check_parts(find_compiled(tmp_path), dtype)
    assert list(tmp_path.glob("fused-*.so"))


@pytest.mark.parametrize("dtype", BOTH)
def test_the_formulas_for_a_gpu_are_the_eager_parts(dtype):
    check_parts(parts(), dtype)


@pytest.mark.full
@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # PyTorch's compiler uses what PyTorch deprecates
@pytest.mark.skipif(shutil.which("g++") is None, reason="PyTorch's compiler needs g++")
def test_pytorch_compiles_the_formulas_for_any_number_of_rows(tmp_path, monkeypatch):
    """On a CPU, where it makes C++ of them: tests/gpu does it on a device."""
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path))
    made = compile_parts(load_model(TINY, device=CPU, dtype=torch.float32).config, CPU, torch.bfloat16)
    with torch.inference_mode():
        check_parts(made, torch.bfloat16)


def check_parts(found: fused.Fused, dtype: torch.dtype) -> None:
    """Compare each part with PyTorch's functions."""
    torch.manual_seed(1)
    rounding, near = (1e-6, 1e-6) if dtype == torch.float32 else (2**-7, 2**-7)
    x, weight, y = torch.randn(33, 80) * 4, torch.rand(80), torch.randn(33, 80).to(dtype)
    a, b = (one.norm(x, weight, 1e-5, dtype) for one in (EAGER, found))
    torch.testing.assert_close(b, a, rtol=rounding, atol=1e-6)
    angles, heads = torch.rand(33, 1, 8) * 6, torch.randn(33, 5, 16).to(dtype)
    limit = 0.5 if found.clamps else 100.0
    turned = [
        one.rotate(given.clone(), 4, angles.cos(), angles.sin(), limit)
        for one, given in ((EAGER, heads.clamp(-limit, limit)), (found, heads))
    ]
    for a, b in zip(*turned, strict=True):
        torch.testing.assert_close(b, a, rtol=rounding, atol=near)
    assert torch.equal(EAGER.add(x, y), found.add(x, y))
    wide = torch.randn(33, 64).to(dtype) * 3
    torch.testing.assert_close(found.gate(wide), EAGER.gate(wide), rtol=2 * rounding, atol=near)
    both = [torch.randn(33, 4, 16).to(dtype) for _ in range(2)]
    sums = [torch.randn(4, 33).T * 20 for _ in range(2)]  # as kernels return them
    given = both[0], sums[0], both[1], sums[1]
    torch.testing.assert_close(found.merge(*given), EAGER.merge(*given), rtol=rounding, atol=near)


@pytest.mark.skipif(find_compiler() is None, reason="this machine has no C compiler")
def test_compiled_parts_keep_what_is_not_finite(tmp_path):
    compiled = find_compiled(tmp_path)
    row = torch.tensor([[float("nan"), 1.0], [float("inf"), 1.0]])
    for dtype in BOTH:
        assert compiled.norm(row, torch.ones(2), 1e-5, dtype).isnan().any(dim=1).all()
    assert compiled.add(row, torch.zeros(2, 2).bfloat16()).isfinite().tolist() == [[False, True], [False, True]]


def test_without_a_compiler_pytorch_computes_and_the_log_says_so(monkeypatch, caplog, tmp_path):
    monkeypatch.setattr(fused.shutil, "which", lambda name: None)
    monkeypatch.setenv("E1_DATA", str(tmp_path))
    monkeypatch.setattr("worker.engine.config.LARGE", 0)
    engine = Engine.load(TINY)
    engine.runner.wait_for_compiled()
    (encoding,) = engine.encode([Query("MKTAYIAKQR")])
    assert engine.runner.model.fused is EAGER
    assert np.isfinite(encoding.mean[6]).all()
    assert "no C compiler" in caplog.text


@pytest.mark.slow
@pytest.mark.skipif(find_compiler() is None, reason="this machine has no C compiler")
@pytest.mark.parametrize("asked", ["float32", "bfloat16"])
def test_the_engine_changes_to_compiled_parts_between_two_calls(monkeypatch, tmp_path, asked):
    monkeypatch.setenv("E1_DATA", str(tmp_path))
    engine = Engine.load(TINY, EngineConfig(precision=asked))
    assert engine.runner._compiling is None, "a small network does not compile"
    query = Query("MKTAYIAKQR", ("MKTAYIVKQRQ",), (-1,), frozenset({"logits", "mean"}))
    (before,) = engine.encode([query])
    monkeypatch.setattr("worker.engine.config.LARGE", 0)
    again = Engine.load(TINY, EngineConfig(precision=asked))
    if again.runner._compiling is not None:  # otherwise it was done before the weights were loaded
        again.runner._compiling.join()
    (after,) = again.encode([query])
    assert again.runner.model.fused.name == "compiled"
    np.testing.assert_allclose(after.logits, before.logits, atol=1e-5 if asked == "float32" else 0.05)


# --- attention ---


@pytest.mark.parametrize("keys", [1, 31, 32, 100, 254])
def test_attention_in_bfloat16_pads_keys_without_attending_to_them(keys):
    torch.manual_seed(2)
    q, k, v = (torch.randn(2, 4, n, 16).bfloat16() for n in (50, keys, keys))
    out, lse = attention.cpu_flash(q, k, v)
    expected, expected_lse = attention._softmax(q, k, v)
    torch.testing.assert_close(out.float(), expected.float(), rtol=0, atol=2e-2)
    torch.testing.assert_close(lse, expected_lse, rtol=0, atol=1e-4)


def test_keys_of_contexts_are_contiguous_by_head_and_own_their_memory():
    x = torch.randn(7, 3, 4)
    kept = by_heads(x[2:])
    assert torch.equal(kept, x[2:])
    assert kept.transpose(0, 1).is_contiguous()
    assert kept.untyped_storage().nbytes() == kept.nbytes


# --- measures ---


@given(pairs=st.lists(st.tuples(*[st.sampled_from([-2.0, 0.0, 0.25, 1.0, 7.5])] * 2), min_size=2, max_size=40))
def test_spearman_is_that_of_the_metrics_of_variants(pairs):
    a, b = np.array(pairs, dtype=np.float32).T
    assert spearman(a, b) == pytest.approx(metrics.spearman(a, b), abs=1e-12, nan_ok=True)


def test_spearman_shares_ranks_and_errors_have_the_unit_of_the_spread():
    assert spearman(np.array([1.0, 2.0, 2.0, 9.0]), np.array([0.0, 5.0, 5.0, 6.0])) == pytest.approx(1)
    assert spearman(np.array([1.0, 1.0, 2.0]), np.array([1.0, 2.0, 3.0])) == pytest.approx(np.sqrt(3) / 2)
    exact_numbers = np.array([[0.0], [2.0]], dtype=np.float32)
    assert relative_error(exact_numbers + 0.1, exact_numbers) == pytest.approx(0.1)


def test_scan_scores_are_relative_to_the_own_residue():
    logits = np.zeros((2, 20), dtype=np.float32)
    logits[0, 0] = 2.0  # A
    scores = scan_scores(logits, "AC").reshape(2, 19)
    np.testing.assert_allclose(scores, [[-2.0] * 19, [0.0] * 19], atol=1e-12)
