"""The `e1` command: exit codes, output streams, and both forms of every output."""

import itertools
import json
import os
import pty
import subprocess
import sys
import types

import pytest
import stamina
from typer.testing import CliRunner

from e1client import Client, Unreachable, UsageError
from e1client.cli import app
from e1client.costs import estimate_lines
from e1client.progress import BarReporter
from e1client.render import duration, plain, problem_lines, queue_text, skip_hint, table_lines
from jobs.errors import InvalidInput, Problem
from jobs.parsing.records import BadRecord, Place
from jobs.parsing.tally import InputTally
from tests.e1client.client_fake import PROBLEM, RESULTS, TOKEN, FakeService

FASTA = b">a\nMKTAYIAK\n"


@pytest.fixture
def service(monkeypatch, tmp_path):
    service = FakeService()
    monkeypatch.setenv("E1_URL", service.url)
    monkeypatch.setenv("E1_TOKEN", TOKEN)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "library.fasta").write_bytes(FASTA)
    with stamina.set_testing(True, attempts=3, cap=True):
        yield service
    service.close()


@pytest.fixture
def e1(monkeypatch):
    """Run the command and return its result. JSON lines of standard output are decoded."""
    monkeypatch.setattr("e1client.waiting.FIRST_PAUSE", 0.0)

    def run(*args, input=None):
        return CliRunner().invoke(app, [str(a) for a in args], input=input, catch_exceptions=False)

    return run


def lines(result):
    return [json.loads(line) for line in result.stdout.splitlines()]


SUBMIT = ("submit", "library.fasta", "--action", "encode", "--model", "e1-demo")


def test_submit_prints_the_job(service, e1):
    result = e1(*SUBMIT, "--param", "include=mean,per_token", "--name", "mine")
    (job,) = lines(result)
    assert (result.exit_code, job["state"]) == (0, "queued")
    fields = service.log[0]["fields"]
    assert json.loads(fields["params"]) == {"include": ["mean", "per_token"]}
    assert fields["name"] == "mine"
    assert "on_invalid" not in fields


@pytest.mark.parametrize("command", ["submit", "estimate"])
def test_dtype_is_an_option(service, e1, command):
    assert e1(command, *SUBMIT[1:], "--dtype", "float16", "--param", "include=mean").exit_code == 0
    assert json.loads(service.log[0]["fields"]["params"]) == {"include": ["mean"], "dtype": "float16"}
    assert e1(command, *SUBMIT[1:], "--dtype", "int8").exit_code == 2
    assert e1(command, *SUBMIT[1:], "--dtype", "float16", "--param", "dtype=float32").exit_code == 2
    assert len(service.log) == 1


@pytest.mark.parametrize("command", ["submit", "estimate"])
def test_a_file_with_numbers_is_an_option(service, e1, command, tmp_path):
    (tmp_path / "numbers.csv").write_bytes(b"number\n1\n")
    part = ("--numbering-column", "kabat", "--param", 'positions=["52A"]')
    assert e1(command, *SUBMIT[1:], "--numbering", str(tmp_path / "numbers.csv"), *part).exit_code == 0
    fields = service.log[0]["fields"]
    assert fields["numbering_file"] == ("numbers.csv", b"number\n1\n")
    assert fields["numbering_column"] == "kabat"
    assert json.loads(fields["params"]) == {"positions": ["52A"]}
    assert e1(command, *SUBMIT[1:], "--numbering-chain", "H").exit_code == 2
    assert e1(command, *SUBMIT[1:], "--numbering", "absent.pdb").exit_code == 2
    assert len(service.log) == 1


def test_submit_reads_standard_input(service, e1):
    assert e1("submit", "-", "--action", "encode", "--model", "e1-demo", input=FASTA).exit_code == 0
    assert service.log[0]["fields"]["file"] == ("stdin", FASTA)


