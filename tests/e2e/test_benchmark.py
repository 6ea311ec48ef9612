"""The benchmark of the pictures runs at its smallest size. The measured values are meaningless."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.benches import BENCHES, BROWSER_BENCHES
from tests.stack import OWN_ENVIRONMENT

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def report(browser, tmp_path_factory) -> list[dict]:
    """Run all benches that need a browser, as a user does. `browser` skips the tests if there is none."""
    folder = tmp_path_factory.mktemp("benchmarks")
    env = {key: value for key, value in os.environ.items() if key not in OWN_ENVIRONMENT}
    command = [sys.executable, "-m", "benchmarks", *BROWSER_BENCHES, "--smoke", "--folder", str(folder)]
    command += ["--json", str(folder / "rows")]
    ran = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=900, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return json.loads((folder / "rows").read_text())


@pytest.mark.full
@pytest.mark.parametrize("picture", ["scan, 20 x 60", "contacts, 40 x 40", "scatter, 400 points", "map, 300 points"])
@pytest.mark.slow
def test_every_picture_is_measured(report, picture):
    values = {row["name"].rpartition(f"{picture}, ")[2]: row["value"] for row in report if picture in row["name"]}
    assert 0 < values["drawn after its numbers are there"] < values["drawn after"]
    assert values["JSON"] > 0
    assert values["keys: frame"] > 0
    assert values["keys: 95 % of frames within"] >= values["keys: frame"]
    assert any(row["detail"].get("drawn") for row in report if f"{picture}, keys: frame" in row["name"])


def test_those_in_a_browser_run_only_where_they_are_named():
    assert set(BROWSER_BENCHES) == {"pictures"}
    assert "pictures" not in BENCHES
