"""`e1 verify` and the worker's self-test: a sound network passes, and each fault makes its check fail."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from e1client.cli import app
from e1protocol import CANONICAL, Encoding, Query
from worker.engine import Engine
from worker.engine.config import EngineConfig
from worker.model.attention import Backend, Span, sdpa_attend_lse, varlen_backend
from worker.model.registry import HUB
from worker.model.verify import KNOWN_ANSWERS, Check, Report, known_answer_checks, known_answers, self_test, verify

TINY = Path(__file__).parents[1] / "data" / "e1-random-tiny"


@pytest.fixture(autouse=True)
def one_thread():
    """Use one thread: at this size, several lose more by waiting than they gain."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def engine():
    return Engine.load(TINY)


def failed(checks):
    return [check.name for check in checks if not check.passed]


def test_a_sound_network_passes(engine):
    assert failed(self_test(engine)) == []
    assert failed(verify(engine)) == []


def test_half_precision_is_compared_with_float32():
    engine = Engine.load(TINY, EngineConfig(precision="bfloat16"))
    checks = {check.name: check for check in verify(engine)}
    assert failed(checks.values()) == []
    assert checks["sdpa bfloat16 against plain float32"].measured > 1e-4


def seeing(name, change):
    """Return a backend that attends to changed spans."""

    def attend_lse(q, k, v, spans):
        return sdpa_attend_lse(q, k, v, tuple(change(span) for span in spans))

    return Backend(name, lambda *arguments: attend_lse(*arguments)[0], attend_lse)


def test_a_backend_that_leaks_between_sequences_fails(engine, monkeypatch):
    monkeypatch.setattr(engine.runner, "backend", seeing("leaky", lambda s: s._replace(k_start=0)))
    assert "packed against alone" in failed(self_test(engine))


def test_a_backend_that_is_wrong_alone_too_fails(engine, monkeypatch):
    # A query sees nothing of its context, and a context sequence nothing of those before it.
    def alone(span):
        return span._replace(k_start=max(span.k_start, span.q_start))

    monkeypatch.setattr(engine.runner, "backend", seeing("forgetful", alone))
    model = engine.runner.model
    monkeypatch.setattr(model, "fused", model.fused._replace(merge=lambda own, *_: own))
    assert failed(self_test(engine)) == ["forgetful packed against plain"]
    assert failed(verify(engine)) == [
        "forgetful float32 against plain float32",
        "correlation of logits with plain float32",
    ]


def test_the_other_backend_is_compared_with_the_plain_one(engine, monkeypatch):
    def kernel(q, k, v, q_offsets, k_offsets, longest_q, longest_k):
        spans = tuple(
            Span(*map(int, (q_offsets[n], q_offsets[n + 1], k_offsets[n], k_offsets[n + 1])))
            for n in range(len(q_offsets) - 1)
        )
        out, lse = sdpa_attend_lse(q, k, v, spans)
        return out, lse.T

    monkeypatch.setattr(engine.runner, "backend", varlen_backend("kernel", kernel))
    assert failed(self_test(engine)) == []


def test_broken_weights_fail(engine):
    with torch.no_grad():
        engine.runner.model.norm.weight[0] = float("nan")
    assert "values that are not finite" in failed(self_test(engine))


def test_a_network_that_does_not_fit_fails(engine, monkeypatch):
    monkeypatch.setattr(engine, "encode", lambda queries: [Encoding(error="out_of_memory") for _ in queries])
    assert len(failed(self_test(engine))) == 3


@pytest.mark.parametrize(("shift", "passes"), [(0.0, True), (0.09, True), (0.11, False), (float("nan"), False)])
def test_known_answers_are_held_to_their_tolerance(engine, shift, passes):
    sequence = "MYPNQTSFAHG"
    logits = engine.encode([Query(sequence, include=frozenset({"logits"}))])[0].logits
    moved = logits.copy()
    moved[3, 7] += shift
    largest, correlation = known_answer_checks(engine, [(sequence, moved)])
    assert largest.passed is passes
    assert correlation.passed is (not np.isnan(shift))


def test_known_answers_of_other_weights_fail(engine):
    answers = known_answers(HUB["e1-150m"].sha256)
    assert len(failed(known_answer_checks(engine, answers))) == 2 * len(answers)


def test_known_answers_belong_to_the_released_weights():
    published = json.loads(KNOWN_ANSWERS.read_text())
    assert "".join(published["vocab_tokens"]) == CANONICAL
    assert {slug: known["model.safetensors.sha256"] for slug, known in published["models"].items()} == {
        slug: source.sha256 for slug, source in HUB.items()
    }
    for source in HUB.values():
        for sequence, logits in known_answers(source.sha256):
            assert logits.shape == (len(sequence), 20)
    assert known_answers("0" * 64) == []


def test_a_report_reads_well_and_survives_json(engine):
    report = Report(
        engine.identity, (Check("a", 0.5, 0.1), Check("b", 0.9995, 0.999, True), Check("c", float("nan"), 1))
    )
    assert [line.split()[-1] for line in report.lines()][2:] == ["FAIL", "pass", "FAIL"]
    data = json.loads(json.dumps(report.as_dict(), allow_nan=False))
    assert [check["passed"] for check in data["checks"]] == [False, True, False]
    assert data["passed"] is False


def test_the_command():
    done = CliRunner().invoke(app, ["verify", "--model", str(TINY), "--json"])
    assert (done.exit_code, json.loads(done.stdout)["passed"]) == (0, True)
    assert "Profluent-E1" in done.stderr
    absent = CliRunner().invoke(app, ["verify", "--model", "no-such-model"])
    assert absent.exit_code == 3
    assert "bad_checkpoint" in absent.stderr


def test_the_command_says_how_to_get_weights(monkeypatch, tmp_path):
    monkeypatch.setenv("E1_WEIGHTS", str(tmp_path))
    absent = CliRunner().invoke(app, ["verify", "--model", "e1-150m"])
    assert absent.exit_code == 3
    assert "hf download" in absent.stderr