def test_submit_and_wait_tells_every_change_and_writes_the_results(service, e1, tmp_path):
    service.looks = ["queued", "running", "running"]
    result = e1(*SUBMIT, "--wait", "--out", "out.jsonl")
    assert [job["state"] for job in lines(result)] == ["queued", "running", "succeeded"]
    assert result.exit_code == 0
    assert (tmp_path / "out.jsonl").read_bytes() == RESULTS
    assert "wrote out.jsonl" in result.stderr


def test_a_partial_job_fails_with_its_reasons_and_still_writes_the_rest(service, e1, tmp_path):
    service.end, service.failed = "partial", 7
    result = e1(*SUBMIT, "--out", "out.npz")
    assert result.exit_code == 4
    assert "line 3, p1: too long [out_of_memory]" in result.stderr
    assert "... and 2 more" in result.stderr
    assert (tmp_path / "out.npz").exists()


@pytest.mark.parametrize("end", ["failed", "cancelled", "expired"])
def test_other_ends_fail(service, e1, end, tmp_path):
    service.end, service.failed = end, 10
    result = e1(*SUBMIT, "--out", "out.npz")
    assert result.exit_code == 4
    assert "not written" in result.stderr
    assert not (tmp_path / "out.npz").exists()


def test_giving_up(service, e1):
    service.looks = ["running"] * 9
    result = e1(*SUBMIT, "--wait", "--wait-timeout", "0")
    assert result.exit_code == 6
    assert "gave up waiting" in result.stderr


def test_ctrl_c_stops_the_waiting_only(service, e1, monkeypatch):
    def interrupted(*args, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr("e1client.api.Client.wait", interrupted)
    result = e1(*SUBMIT, "--wait")
    assert result.exit_code == 130
    assert f"`e1 status {next(iter(service.jobs))} --wait`" in result.stderr
    assert [entry["path"] for entry in service.sent("POST")] == ["/api/jobs/"]


def test_invalid_input_names_every_place(service, e1):
    body = {"detail": "31 problems", "code": "invalid_input", "errors": [PROBLEM] * 25, "errors_total": 31}
    service.faults = [(400, body, {})]
    result = e1(*SUBMIT)
    assert (result.exit_code, result.stdout) == (3, "")
    shown = result.stderr.splitlines()
    assert shown[0] == "e1: 31 problems [invalid_input]"
    assert shown[1] == "  line 2, column 4, record a: 'J' is no residue [bad_residue]"
    assert shown[2] == "    -> use X"
    assert shown[-1] == "  ... and 11 more"
    assert len(shown) == 1 + 2 * 20 + 1


def test_a_message_that_names_its_place_is_not_given_another(service, e1):
    problem = PROBLEM | {"message": "line 2, column 4, record a: 'J' is no residue"}
    service.faults = [(400, {"detail": "bad", "code": "invalid_input", "errors": [problem]}, {})]
    assert "  line 2, column 4, record a: 'J' is no residue [bad_residue]" in e1(*SUBMIT).stderr.splitlines()


def test_invalid_input_as_json(service, e1):
    service.faults = [(413, {"detail": "too large", "code": "too_large", "status_code": 413, "errors": []}, {})]
    result = e1(*SUBMIT, "--json")
    error = json.loads(result.stderr)
    assert (result.exit_code, error["exit_code"], error["code"]) == (3, 3, "too_large")


@pytest.mark.parametrize(
    "args",
    [
        ("submit", "absent.fasta", "--action", "encode", "--model", "e1-demo"),
        ("submit", "library.fasta", "--action", "encode"),
        ("submit", "-", "--context", "-", "--action", "encode", "--model", "e1-demo"),
        (*SUBMIT, "--out", "results.txt"),
        (*SUBMIT, "--out", "absent/results.npz"),
        (*SUBMIT, "--param", "oops"),
        (*SUBMIT, "--on-invalid", "ignore"),
        ("status", "no-id"),
        ("status", "--wait"),
        ("download", "00000000-0000-0000-0000-000000000000", "--format", "xml"),
        ("run", "absent.fasta", "--out", "x.npz"),
        ("run", "library.fasta", "--out", "x.npz"),
        ("frobnicate",),
    ],
)
def test_usage(service, e1, args):
    assert e1(*args).exit_code == 2
    assert service.log == []


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("submit",), "Missing argument 'FILE'; `e1 submit -h`"),
        ((*SUBMIT, "--frob"), "No such option: --frob"),
        ((*SUBMIT, "--on-invalid", "ignore"), "'ignore' is not one of 'reject', 'skip'"),
        (("status", "--limit", "many"), "--limit"),
        (("frobnicate",), "No such command 'frobnicate'; `e1 -h`"),
        (("context", "frobnicate"), "No such command 'frobnicate'; `e1 context -h`"),
        (("user", "add"), "Missing argument 'NAME'; `e1 user add -h`"),
    ],
)
def test_a_wrong_argument_has_a_code_and_a_remedy(service, e1, args, said):
    result = e1(*args)
    assert result.exit_code == 2
    assert result.stderr.startswith("e1: ")
    assert said in result.stderr
    assert result.stderr.endswith("[usage]\n")
    result = e1(*args, "--json")
    error = json.loads(result.stderr)
    assert (result.exit_code, error["code"], error["exit_code"]) == (2, "usage", 2)


