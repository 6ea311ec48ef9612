"""The network compared with the golden numbers of a random checkpoint in the released format."""

import itertools
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

from e1protocol import Query
from worker.engine import Engine
from worker.engine.packer import Instance, pack
from worker.model.attention import sdpa_attend

TINY = Path(__file__).parents[1] / "data" / "e1-random-tiny"
CASES = json.loads((TINY / "cases.json").read_text())["cases"]
EXPECTED = load_file(TINY / "expected.safetensors")
ALL = frozenset({"mean", "per_token", "logits"})


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine.load(TINY)


def query_of(case, layers=tuple(range(7))):
    return Query(case["query"], tuple(case["context"]), layers, ALL)


def check(case, encoding):
    name = case["id"]
    canonical = [8 + ord(letter) - ord("A") for letter in "ACDEFGHIKLMNPQRSTVWY"]
    np.testing.assert_allclose(encoding.logits, EXPECTED[f"{name}.logits"][:, canonical], rtol=0, atol=1e-4)
    if f"{name}.hidden_states" in EXPECTED:
        for layer, expected in enumerate(EXPECTED[f"{name}.hidden_states"]):
            np.testing.assert_allclose(encoding.per_token[layer], expected, rtol=0, atol=1e-4)
            np.testing.assert_allclose(encoding.mean[layer], expected.mean(axis=0), rtol=0, atol=1e-4)
    if f"{name}.mean_hidden_3" in EXPECTED:
        np.testing.assert_allclose(encoding.mean[3], EXPECTED[f"{name}.mean_hidden_3"], rtol=0, atol=1e-4)
        np.testing.assert_allclose(encoding.mean[6], EXPECTED[f"{name}.mean_last_hidden"], rtol=0, atol=1e-4)


def test_every_expected_array_belongs_to_a_case():
    assert {name.split(".")[0] for name in EXPECTED} == {case["id"] for case in CASES}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
def test_alone(engine, case):
    check(case, engine.encode([query_of(case)])[0])


@pytest.mark.parametrize("order", list(itertools.islice(itertools.permutations(range(len(CASES))), 0, None, 60001)))
@pytest.mark.parametrize("budget", [64, 700, 100_000])
def test_packed_in_any_order(engine, monkeypatch, order, budget):
    monkeypatch.setattr(engine.runner, "token_budget", budget)
    for n, encoding in zip(order, engine.encode([query_of(CASES[n]) for n in order]), strict=True):
        check(CASES[n], encoding)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
def test_all_vocabulary_columns(engine, case):
    batch, (place,) = pack([Instance((*query_of(case).context, query_of(case).sequence))])
    with torch.inference_mode():
        *_, (_, last) = engine.runner.model.hidden_states(batch, sdpa_attend)
        logits = engine.runner.model.head(last[place.start : place.end])
    np.testing.assert_allclose(logits.numpy(), EXPECTED[f"{case['id']}.logits"], rtol=0, atol=1e-4)
