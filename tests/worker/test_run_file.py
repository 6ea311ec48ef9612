"""`e1 run`: the same work in one process, with no server and no database."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest

from e1protocol import Query
from jobs.errors import InvalidInput
from worker.engine import Engine
from worker.model.errors import CheckpointError, SelfTestFailed
from worker.model.verify import Check
from worker.run_file import run

TINY = Path(__file__).parents[1] / "data" / "e1-random-tiny"
FASTA = ">one\nMKTAYIAKQR\n>two\nMKTAY\n>=three\nACDEFGHIKLMNPQRSTVWY\n"


@pytest.fixture
def library(tmp_path) -> Path:
    path = tmp_path / "library.fasta"
    path.write_text(FASTA)
    return path


def call(
    file: Path, out: Path, *, action="encode", model=str(TINY), context=None, params=None, on_invalid="reject", table=""
):
    seen: list[tuple[int, int]] = []
    code = run(
        file, action=action, model=model, out=out, context=context, params=params or {},
        on_invalid=on_invalid, name="", report=lambda done, total: seen.append((done, total)), table=table,
    )  # fmt: skip
    return code, seen


def direct(*queries: Query):
    return Engine.load(TINY).encode(queries)


def test_npz_holds_what_the_engine_gives(library, tmp_path):
    params = {"repr_layers": [-1, 2], "include": ["mean", "per_token", "logits"]}
    code, seen = call(library, tmp_path / "out.npz", params=params)
    assert (code, seen[-1]) == (0, (3, 3))
    include = frozenset(params["include"])
    expected = direct(*(Query(s, (), (6, 2), include) for s in ("MKTAYIAKQR", "MKTAY", "ACDEFGHIKLMNPQRSTVWY")))
    with np.load(tmp_path / "out.npz") as arrays:
        assert arrays["name"].tolist() == ["one", "two", "=three"]
        assert arrays["index"].tolist() == [0, 1, 2]
        assert arrays["offsets"].tolist() == [0, 10, 15, 35]
        np.testing.assert_allclose(arrays["mean_layer_6"], [e.mean[6] for e in expected], atol=1e-5)
        np.testing.assert_allclose(
            arrays["per_token_layer_2"], np.concatenate([e.per_token[2] for e in expected]), atol=1e-4
        )
        np.testing.assert_allclose(arrays["logits"], np.concatenate([e.logits for e in expected]), atol=1e-4)
        assert json.loads(str(arrays["manifest"]))["checkpoint_sha256"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["library.fasta", "out.npz"]


def test_float16_in_every_format_is_float32_rounded(library, tmp_path):
    params = {"include": ["mean"]}
    call(library, tmp_path / "full.npz", params=params)
    with np.load(tmp_path / "full.npz") as arrays:
        expected = arrays["mean_layer_6"].astype(np.float16)
    for suffix in ("npz", "parquet", "h5", "jsonl", "csv", "xlsx"):
        assert call(library, tmp_path / f"half.{suffix}", params=params | {"dtype": "float16"})[0] == 0
    with np.load(tmp_path / "half.npz") as arrays, h5py.File(tmp_path / "half.h5") as file:
        table = np.stack(pd.read_parquet(tmp_path / "half.parquet")["mean_layer_6"])
        for found in (arrays["mean_layer_6"], file["mean_layer_6"][:], table):
            assert found.dtype == np.float16
            np.testing.assert_array_equal(found, expected)
    lines = (tmp_path / "half.jsonl").read_text().splitlines()
    rows = [json.loads(line)["result"]["embeddings"][0]["embedding"] for line in lines]
    cells = pd.read_csv(tmp_path / "half.csv").filter(like="mean_layer_6_").to_numpy()
    sheet = pd.read_excel(tmp_path / "half.xlsx", engine="calamine").filter(like="mean_layer_6_").to_numpy()
    for text in (rows, cells, sheet):
        np.testing.assert_array_equal(np.array(text, np.float32), expected.astype(np.float32))


def test_predict_keeps_its_masks(tmp_path):
    (tmp_path / "in.jsonl").write_text('{"sequence": "MK?AY?", "name": "x"}\n{"sequence": "?"}\n')
    assert call(tmp_path / "in.jsonl", tmp_path / "out.npz", action="predict")[0] == 0
    with np.load(tmp_path / "out.npz") as arrays:
        assert arrays["mask_positions"].tolist() == [2, 5, 0]
        assert arrays["mask_offsets"].tolist() == [0, 2, 3]
        assert arrays["offsets"].tolist() == [0, 6, 7]


def test_jsonl_and_csv(library, tmp_path):
    call(library, tmp_path / "out.jsonl", action="log_prob")
    rows = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    call(library, tmp_path / "out.csv", action="log_prob")
    with (tmp_path / "out.csv").open(newline="") as file:
        table = list(csv.DictReader(file))
    assert [row["name"] for row in table] == ["one", "two", "'=three"]
    assert [float(row["log_prob"]) for row in table] == [row["result"]["log_prob"] for row in rows]


def test_bad_records_stop_it_before_anything_is_computed_or_written(tmp_path):
    (tmp_path / "bad.fasta").write_text(">a\nMKT\n>b\nMK1\n>c\nM-K\n")
    with pytest.raises(InvalidInput) as caught:
        call(tmp_path / "bad.fasta", tmp_path / "out.npz")
    assert [(p.line, p.column) for p in caught.value.problems] == [(4, 3), (6, 2)]
    assert not (tmp_path / "out.npz").exists()
    code, _ = call(tmp_path / "bad.fasta", tmp_path / "out.jsonl", on_invalid="skip")
    rows = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert (code, [row["state"] for row in rows]) == (0, ["succeeded", "skipped", "skipped"])
    assert rows[1]["error"]["line"] == 4


def test_a_context_file_and_a_json_body_agree(library, tmp_path):
    (tmp_path / "homologs.fasta").write_text(">h\nMKTAYIVKQR\n")
    call(library, tmp_path / "a.npz", action="log_prob", context=tmp_path / "homologs.fasta")
    sequences = ["MKTAYIAKQR", "MKTAY", "ACDEFGHIKLMNPQRSTVWY"]
    body = {
        "model": str(TINY),
        "action": "log_prob",
        "items": [{"sequence": s, "context_sequences": ["MKTAYIVKQR"]} for s in sequences],
    }
    (tmp_path / "body.json").write_text(json.dumps(body))
    call(tmp_path / "body.json", tmp_path / "b.npz", action=None, model=None)
    with np.load(tmp_path / "a.npz") as a, np.load(tmp_path / "b.npz") as b:
        np.testing.assert_allclose(a["log_prob"], b["log_prob"], rtol=1e-6)


@pytest.mark.parametrize(
    ("out", "extra", "error", "code"),
    [
        ("out.xls", {}, InvalidInput, "unknown_format"),
        ("out.csv", {"params": {"include": ["mean", "per_token"]}}, InvalidInput, "several_tables"),
        ("out.csv", {"table": "scores"}, InvalidInput, "unknown_table"),
        ("out.npz", {"action": "fold"}, InvalidInput, "unknown_action"),
        ("out.npz", {"params": {"repr_layers": [9]}}, InvalidInput, "bad_layers"),
        ("out.npz", {"model": "e1-601m"}, CheckpointError, "bad_checkpoint"),
    ],
)
def test_what_it_refuses(library, tmp_path, out, extra, error, code):
    with pytest.raises(error) as caught:
        call(library, tmp_path / out, **extra)
    assert caught.value.code == code
    assert [path.name for path in tmp_path.iterdir()] == ["library.fasta"]


@pytest.mark.slow
def test_the_command_needs_no_server_and_no_settings(library, tmp_path):
    env = {
        name: value for name, value in os.environ.items() if name not in ("DATABASE_URL", "REDIS_URL", "E1_SECRET_KEY")
    }
    how = {"env": env, "capture_output": True, "text": True}
    command = [sys.executable, "-m", "e1client.cli", "run", str(library), "--action", "encode", "--model", str(TINY)]
    done = subprocess.run([*command, "--out", str(tmp_path / "o.npz")], check=False, **how)
    assert done.returncode == 0, done.stderr
    assert "Profluent-E1" in done.stderr
    library.write_text(">x\nMK1\n")
    bad = subprocess.run([*command, "--out", str(tmp_path / "p.npz")], check=False, **how)
    assert bad.returncode == 3
    assert "line 2, column 3" in bad.stderr


def test_the_seconds_before_the_first_item_are_told(library, tmp_path):
    told: list[tuple[float, float]] = []
    run(
        library, action="encode", model=str(TINY), out=tmp_path / "out.npz", context=None, params={}, on_invalid="",
        name="", report=lambda *_: told or pytest.fail("an item was computed before"),
        started=lambda *seconds: told.append(seconds),
    )  # fmt: skip
    assert len(told) == 1
    assert all(seconds > 0 for seconds in told[0])


def test_a_network_that_fails_its_self_test_computes_nothing(library, tmp_path, monkeypatch):
    wrong = [Check("packed against alone", 7.0, 1e-4)]
    monkeypatch.setattr("worker.run_file.self_test", lambda engine: wrong)
    with pytest.raises(SelfTestFailed, match=r"packed against alone: 7\.0"):
        call(library, tmp_path / "out.npz")
    assert [path.name for path in tmp_path.iterdir()] == [library.name]