@pytest.mark.parametrize("args", [(), ("context",)])
def test_a_group_without_a_command_shows_its_help(e1, args):
    result = e1(*args)
    assert result.exit_code == 2
    assert "Commands" in result.output
    assert "[usage]" not in result.output


def test_nobody_there_and_wrong_token(service, e1, monkeypatch):
    monkeypatch.setenv("E1_TOKEN", "wrong")
    refused = e1("status")
    assert (refused.exit_code, "set E1_TOKEN" in refused.stderr) == (5, True)
    assert "page API tokens, or ask your administrator" in refused.stderr
    monkeypatch.setenv("E1_URL", "http://127.0.0.1:1")
    absent = e1("status")
    assert absent.exit_code == 5
    assert absent.stderr.count("trying again") == 1
    assert "The address is that of E1_URL. Check host and port" in absent.stderr
    assert "e1 up" not in absent.stderr, "who set an address has no use for another service"


def test_nobody_there_and_no_address_set(monkeypatch):
    monkeypatch.setattr("e1client.settings.DEFAULT_URL", "http://127.0.0.1:1")
    with Client(token=TOKEN) as client, pytest.raises(Unreachable, match=r"Set E1_URL.*`e1 up` starts one"):
        client.jobs()


def test_a_new_account_reads_how_to_begin():
    assert list(table_lines([])) == ["no jobs yet; `e1 submit FILE --action encode --model e1-demo` makes one"]


@pytest.mark.parametrize(
    ("bad", "good", "words"),
    [
        (1, 11, "mend it, or leave it out: `--on-invalid skip` runs the other 11"),
        (2, 1200, "mend them, or leave them out: `--on-invalid skip` runs the other 1,200"),
        (3, 0, ""),
    ],
)
def test_a_refusal_says_how_to_run_the_good_records(bad, good, words):
    tally = InputTally("reject", "nothing was queued")
    for _ in range(bad):
        tally.note(BadRecord(0, "x", ">x", 1, (Problem("bad_letter", "a digit", "Remove it."),)))
    tally.total += good
    with pytest.raises(InvalidInput) as refusal:
        tally.check()
    assert skip_hint(refusal.value.detail) == words


def test_out_of_an_unknown_format_recommends_no_absent_option(service, e1):
    refused = e1(*SUBMIT, "--out", "x.foo")
    assert refused.exit_code == 2
    assert ".parquet" in refused.stderr
    assert "--format" not in refused.stderr
    assert service.log == []


