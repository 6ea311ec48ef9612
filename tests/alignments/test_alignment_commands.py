"""Alignments as people have them, by command: `e1 context upload`, `e1 context add`, `--context` of submit and run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from e1client.cli import app
from jobs.library.alignments import alignment_load
from jobs.models import Alignment, Item, Job
from tests.alignments.cases import READ, REFUSED, content
from tests.field_cases import CASES as FILES
from tests.field_cases import READ as SEQUENCES
from tests.field_cases import REFUSED as NO_LIBRARY

pytestmark = pytest.mark.django_db(transaction=True)

TINY = Path(__file__).parents[1] / "data" / "e1-random-tiny"


@pytest.fixture
def e1(live_server, person, token_of, monkeypatch, tmp_path):
    monkeypatch.setenv("E1_URL", live_server.url)
    monkeypatch.setenv("E1_TOKEN", token_of(person))
    (tmp_path / "query.fasta").write_text(">q\nMKTAYIAKQRQISFVKSHFSRQ\n")
    monkeypatch.chdir(tmp_path)

    def command(*args):
        result = CliRunner().invoke(app, list(map(str, args)), catch_exceptions=False)
        return result.exit_code, result.stdout, result.stderr

    return command


@pytest.mark.slow
def test_alignments_are_uploaded_by_command(e1, tmp_path):
    for case in READ:
        Alignment.objects.all().delete()
        (tmp_path / case["file"]).write_bytes(content(case))
        more = ["--skip-empty"] if case.get("skip_empty") else []
        code, told, said = e1("context", "upload", case["file"], *more, "--json")
        assert code == 0, (case["name"], said)
        body = json.loads(told)
        assert list(alignment_load(Alignment.objects.get()).names) == case["rows"], case["name"]
        assert [problem["code"] for problem in body["skipped"]] == case["skipped"]
        assert [note["code"] for note in body["notes"]] == case["notes"]


def test_a_refused_alignment_names_its_row_once(e1, tmp_path):
    for case in REFUSED:
        (tmp_path / case["file"]).write_bytes(content(case))
        code, _, said = e1("context", "upload", case["file"], "--json")
        answer = json.loads(said)
        (problem,) = answer["errors"]
        assert (code, answer["code"], problem.get("line")) == (3, case["refused"], case["line"]), case["name"]
        assert problem["remedy"]
        assert not Alignment.objects.exists()


def expected(name):
    sequences = [sequence for _, sequence in SEQUENCES[name]]
    if name == "a3m-with-nul/null_mid.a3m":
        del sequences[2]  # the query again
    return sequences


@pytest.mark.slow
def test_homologs_of_every_kind_are_stored_and_go_with_a_job(e1, tmp_path):
    to = ("--action", "log_prob", "--model")
    for name in SEQUENCES:
        code, told, said = e1("context", "add", FILES / name, "--name", name.replace("/", "-"), "--json")
        assert (code, json.loads(told or "{}").get("contexts", [{}])[0].get("sequences")) == (0, len(expected(name))), (
            said
        )
        assert e1("submit", "query.fasta", *to, "e1-demo", "--context", FILES / name)[0] == 0
        assert Item.objects.get().context.sequences == expected(name)
        Job.objects.all().delete()
        code, _, said = e1("run", "query.fasta", *to, TINY, "--context", FILES / name, "--out", "out.jsonl")
        assert code == 0, (name, said)


@pytest.mark.slow
def test_homologs_that_are_none_are_refused_alike(e1):
    to = ("--action", "log_prob", "--model")
    for name, (_, words) in NO_LIBRARY.items():
        for line in (
            ("context", "add", FILES / name),
            ("submit", "query.fasta", *to, "e1-demo", "--context", FILES / name),
            ("run", "query.fasta", *to, TINY, "--context", FILES / name, "--out", "out.jsonl"),
        ):
            code, _, said = e1(*line)
            assert (code, words in said) == (3, True), (name, line[0], said)
    assert not Job.objects.exists()
