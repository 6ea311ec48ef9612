"""The body of `POST /api/jobs/` as REST, `e1 submit`, `e1 estimate` and `e1 run` take it: read alike, refused alike."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from e1client.api import Client
from e1client.cli import app
from e1client.errors import Rejected, UsageError
from jobs.errors import InvalidInput
from jobs.models import Job
from tests.helpers import body
from worker.run_file import run

pytestmark = pytest.mark.django_db(transaction=True)

REQUEST = {
    "model": "e1-demo",
    "action": "encode",
    "name": "two",
    "on_invalid": "skip",
    "params": {"include": ["mean"]},
    "items": [{"name": "a", "sequence": "MKTAYI"}, {"name": "b", "sequence": "MJT"}],
    "context_sequences": ["MRTAYI"],
}
REFUSED = {
    # content: code, line, words of the message
    "not JSON": (b'{"model": "e1-demo",\n "items": [}', "bad_json", 2, "not JSON"),
    "text": (b'"MKT"', "bad_body", None, "a JSON text, not an object"),
    "JSONL": (b'{"sequence": "MKT"}\n{"sequence": "MKA"}\n', "bad_json", 2, "not JSON"),
    "no items": (b'{"model": "e1-demo", "action": "encode"}', "no_items", None, "items is missing"),
    "no action": (b'{"model": "e1-demo", "items": [{"sequence": "MKT"}]}', "missing_field", None, "action"),
    "another field": (
        *(b'{"model": "e1-demo", "action": "encode", "items": [{"sequence": "MKT"}], "reader": 1}',),
        *("unknown_field", None, "reader"),
    ),
    "a wrong choice": (
        *(b'{"model": "e1-demo", "action": "encode", "items": [{"sequence": "MKT"}], "on_invalid": "drop"}',),
        *("bad_on_invalid", None, "drop"),
    ),
}


@pytest.fixture
def client(live_server, person, token_of):
    with Client(url=live_server.url, token=token_of(person)) as connected:
        yield connected


def run_it(path: Path, out: Path, **options) -> int:
    given = {"action": None, "model": None, "context": None, "params": {}, "on_invalid": "", "name": ""} | options
    return run(path, out=out, report=lambda *_: None, **given)


def written(tmp_path: Path, data: object, name: str = "x.json") -> Path:
    path = tmp_path / name
    raw = data if isinstance(data, bytes) else json.dumps(data).encode()
    path.write_bytes(gzip.compress(raw[:9]) + gzip.compress(raw[9:]) if name.endswith(".gz") else raw)
    return path


@pytest.mark.parametrize("name", ["x.json", "x.json.gz"])
def test_a_body_is_taken_by_the_client_as_it_is(client, tmp_path, name):
    found = client.submit(written(tmp_path, REQUEST, name))
    job = Job.objects.get(pk=found.id)
    assert (job.name, job.action, job.model, job.params["include"]) == ("two", "encode", "e1-demo", ["mean"])
    assert (found.counts["total"], found.counts["skipped"]) == (2, 1)


def test_arguments_come_before_the_fields_of_the_body(client, tmp_path):
    path = written(tmp_path, REQUEST)
    found = client.submit(path, action="log_prob", params={}, name="mine", on_invalid="skip", context=["MRTAYL"])
    job = Job.objects.get(pk=found.id)
    assert (job.name, job.action, job.params) == ("mine", "log_prob", {})
    cost = client.estimate(path)
    assert (cost["action"], cost["items"]) == ("encode", 1)


def test_the_same_key_is_the_same_job(client, tmp_path):
    path = written(tmp_path, REQUEST)
    assert client.submit(path, key="one").id == client.submit(path, key="one").id


def test_the_command_takes_it(live_server, person, token_of, monkeypatch, tmp_path):
    monkeypatch.setenv("E1_URL", live_server.url)
    monkeypatch.setenv("E1_TOKEN", token_of(person))
    path = written(tmp_path, REQUEST)
    answer = CliRunner().invoke(app, ["submit", str(path), "--name", "mine", "--json"], catch_exceptions=False)
    assert answer.exit_code == 0, answer.output
    assert Job.objects.get(pk=json.loads(answer.stdout.splitlines()[0])["id"]).name == "mine"
    answer = CliRunner().invoke(app, ["estimate", str(path), "--json"], catch_exceptions=False)
    assert json.loads(answer.stdout.splitlines()[0])["items"] == 1


@pytest.mark.parametrize("what", REFUSED)
def test_rest_the_client_and_e1_run_refuse_alike(client, api, tmp_path, what):
    data, code, line, words = REFUSED[what]
    rest = body(api.post("/api/jobs/", data, content_type="application/json"))["errors"][0]
    with pytest.raises(Rejected) as sent:
        client.submit(written(tmp_path, data))
    with pytest.raises(InvalidInput) as ran:
        run_it(tmp_path / "x.json", tmp_path / "out.npz")
    (of_run, of_client) = (ran.value.problems[0], sent.value.problems[0])
    assert (of_run.code, of_run.line) == (code, line)
    assert words in of_run.message
    for field in ("code", "message", "remedy", "line"):
        assert (rest.get(field) or None) == (of_client.get(field) or None) == (getattr(of_run, field) or None)
    assert not (tmp_path / "out.npz").exists()


@pytest.mark.parametrize("name", ["x.json", "x.json.gz"])
def test_e1_run_takes_the_name_and_the_choice_of_the_body(tmp_path, name):
    assert run_it(written(tmp_path, REQUEST, name), tmp_path / "out.jsonl") == 0
    rows = [json.loads(row) for row in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert [row["state"] for row in rows] == ["succeeded", "skipped"]
    with pytest.raises(InvalidInput, match="1 of 2 records"):
        run_it(tmp_path / name, tmp_path / "out.jsonl", on_invalid="reject")


def test_what_a_body_says_itself_is_no_option(client, tmp_path):
    path = written(tmp_path, REQUEST)
    (tmp_path / "h.fasta").write_text(">h\nMRTAYI\n")
    for options in ({"context": tmp_path / "h.fasta"}, {"numbering": "n.csv"}, {"layout": "join"}, {"sheet": "S"}):
        with pytest.raises(UsageError, match="holds the whole request"):
            client.submit(path, **options)
    with pytest.raises(UsageError, match="--model and --action are needed"):
        client.submit(written(tmp_path, b">a\nMKT\n", "x.fasta"))


def test_a_packed_body_of_several_members_is_refused_with_its_remedy(api):
    raw = json.dumps(REQUEST).encode()
    two = gzip.compress(raw[:9]) + gzip.compress(raw[9:])
    headers = {"headers": {"Content-Encoding": "gzip"}, "content_type": "application/json"}
    (problem,) = body(api.post("/api/jobs/", two, **headers))["errors"]
    assert problem["code"] == "bad_gzip"
    assert "several members" in problem["message"]
    assert "as one member" in problem["remedy"]
    assert api.post("/api/jobs/", gzip.compress(gzip.decompress(two)), **headers).status_code == 202
    assert api.post("/api/jobs/", raw, content_type="application/json").status_code == 202