@pytest.mark.parametrize("arguments", [("status",), ("status", "--json"), ("--version",)])
def test_a_reader_that_has_gone_ends_the_command_silently(service, arguments):
    service.submit("a", {})
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "e1client.cli", *arguments]
    done = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, text=True, timeout=120, check=False)
    os.close(writing)
    assert (done.returncode, done.stderr) == (141, "")


def test_an_outage_is_told_once_and_its_end_too(service, e1):
    e1(*SUBMIT)
    service.faults = ["drop", "drop"]
    service.looks = ["running"]
    result = e1("status", next(iter(service.jobs)), "--wait")
    assert result.exit_code == 0
    assert result.stderr.count("trying again") == 1
    assert result.stderr.count("answers again") == 1


def test_status_of_one_and_of_all(service, e1):
    for _ in range(3):
        e1(*SUBMIT)
    assert [job["id"] for job in lines(e1("status"))] == list(service.jobs)
    assert len(lines(e1("status", "--limit", 2))) == 2
    (job,) = lines(e1("status", next(iter(service.jobs))))
    assert job["state"] == "succeeded"


def test_download_to_a_file_and_to_standard_output(service, e1, tmp_path):
    job = lines(e1(*SUBMIT))[0]["id"]
    assert e1("download", job, "--out", "x.csv").exit_code == 0
    assert service.log[-1]["query"] == {"format": "csv"}
    assert (tmp_path / "x.csv").read_bytes() == RESULTS
    assert e1("download", job, "--out", "y.csv", "--table", "logits").exit_code == 0
    assert service.log[-1]["query"] == {"format": "csv", "table": "logits"}
    assert e1("download", job, "--format", "npz").exit_code == 0
    assert (tmp_path / f"{job}.npz").exists()
    assert e1("download", job, "--out", "-").stdout_bytes == RESULTS


def test_cancel_and_retry(service, e1):
    job = lines(e1(*SUBMIT))[0]["id"]
    assert lines(e1("cancel", job))[0]["state"] == "cancelled"
    assert lines(e1("retry", job))[0]["state"] == "queued"
    assert e1("retry", job, "--wait").exit_code == 0
    assert e1("cancel", "00000000-0000-0000-0000-000000000000").exit_code == 3


