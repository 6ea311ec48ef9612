"""Commands on one job, help of flags, progress, errors and examples of the `e1` command."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import stamina
from typer.testing import CliRunner

from e1client import Client, Unreachable
from e1client.analysis_cli import ANALYSIS_PARAMETERS
from e1client.cli import app
from e1client.errors import Refused
from e1client.job import Job
from e1client.progress import JsonReporter
from e1client.render import error_lines
from jobs.errors import InvalidInput
from jobs.maps import params as maps
from tests.e1client.client_fake import TOKEN, FakeService

ROOT = Path(__file__).parents[2]
SERVICE = ("up", "down", "user", "worker", "database", "run", "verify")


@pytest.fixture
def service(monkeypatch, tmp_path):
    service = FakeService()
    monkeypatch.setenv("E1_URL", service.url)
    monkeypatch.setenv("E1_TOKEN", TOKEN)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "library.fasta").write_bytes(b">a\nMKTAYIAK\n")
    with stamina.set_testing(True, attempts=3, cap=True):
        yield service
    service.close()


def e1(*arguments, **options):
    return CliRunner().invoke(app, [str(one) for one in arguments], catch_exceptions=False, **options)


SUBMIT = ("submit", "library.fasta", "--action", "encode", "--model", "e1-demo")


def test_quiet_prints_the_id_alone(service):
    done = e1(*SUBMIT, "--quiet")
    assert done.exit_code == 0
    assert re.fullmatch(r"[0-9a-f-]{36}\n", done.stdout)
    assert e1(*SUBMIT, "--quiet", "--wait").exit_code == 2


@pytest.mark.parametrize(("command", "state"), [("pause", "paused"), ("resume", "running")])
def test_pause_and_resume(service, command, state):
    job = e1(*SUBMIT, "--quiet").stdout.strip()
    done = e1(command, job)
    assert (done.exit_code, json.loads(done.stdout)["state"]) == (0, state)
    assert service.log[-1]["path"] == f"/api/jobs/{job}/{command}/"


def test_deleting_asks_first(service):
    job = e1(*SUBMIT, "--quiet").stdout.strip()
    refused = e1("delete", job)
    assert refused.exit_code == 2
    assert "--yes" in refused.stderr
    assert all(asked["method"] != "DELETE" for asked in service.log)
    assert e1("delete", job, "--yes").exit_code == 0
    assert job not in service.jobs


@pytest.mark.parametrize(
    "command",
    [(), *((name,) for name in (*SERVICE, "submit", "status", "retry", "analyse", "delete", "context", "examples")),
     ("context", "search"), ("user", "add"), ("worker", "drain")],
    ids=" ".join,
)  # fmt: skip
def test_flags_are_shown_without_a_type(command):
    shown = e1(*command, "--help")
    assert shown.exit_code == 0
    assert "bool" not in shown.stdout.lower()
    assert "--help" in shown.stdout


def refusal(*problems, detail=None):
    return Refused({"detail": detail or problems[0]["message"], "code": problems[0]["code"], "errors": list(problems)})


def test_an_error_is_told_once():
    problem = {"code": "unknown_action", "message": "there is no action 'nope'", "path": "action", "remedy": "Choose."}
    assert list(error_lines(refusal(problem))) == [
        "e1: field action: there is no action 'nope' [unknown_action]",
        "    -> Choose.",
    ]
    record = {"code": "bad_letter", "message": "line 2, column 4, record a: no '1'", "remedy": "Remove it."}
    detail = "1 of 1 records is not valid; nothing was computed. First: line 2, column 4, record a: no '1'"
    lines = "\n".join(error_lines(refusal(record, detail=detail)))
    assert lines.startswith("e1: 1 of 1 records is not valid; nothing was computed")
    assert lines.count("line 2, column 4") == 1


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def running(done, state="running"):
    counts = {"total": 10, "succeeded": done, "pending": 10 - done}
    return Job({"id": "x", "url": "/api/jobs/x/", "state": state, "counts": counts})


@pytest.mark.parametrize(("every", "lines"), [(False, 3), (True, 4)])
def test_a_stage_is_one_line_or_one_a_second(capsys, every, lines):
    clock = Clock()
    reporter = JsonReporter(every=every, now=clock)
    reporter.job(running(0, "queued"))
    for tick in range(26):  # in steps of a tenth of a second
        clock.now = tick / 10
        reporter.job(running(min(9, tick)))
    reporter.job(running(10, "succeeded"))
    assert len(capsys.readouterr().out.splitlines()) == lines


@pytest.mark.parametrize("every", [False, True])
def test_counting_items_is_not_a_line_each(capsys, every):
    reporter = JsonReporter(every=every, now=Clock())
    for done in range(1, 241):
        reporter.count(done, 240)
    assert capsys.readouterr().out.splitlines()[-1] == '{"done": 240, "total": 240}'
    for fraction in (0.1, 0.2, 0.9):
        reporter.stage("umap", fraction)
    assert len(capsys.readouterr().err.splitlines()) == 1


def mine(attempts):
    for attempt in attempts:
        with attempt:
            raise ValueError("mine")


def test_retries_of_the_client_call_no_hook_and_those_of_others_do(service):
    """stamina's own hooks log each retry as a warning, which Python prints if no one has configured logging."""
    called, told = [], []
    stamina.instrumentation.set_on_retry_hooks([called.append])
    try:
        with Client("http://127.0.0.1:1", "t", on_lost=told.append) as client, pytest.raises(Unreachable):
            client.jobs()
        assert len(told) > 1
        assert called == []
        attempts = stamina.retry_context(on=ValueError, attempts=2)
        with pytest.raises(ValueError, match="mine"):
            mine(attempts)
        assert len(called) == 1
    finally:
        stamina.instrumentation.set_on_retry_hooks(None)


