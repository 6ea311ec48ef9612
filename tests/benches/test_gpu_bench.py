"""The bench of a GPU, on a CPU at small shapes: every part runs, and failures are rows."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from benchmarks import gpu
from benchmarks.measuring import Row
from tests.helpers import ROOT
from tests.stack import OWN_ENVIRONMENT

PARTS = [
    "gpu: tests that failed",
    "gpu: checks of e1-demo that failed",
    "gpu: checks of random tiny that failed",
    "tiny: forward pass over matrix products",
    "tiny: shared context over its ideal",
    "gpu: scan of 12 residues, alone",
    "gpu: scan of 12 residues, under 2 contexts",
    "gpu: time with exhausted memory over time with enough",
    "gpu: two workers over one",
]


@pytest.mark.slow
def test_every_part_runs_on_a_cpu_and_is_in_both_files(tmp_path):
    env = {key: value for key, value in os.environ.items() if key not in OWN_ENVIRONMENT}
    command = [sys.executable, "-m", "benchmarks", "gpu", "--smoke", "--folder", str(tmp_path)]
    ran = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=1200, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    report = json.loads((tmp_path / "gpu.json").read_text())
    rows = {row["name"]: row for row in report["rows"]}
    for begins in PARTS:
        assert [name for name in rows if name.startswith(begins)], (begins, list(rows))
    for name, row in rows.items():
        assert "failed:" not in row["unit"], row
        assert not (name.endswith("that failed") and row["value"]), row
    table = (tmp_path / "gpu.md").read_text()
    assert all(f"| {name} |" in table for name in rows)


def test_a_part_that_fails_is_a_row_and_the_others_go_on(tmp_path, monkeypatch):
    def broken():
        raise RuntimeError("no such kernel")

    parts = {"one": broken, "two": lambda: iter([Row("two", 1.0, "s")])}
    monkeypatch.setattr(gpu, "parts", lambda *_: parts)
    found = list(gpu.gpu(tmp_path, gpu.SMALL))
    assert [row.name for row in found] == ["gpu: one", "two"]
    assert "no such kernel" in found[0].unit
    assert json.loads((tmp_path / "gpu.json").read_text())["rows"][1]["value"] == 1.0


def test_no_part_begins_when_the_time_is_over(tmp_path, monkeypatch):
    monkeypatch.setattr(gpu, "LONGEST", -1.0)
    assert all("left out" in row.unit for row in gpu.gpu(tmp_path, gpu.SMALL))
