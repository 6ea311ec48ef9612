"""Every benchmark runs at its smallest size. The measured values are meaningless."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.benches import BENCHES, BROWSER_BENCHES, DEVICE_BENCHES, PROGRAM_BENCHES
from benchmarks.measuring import Timed
from tests.needed import needed_program
from tests.stack import OWN_ENVIRONMENT

ROOT = Path(__file__).parents[2]
BEGINNINGS = [
    "tiny: forward pass over matrix products",
    "tiny: shared context over its ideal",
    "tiny: one sequence at a time, as FastPLMs runs it",
    "tiny: one masked row",
    "service: processor time per chunk",
    "service: rate over the engine alone",
    "ingest: 64 sequences of 350, web process",
    "download: npz, 64 x 1280 float32, rate",
    "download: h5, 64 x 1280 float32, sent",
    "backup: restore of 64 items with embeddings, checked",
    "pages: page of a running job",
    "waiting: synchronous request",
    "latency: synchronous request, median",
    "latency: job of one protein, until its result is there, 95 % within",
    "simulation: 2 workers",
    "growth: ingest: N sequences",
    "analyses: map pca, 64 x 8, memory of the child",
    "e1 run: time over the service",
    "score under three contexts: time over the estimate",
    "estimates: share of jobs inside the range shown",
    "scan under three contexts, again: time over the estimate",
    "repeats: share of jobs inside the range shown",
]
"""How the rows of every bench begin."""


LONG = ("latency", "growth", "analyses", "run", "estimates")
"""Benches that take most of the time of all, even at their smallest size."""
QUICK = [name for name in BENCHES if name not in LONG]


@pytest.mark.parametrize("names", [QUICK, pytest.param([], id="all", marks=pytest.mark.full)])
@pytest.mark.slow
def test_every_bench_reports_numbers_with_units(tmp_path, names):
    """Run benches in one process, on their own stores, as a user does.

    It is one test: the processes that share a module's tests would run all benches each.
    """
    env = {key: value for key, value in os.environ.items() if key not in OWN_ENVIRONMENT}
    rows = tmp_path / "rows"
    command = [sys.executable, "-m", "benchmarks", *names, "--smoke", "--folder", str(tmp_path), "--json", str(rows)]
    ran = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=3600, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    report = json.loads(rows.read_text())
    for row in report:
        assert row["value"] == row["value"], row
        assert row["unit"], row
        assert row["noise"] >= 0, row
    found = [row["name"] for row in report]
    left_out = (
        ("latency", "growth", "analyses", "e1 run", "score under", "scan under", "estimates", "repeats")
        if names
        else ()
    )
    wanted = [begins for begins in BEGINNINGS if not begins.startswith(left_out)] if names else BEGINNINGS
    assert [begins for begins in wanted if not any(name.startswith(begins) for name in found)] == [], found


@pytest.mark.full
def test_the_bench_of_the_web_server_reports(tmp_path):
    needed_program("wrk", package="wrk")
    env = {key: value for key, value in os.environ.items() if key not in OWN_ENVIRONMENT}
    rows = tmp_path / "rows"
    command = [sys.executable, "-m", "benchmarks", "server", "--smoke", "--folder", str(tmp_path), "--json", str(rows)]
    ran = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=600, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    found = json.loads(rows.read_text())
    assert [row["name"].split(",")[0] for row in found] == [
        "server: page",
        "server: state of a job",
        "server: encode of eight",
    ]
    assert all(row["value"] > 0 for row in found)


@pytest.mark.parametrize("repeats", [3, 5])
def test_times_below_what_the_clock_can_tell_have_no_noise(repeats):
    assert Timed((0.0,) * repeats).noise == 0


def test_the_documents_name_benches_that_there_are():
    named = [
        name
        for page in (ROOT / "docs").rglob("*.md")
        for words in re.findall(r"python -m benchmarks((?: [a-z]+)+)", page.read_text(encoding="utf-8"))
        for name in words.split()
    ]
    assert {"overhead", "pages", "waiting", "simulation", "estimates"} <= set(named)
    assert set(named) <= {*BENCHES, *BROWSER_BENCHES, *DEVICE_BENCHES, *PROGRAM_BENCHES}


def test_every_bench_is_tried_here():
    assert set(BENCHES) == {
        *("engine", "accuracy", "peer", "context", "skipped"),
        *("overhead", "against", "ingest", "download", "backup", "pages", "waiting", "latency", "simulation", "growth"),
        *("analyses", "run", "estimates"),
    }, "those in a browser are tried in tests/e2e"