@pytest.mark.parametrize("kind", ["neighbours", "clusters", "map"])
def test_the_help_names_the_parameters_that_the_service_knows(kind):
    with pytest.raises(InvalidInput) as refused:
        getattr(maps, f"_{kind}")(None, {"zzz": 1})
    (problem,) = refused.value.problems
    assert set(re.findall(r"[a-z_]+", problem.remedy)) - {"hoose", "from"} == set(ANALYSIS_PARAMETERS[kind])
    words = " ".join(e1("analyse", "--help").stdout.split())
    assert all(f"{name} (" in words for name in ANALYSIS_PARAMETERS[kind])


def test_examples_are_written_anywhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert e1("examples").exit_code == 0
    for name in ("demo-library.fasta", "predict.json", "log_prob.json", "tem1.fasta", "plate-1.csv"):
        assert (tmp_path / "examples" / name).read_bytes() == (ROOT / "examples" / name).read_bytes()
    assert e1("examples").exit_code == 0, "once more changes nothing"
    (tmp_path / "examples" / "predict.json").write_text("mine")
    refused = e1("examples")
    assert (refused.exit_code, "predict.json" in refused.stderr) == (2, True)
    assert (tmp_path / "examples" / "predict.json").read_text() == "mine"


def test_a_file_that_cannot_be_written_is_a_sentence(service, tmp_path):
    (tmp_path / "file").write_text("")
    done = e1("examples", tmp_path / "file")
    assert done.exit_code == 2
    assert "[file_unusable]" in done.stderr


@pytest.mark.parametrize(
    ("shell", "asked"),
    [
        ("bash", {"COMP_WORDS": "e1 pau", "COMP_CWORD": "1"}),
        ("zsh", {"_TYPER_COMPLETE_ARGS": "e1 pau"}),
        ("fish", {"_TYPER_COMPLETE_ARGS": "e1 pau", "_TYPER_COMPLETE_FISH_ACTION": "get-args"}),
    ],
)
def test_each_shell_completes(shell, asked, monkeypatch):
    monkeypatch.setenv("_E1_COMPLETE", f"source_{shell}")
    assert "e1" in CliRunner().invoke(app, [], prog_name="e1").stdout
    monkeypatch.setenv("_E1_COMPLETE", f"complete_{shell}")
    for name, value in asked.items():
        monkeypatch.setenv(name, value)
    assert "pause" in CliRunner().invoke(app, [], prog_name="e1").stdout
