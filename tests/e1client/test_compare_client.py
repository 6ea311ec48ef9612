"""`e1 compare` against the service."""

from __future__ import annotations

import csv

import pytest
from typer.testing import CliRunner

from e1client.cli import app
from tests.factories import SHORT, finished, scored

pytestmark = pytest.mark.django_db(transaction=True)


def test_two_jobs_are_compared_and_written(api, inline_worker, live_server, person, token_of, tmp_path, monkeypatch):
    scan = finished(api, inline_worker, "scan", [{"sequence": SHORT, "name": "p"}], method="wildtype_marginal")
    score = scored(api, inline_worker, ["M1A", "K2R", "M1A:K2R"])
    monkeypatch.setenv("E1_URL", live_server.url)
    monkeypatch.setenv("E1_TOKEN", token_of(person, name="cli"))
    out = tmp_path / "compared.csv"
    result = CliRunner().invoke(app, ["compare", scan["id"], score["id"], "--out", str(out), "--json"])
    assert result.exit_code == 0, result.output
    assert '"pairs": 2' in result.output
    rows = list(csv.DictReader(out.read_text().splitlines()))
    assert [row["variant"] for row in rows] == ["M1A", "K2R"]
    assert all(abs(float(row["difference"])) < 1e-4 for row in rows), "both are wild-type marginals of the same parent"
    refused = CliRunner().invoke(app, ["compare", scan["id"], scan["id"][:8]])
    assert refused.exit_code == 2