def on_terminal(*args):
    """Run the command on a terminal and return (exit code, text on the terminal)."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "e1client.cli", *args],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env=os.environ | {"TERM": "xterm", "COLUMNS": "120", "PYTHONPATH": os.pathsep.join(sys.path)},
    ) as process:
        os.close(theirs)
        shown = b""
        try:
            while block := os.read(ours, 65536):
                shown += block
        except OSError:  # the other end is closed
            pass
        os.close(ours)
        return process.wait(), shown.decode()


def test_a_terminal_shows_text_and_a_bar(service, tmp_path):
    service.looks, service.end, service.failed = ["queued", "running"], "partial", 1
    code, shown = on_terminal(*SUBMIT, "--out", "out.npz")
    assert code == 4
    assert "━" in shown
    assert "position 2: another job runs" in shown
    assert "10 of 10 finished (9 succeeded, 1 failed)" in shown
    assert "reason      1 x out_of_memory: too long" in shown
    assert "demonstration network, not from E1-600M" in shown
    assert "wrote out.npz" in shown
    code, shown = on_terminal("status")
    assert code == 0
    assert next(iter(service.jobs)) in shown


@pytest.mark.parametrize(
    ("queue", "text"),
    [
        ({"position": 2, "reason": "busy"}, "position 2: busy"),
        ({"position": None, "reason": "busy"}, "busy"),
        ({"position": 1, "reason": None}, "position 1"),
    ],
)
def test_the_queue_in_words(queue, text):
    assert queue_text(queue) == text


def test_text_from_elsewhere_cannot_steer_the_terminal():
    assert plain("a\x1b[2Jb\n") == "a\\x1b[2Jb\\n"


@pytest.mark.parametrize(("seconds", "text"), [(4.6, "5 s"), (75, "1 min 15 s"), (3720, "1 h 02 min")])
def test_durations(seconds, text):
    assert duration(seconds) == text


def fake_module(monkeypatch, name, **functions):
    module = types.ModuleType(name)
    vars(module).update(functions)
    monkeypatch.setitem(sys.modules, name, module)


def test_up_passes_its_options_and_names_the_model(e1, monkeypatch, tmp_path):
    calls = []
    monkeypatch.setattr("e1site.local.up", lambda **options: calls.append(options) or 7)
    result = e1("up", "--port", "9", "--model", "e1-600m", "--model", "e1-demo", "--data", tmp_path, "--workers", 2,
        "--allow-host", "lab.example",
    )  # fmt: skip
    assert result.exit_code == 7
    models = ["e1-600m", "e1-demo"]
    place = {"host": "127.0.0.1", "port": 9, "allow": ["lab.example"], "prefix": ""}
    options = calls[0].pop("command")
    assert calls == [{**place, "models": models, "data": tmp_path, "workers": 2}]
    assert options.startswith("e1 up --port 9 --workers 2 ")
    assert options.endswith(" --allow-host lab.example --model e1-600m --model e1-demo")
    assert "Profluent-E1 600M" in result.stderr
    assert "demonstration" in result.stderr


def test_user_add(e1, monkeypatch, tmp_path):
    calls = []
    monkeypatch.setattr("e1site.local.manage", lambda *args, **options: calls.append((args, options)) or 0)
    assert e1("user", "add", "ada", "--password-stdin", "--data", tmp_path).exit_code == 0
    assert calls == [(("e1_user_add", ("ada", "--password-stdin")), {"data": tmp_path})]


@pytest.mark.parametrize(
    ("files", "line"),
    [
        ({}, None),
        ({"url": "http://127.0.0.1:8311"}, "log in at http://127.0.0.1:8311"),
        (
            {"url": "http://127.0.0.1:8311", "other-addresses": "http://labbox:8311\nhttp://10.1.2.3:8311"},
            "log in at http://labbox:8311 or http://10.1.2.3:8311",
        ),
    ],
)
def test_a_new_person_is_told_where_to_log_in(e1, monkeypatch, tmp_path, files, line):
    monkeypatch.delenv("E1_PUBLIC_URL", raising=False)
    monkeypatch.setattr("e1site.local.manage", lambda *args, **options: 0)
    for name, text in files.items():
        (tmp_path / name).write_text(text + "\n")
    said = e1("user", "add", "ada", "--data", tmp_path).stdout.splitlines()
    assert said == [*([line] if line else []), "this is shown once: pass it on now"]


def test_a_plain_start_is_remembered_as_one(e1, monkeypatch, tmp_path):
    monkeypatch.delenv("E1_PRECISION", raising=False)
    calls = []
    monkeypatch.setattr("e1site.local.up", lambda **options: calls.append(options["command"]) or 0)
    e1("up", "--data", tmp_path)
    assert calls == ["e1 up"]


def test_run_passes_its_options_and_reports(service, e1, monkeypatch):
    calls = []

    def run(file, *, report, **options):
        calls.append((file.name, options))
        report(3, 10)
        report(10, 10)
        return 4

    fake_module(monkeypatch, "worker.run_file", run=run)
    result = e1(
        "run",
        "library.fasta",
        "--action",
        "encode",
        "--model",
        "e1-demo",
        "--out",
        "x.npz",
        "--on-invalid",
        "skip",
        "--dtype",
        "float16",
    )
    assert result.exit_code == 4
    assert lines(result) == [{"done": 10, "total": 10}]
    ((name, options),) = calls
    assert name == "library.fasta"
    assert (options["on_invalid"], options["params"], str(options["out"])) == ("skip", {"dtype": "float16"}, "x.npz")


@pytest.mark.parametrize(("command", "module"), [("run", "worker.run_file"), ("verify", "worker.model.verify")])
def test_without_torch_the_remedy_is_named(service, e1, monkeypatch, command, module):
    monkeypatch.delitem(sys.modules, module, raising=False)

    def absent(name):
        raise ModuleNotFoundError(f"No module named {name}", name="torch")

    monkeypatch.setattr("worker.commands.import_module", absent)
    args = {
        "run": ("library.fasta", "--action", "encode", "--model", "e1-demo", "--out", "x.npz"),
        "verify": ("--model", "e1-demo"),
    }
    result = e1(command, *args[command])
    assert result.exit_code == 2
    assert "pip install '.[ml]' in a checkout" in result.stderr


def test_bars_take_a_job_and_then_a_download(monkeypatch):
    from io import StringIO

    from rich.console import Console

    from e1client.job import Job

    monkeypatch.setenv("TERM", "xterm")  # a dumb terminal gets no bars
    screen = StringIO()
    bars = BarReporter(Console(file=screen, force_terminal=True, width=100))
    bars.job(Job({"id": "x", "state": "running", "counts": {"total": 4, "succeeded": 1}, "eta_seconds": 9}))
    bars.bytes(10, None)
    bars.bytes(1000, 1000)
    bars.stop()
    assert "about 9 s left" in screen.getvalue()
    assert "1.0" in screen.getvalue()


def test_a_client_needs_neither_django_nor_torch_nor_numpy():
    heavy = ("django", "torch", "numpy", "pandas", "celery", "jobs", "worker", "e1site")
    code = f"import sys, e1client, e1client.cli; print([name for name in {heavy} if name in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


ESTIMATE = ("estimate", "library.fasta", "--action", "encode", "--model", "e1-demo")


def test_estimate_prints_the_cost_and_queues_nothing(service, e1):
    result = e1(*ESTIMATE, "--param", "include=mean")
    assert (result.exit_code, lines(result)[0]["tokens"]) == (0, 304_800)
    assert [(entry["method"], entry["path"]) for entry in service.log] == [("POST", "/api/estimate/")]
    assert service.log[0]["fields"]["file"] == ("library.fasta", FASTA)
    assert "Idempotency-Key" not in service.log[0]["headers"]


def test_an_estimate_that_would_be_refused_fails_as_the_submission_would(service, e1):
    service.refuses = True
    assert e1(*ESTIMATE).exit_code == 3


def test_estimate_lines_say_size_time_quota_and_refusal(service):
    text = "\n".join(estimate_lines(service.estimate()))
    assert "1,200 items, 3 skipped" in text
    assert "about 1 min 15 s; 10 s of others' work waits as well" in text
    assert "4 of 5 unfinished jobs left" in text
    assert "stored bytes left" not in text
    assert "It would be accepted." in text
    service.rate, service.refuses = False, True
    text = "\n".join(estimate_lines(service.estimate()))
    assert "computing   not known: no worker of this model is alive" in text
    assert "It would be refused now: wait [quota_active_jobs]" in text


def test_estimate_lines_say_what_earlier_jobs_hold(service):
    def text(**earlier):
        cost = service.estimate() | {"units": 989, "chunks": 124, "earlier_jobs": earlier}
        return "\n".join(estimate_lines(cost))

    whole = text(units=989, tokens=1, not_looked_at=0, seconds_without=84.0)
    assert "  earlier     989 of 989 passes are there from earlier jobs; without those jobs" in whole
    assert "those jobs computing takes about 1 min 24 s\n" in whole
    partly = text(units=20, tokens=1, not_looked_at=1250, seconds_without=None)
    assert "20 of 989 passes are there from earlier jobs\n" in partly
    assert "1,250 of further proteins were not looked up, and count as to be computed" in partly
    assert "earlier" not in text(units=0, tokens=0, not_looked_at=0, seconds_without=84.0)
    old = {name: value for name, value in service.estimate().items() if name != "earlier_jobs"}
    assert "earlier" not in "\n".join(estimate_lines(old | {"units": 989, "chunks": 124}))


def test_estimate_lines_have_the_time_of_each_pool_of_a_mixed_fleet(service):
    fast = {"precision": "bfloat16", "workers": 2, "seconds": 20.0, "seconds_range": [15.0, 25.0]}
    slow = {"precision": "float32", "workers": 1, "seconds": None, "seconds_range": None}
    text = "\n".join(estimate_lines(service.estimate() | {"pools": [fast, slow]}))
    assert "bfloat16  between 15 s and 25 s, by 2 workers" in text
    assert "float32   not known, by 1 worker" in text
    assert "--param precision" in text
    assert "decides" not in "\n".join(estimate_lines(service.estimate() | {"pools": [fast]}))


def test_a_job_of_work_units_shows_their_progress_rate_and_time(monkeypatch, capsys):
    from io import StringIO

    from rich.console import Console

    from e1client.job import Job
    from e1client.progress import JsonReporter
    from e1client.render import job_lines

    body = {
        "id": "x", "state": "running", "stage": "computing", "action": "score", "eta_seconds": 199,
        "counts": {"total": 989, "pending": 989},
        "units": {"done": 1320, "total": 3945}, "throughput": {"units_per_second": 13.2},
    }  # fmt: skip
    job = Job(body)
    text = "\n".join(job_lines(job))
    assert "state       running, computing" in text
    assert "1,320 of 3,945 passes through the network" in text
    assert "13.2 passes through the network a second" in text
    assert "residues/s" not in text
    assert "3 min 19 s" in text
    assert "0 / 989 (33 %)" in "\n".join(table_lines([job]))
    monkeypatch.setenv("TERM", "xterm")
    screen = StringIO()
    bars = BarReporter(Console(file=screen, force_terminal=True, width=120))
    bars.job(job)
    bars.stop()
    assert "1320/3945" in screen.getvalue()
    assert "passes through the network" in screen.getvalue()
    reporter = JsonReporter(every=True, now=itertools.count(0, 2).__next__)
    reporter.job(job)
    reporter.job(Job(body | {"units": {"done": 1328, "total": 3945}}))
    assert [line["units"]["done"] for line in map(json.loads, capsys.readouterr().out.splitlines())] == [1320, 1328]
    final = Job(body | {"state": "succeeded", "counts": {"total": 989, "succeeded": 989}})
    assert "passes" not in "\n".join([*table_lines([final])])
    assert "of 3,945" not in "\n".join(job_lines(final))
    assert "rows of the contact maps" in "\n".join(job_lines(Job(body | {"action": "contacts"})))


@pytest.mark.parametrize("place", [Place(2, "I45A", path="sequence"), Place(2), Place(path="params.x")])
def test_a_place_is_told_once(place):
    problem = place.problem("wrong_wild_type", "I45A says I", "Check it.")
    assert list(problem_lines(problem.as_dict())) == [f"  {problem.message} [wrong_wild_type]", "    -> Check it."]


def test_a_terminal_without_other_letters_shows_escapes(service):
    service.submit("a", {"name": "caffè ∆"})
    env = os.environ | {"PYTHONIOENCODING": "ascii", "E1_URL": service.url, "E1_TOKEN": TOKEN}
    program = "import sys; sys.stdout.isatty = lambda: True; from e1client.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", program, "status"], env=env, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "caff\\xe8 \\u2206" in done.stdout


@pytest.mark.parametrize(
    ("item", "words"),
    [
        (("a", float("nan")), r"sequence is nan.*dropna"),
        ((float("nan"), "MKT"), r"name is nan"),
        ({"sequence": "MKT", "x": float("nan")}, "JSON"),
    ],
)
def test_an_empty_cell_of_a_data_frame_is_named(service, item, words):
    with Client(service.url, TOKEN) as client:
        for call in (
            lambda: client.encode("e1-demo", [item]),
            lambda: client.submit_items([item], model="e1-demo", action="encode"),
        ):
            with pytest.raises(UsageError, match=words) as error:
                call()
            assert error.value.code == "bad_item"
    assert service.log == []
