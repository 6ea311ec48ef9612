"""`e1 analyse`, `e1 columns` and the client's methods, against the running web process."""

from __future__ import annotations

import json
from collections.abc import Iterator

import numpy as np
import pytest
from typer.testing import CliRunner

from e1client import Client, UsageError
from e1client.analysis_cli import analysis_lines, column_lines, table_of_analyses
from e1client.cli import app
from jobs.models import Artefact
from jobs.tasks.building import artefact_build

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("analysed_here")]

LETTERS = "ACDEFGHIKLMNPQRSTVWY"


@pytest.fixture
def client(signed_in, token) -> Iterator[Client]:
    with Client(url=signed_in, token=token) as connected:
        yield connected


@pytest.fixture
def job(client, inline_worker) -> str:
    random = np.random.default_rng(3)
    items = [(f"p{n}", "".join(random.choice(list(LETTERS), 24))) for n in range(20)]
    made = client.submit_items(items, model="e1-demo", action="encode")
    inline_worker()
    return made.id


def e1(*args: object) -> tuple[int, str]:
    result = CliRunner().invoke(app, list(map(str, args)), catch_exceptions=False)
    return result.exit_code, result.stdout


def test_a_map_is_asked_for_watched_and_fetched(client, job, tmp_path):
    code, told = e1("analyse", job, "--kind", "map", "--param", "method=pca", "--json")
    asked = json.loads(told.splitlines()[0])
    assert (code, asked["kind"], asked["state"], asked["params"]["method"]) == (0, "map", "waiting", "pca")
    with pytest.raises(UsageError) as caught:
        client.download_analysis(job, asked["id"], tmp_path / "early.json")
    assert caught.value.code == "analysis_not_ready"
    assert not (tmp_path / "early.json").exists()
    assert artefact_build(artefact_id=asked["id"])
    seen: list[str] = []
    done = client.wait_analysis(job, asked["id"], on_update=lambda body: seen.append(body["state"]))
    assert (done["state"], seen) == ("ready", ["ready"])
    code, told = e1("analyse", job, "--kind", "map", "--param", "method=pca", "--out", "map.npz", "--json")
    assert code == 0
    assert json.loads(told.splitlines()[0])["id"] == asked["id"]
    with np.load(tmp_path / "map.npz") as arrays:
        assert len(arrays["x"]) == len(arrays["y"]) == 20
    points = json.loads(client.download_analysis(job, asked["id"], tmp_path / "map.json").read_text())
    assert len(points["x"]) == 20
    assert [one["id"] for one in client.analyses(job)] == [asked["id"]]
    with pytest.raises(UsageError):
        client.download_analysis(job, asked["id"], tmp_path / "map.txt")


def test_a_cancelled_one_ends_the_command_with_4(client, job):
    asked = client.analyse(job, "neighbours", k=3)
    assert client.cancel_analysis(job, asked["id"])["state"] == "cancelled"
    assert Artefact.objects.get(pk=asked["id"]).state == "cancelled"


def test_neighbours_of_a_sequence_and_of_an_item(client, job):
    answer = client.neighbours(job, {"index": 4}, k=5)
    assert len(answer["neighbours"]) == 5
    assert 4 not in [one["index"] for one in answer["neighbours"]]


def test_columns_find_their_items(client, job, tmp_path):
    (tmp_path / "values.csv").write_text("name,yield\np0,1.5\np1,2.5\nnobody,3\n")
    code, told = e1("columns", job, "values.csv", "--json")
    assert code == 0
    assert "yield" in told


def test_what_a_person_reads():
    body = {
        "id": 7, "kind": "map", "state": "ready", "reason": "", "fraction": 1.0, "facts": {"items": 3},
        "files": [{"url": "/f", "bytes": 1200}],
    }  # fmt: skip
    assert list(analysis_lines(body))[-1] == "  file        /f (1,200 bytes)"
    assert "100%" in list(table_of_analyses([body]))[1]
    assert (
        list(column_lines({"matched": 2, "columns": [{"name": "yield", "kind": "numeric"}]}))[1]
        == "column yield: numeric"
    )
