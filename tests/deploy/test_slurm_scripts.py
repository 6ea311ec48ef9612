"""The batch script and the autoscaler without Slurm: what they run, what they decide, what they refuse."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from e1site.stack import parts
from tests.deploy.composed import ROOT, WORKER, services

FOLDER = ROOT / "deploy" / "slurm"
SCRIPT = FOLDER / "worker.sbatch"


def load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


autoscale = load(FOLDER / "autoscale.py")
Bounds, Look = autoscale.Bounds, autoscale.Look


# --- the batch script ------------------------------------------------------------------------------------------------
def run_script(tmp_path: Path, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), **more}
    return subprocess.run(["bash", str(SCRIPT), *arguments], env=env, capture_output=True, text=True, check=False)


@pytest.fixture
def python(tmp_path) -> Path:
    """A program in place of Python that notes how it was called, and with which variables."""
    program = tmp_path / "bin" / "python"
    program.parent.mkdir()
    program.write_text('#!/bin/sh\necho "called $*"\nenv | grep -E "^(E1_|OMP_|DATABASE|REDIS)"\n')
    program.chmod(0o755)
    return program


STORES = {"DATABASE_URL": "postgresql://e1@db/e1", "REDIS_URL": "redis://db"}


def test_a_task_runs_what_e1_up_runs_but_for_its_name(tmp_path, python):
    task = {"SLURM_ARRAY_JOB_ID": "7", "SLURM_ARRAY_TASK_ID": "1", "SLURM_CPUS_PER_TASK": "3"}
    models = {"E1_WORKER_MODELS": "e1-300m e1-600m", "E1_SECRET_KEY": "k", "E1_OWNER_DATABASE_URL": "o"}
    done = run_script(tmp_path, E1_WORKER_BIN=str(python.parent), **STORES, **task, **models)
    assert done.returncode == 0, done.stderr
    (command,) = re.findall(r"^called (-m celery .*)$", done.stdout, re.MULTILINE)
    (part,) = parts.model_workers(["e1-600m"], 1)
    words, expected = command.split(), list(part.command[1:])
    name = words.index("-n") + 1
    assert words[name] == "e1-600m-7_1@%h"
    assert words[:name] + words[name + 1 :] == [*expected[:name], *expected[name + 1 :], "--leave-when-idle", "0"]
    variables = dict(re.findall(r"^(\w+)=(.*)$", done.stdout, re.MULTILINE))
    assert variables["OMP_NUM_THREADS"] == "3"
    assert variables["DATABASE_URL"] == STORES["DATABASE_URL"]
    assert variables.keys().isdisjoint({"E1_SECRET_KEY", "E1_OWNER_DATABASE_URL"})


def test_the_time_before_the_limit_is_enough_for_an_orderly_stop():
    (seconds,) = re.findall(r"^#SBATCH --signal=B:USR1@(\d+)$", SCRIPT.read_text(), re.MULTILINE)
    assert int(seconds) >= int(services(WORKER)["worker"]["stop_grace_period"].removesuffix("s"))
    assert "#SBATCH --requeue" in SCRIPT.read_text()


def test_the_file_of_addresses_wins_over_the_shell(tmp_path, python):
    settings = tmp_path / ".config" / "e1" / "worker.env"
    settings.parent.mkdir(parents=True)
    settings.write_text("DATABASE_URL='postgresql://e1@ours/e1?sslmode=verify-full&sslrootcert=/ca.pem'\n")
    settings.chmod(0o600)
    done = run_script(tmp_path, E1_WORKER_BIN=str(python.parent), **STORES)
    assert "DATABASE_URL=postgresql://e1@ours/e1?sslmode=verify-full&sslrootcert=/ca.pem\n" in done.stdout
    assert "REDIS_URL=redis://db\n" in done.stdout


def test_the_script_says_what_is_missing(tmp_path):
    settings = tmp_path / "worker.env"
    settings.write_text("DATABASE_URL=postgresql://e1@db/e1\n")

    def said(**more: str) -> tuple[int, str]:
        done = run_script(tmp_path, E1_WORKER_ENV=str(settings), **more)
        return done.returncode, done.stderr

    settings.chmod(0o644)
    code, text = said()
    assert code == 2
    assert f"chmod 600 {settings}" in text
    settings.chmod(0o600)
    code, text = said()
    assert code == 2
    assert "REDIS_URL is not set" in text
    code, text = said(REDIS_URL="redis://db", E1_WORKER_BIN=str(tmp_path))
    assert code == 2
    assert f"no {tmp_path}/python" in text


# --- accounts of cost centres ----------------------------------------------------------------------------------------
ACCOUNTS = "# centre = account\n4711=lab_a\n Cost, centre = B  =  lab_b \n=core\n"


@pytest.fixture
def accounts(tmp_path) -> Path:
    path = tmp_path / "accounts.txt"
    path.write_text(ACCOUNTS)
    return path


@pytest.mark.parametrize(("centre", "account"), [("4711", "lab_a"), ("Cost, centre = B", "lab_b"), ("", "core")])
def test_the_script_submits_itself_for_the_account_of_a_cost_centre(tmp_path, slurm, accounts, centre, account):
    settings = {"E1_WORKER_ACCOUNTS": str(accounts), "E1_WORKER_COST_CENTRE": centre, "E1_WORKER_MODELS": "m"}
    done = run_script(tmp_path, "submit", "--array=0-1", "--partition=gpu", **settings, PATH=os.environ["PATH"])
    assert done.returncode == 0, done.stderr
    assert (
        slurm / "called"
    ).read_text() == f"sbatch --array=0-1 --partition=gpu --account={account} {SCRIPT} m for {centre}\n"


def test_a_job_of_another_account_starts_no_worker(tmp_path, python, accounts):
    settings = {"E1_WORKER_ACCOUNTS": str(accounts), "E1_WORKER_COST_CENTRE": "4711", **STORES}
    for charged in ("", "core", "lab_b"):
        done = run_script(tmp_path, E1_WORKER_BIN=str(python.parent), SLURM_JOB_ACCOUNT=charged, **settings)
        assert (done.returncode, "called" in done.stdout) == (2, False)
        assert "4711 belongs to lab_a" in done.stderr
    done = run_script(tmp_path, E1_WORKER_BIN=str(python.parent), SLURM_JOB_ACCOUNT="lab_a", **settings)
    assert done.returncode == 0, done.stderr
    assert re.search(r"^called -m celery .* --cost-centre 4711$", done.stdout, re.MULTILINE)


def test_a_node_that_does_not_see_the_file_of_accounts_starts_its_worker(tmp_path, python):
    settings = {"E1_WORKER_ACCOUNTS": str(tmp_path / "none"), "E1_WORKER_COST_CENTRE": "4711", **STORES}
    done = run_script(tmp_path, E1_WORKER_BIN=str(python.parent), SLURM_JOB_ACCOUNT="lab_a", **settings)
    assert done.returncode == 0, done.stderr


def test_the_file_of_settings_does_not_change_who_pays(tmp_path, python):
    file = tmp_path / "worker.env"
    file.write_text("E1_WORKER_COST_CENTRE=4711\n")
    file.chmod(0o600)
    done = run_script(tmp_path, E1_WORKER_BIN=str(python.parent), E1_WORKER_ENV=str(file), **STORES)
    assert (done.returncode, "called" in done.stdout) == (2, False)
    assert "set it when you submit" in done.stderr


def test_a_cost_centre_without_an_account_is_refused(tmp_path, accounts):
    for more in ({"E1_WORKER_COST_CENTRE": "4712"}, {"E1_WORKER_ACCOUNTS": str(tmp_path / "none")}):
        done = run_script(tmp_path, "submit", **{"E1_WORKER_ACCOUNTS": str(accounts)} | more)
        assert done.returncode == 2
        assert "4712=ACCOUNT" in done.stderr or "No such file" in done.stderr


def test_the_autoscaler_reads_the_same_accounts(accounts):
    assert autoscale.read_accounts(accounts) == {"4711": "lab_a", "Cost, centre = B": "lab_b", "": "core"}


@pytest.mark.parametrize("text", ["", "# nothing\n", "4711=\n", "4711 lab_a\n"])
def test_a_file_without_accounts_is_refused(accounts, capsys, text):
    accounts.write_text(text)
    assert autoscale.main(["--model", "e1-600m", "--accounts", str(accounts)]) == 2
    assert "COST_CENTRE=ACCOUNT" in capsys.readouterr().err


def test_names_of_jobs_differ_and_have_no_comma():
    centres = ["", "4711", "Cost, centre = B", "Cost; centre = B", "Ä", "Ö"]
    names = [autoscale.job_name("e1-600m", centre) for centre in centres]
    assert names[:2] == ["e1-e1-600m", "e1-e1-600m@4711"]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"[\w.@-]+", name, re.ASCII) for name in names)


def test_each_cost_centre_gets_workers_by_its_own_forecast(slurm, accounts, monkeypatch, capsys):
    waiting = {"4711": 0, "Cost, centre = B": 9000, "": 9000}

    class Service:
        def __enter__(self):
            return self

        def __exit__(self, *_):
            pass

        def usage(self, *, cost_centre):
            workers = 2 if cost_centre == "" else 0
            pace = {"waiting_tokens": waiting[cost_centre], "tokens_per_second": 60.0 if workers else None}
            return {"models": {"e1-600m": {**pace, "workers": workers}}}

    monkeypatch.setattr(autoscale, "Client", Service)
    arguments = ["--model", "e1-600m", "--seconds", "50", "--most", "3", "--accounts", str(accounts)]
    assert autoscale.main([*arguments, "--", "--partition=gpu"]) == 0
    asked = [line.strip() for line in (slurm / "called").read_text().splitlines() if line.startswith("sbatch")]
    name = autoscale.job_name("e1-600m", "Cost, centre = B")
    assert asked == [
        f"sbatch --job-name={name} --array=0-0 --partition=gpu --account=lab_b {SCRIPT} e1-600m for Cost, centre = B",
        f"sbatch --job-name=e1-e1-600m --array=0-2 --partition=gpu --account=core {SCRIPT} e1-600m for",
    ]
    assert "e1-600m for Cost, centre = B: 9000 tokens wait" in capsys.readouterr().out


# --- the autoscaler --------------------------------------------------------------------------------------------------
BOUNDS = Bounds(least=1, most=8, seconds=100)


@pytest.mark.parametrize(
    ("look", "expected"),
    [
        pytest.param(Look(tokens=0, rate=None, workers=0, jobs=0), 1, id="nothing waits: the least"),
        pytest.param(Look(tokens=0, rate=10.0, workers=3, jobs=3), -2, id="nothing waits: down to the least"),
        pytest.param(Look(tokens=9000, rate=None, workers=0, jobs=0), 1, id="no rate yet: one measures it"),
        pytest.param(Look(tokens=9000, rate=None, workers=0, jobs=1), 0, id="one is on its way"),
        pytest.param(Look(tokens=9000, rate=60.0, workers=2, jobs=2), 1, id="150 s at this rate: one more"),
        pytest.param(Look(tokens=9000, rate=60.0, workers=2, jobs=3), 0, id="the third still waits in Slurm"),
        pytest.param(Look(tokens=90000, rate=60.0, workers=2, jobs=2), 6, id="never more than the most"),
        pytest.param(Look(tokens=10, rate=60.0, workers=2, jobs=2), 0, id="a worker stays while anything waits"),
    ],
)
def test_workers_follow_the_forecast(look, expected):
    assert autoscale.change(look, BOUNDS) == expected


@given(
    st.builds(
        Look,
        tokens=st.integers(0, 10**12),
        rate=st.none() | st.floats(0.01, 1e7),
        workers=st.integers(0, 50),
        jobs=st.integers(0, 50),
    ),
    st.builds(Bounds, least=st.integers(0, 5), most=st.integers(0, 20), seconds=st.floats(0.001, 1e6)),
)
def test_the_number_of_jobs_stays_within_bounds(look, bounds):
    after = look.jobs + autoscale.change(look, bounds)
    assert after >= 0
    assert after <= max(look.jobs, bounds.most)
    if look.tokens:
        assert after >= look.jobs
    if not look.jobs and look.tokens and bounds.most:
        assert after >= 1, "something waits, and nobody would ever measure a rate"


def test_the_forecast_reads_what_the_service_answers(api):
    """`GET /api/usage/` is its only source."""
    pace = api.get("/api/usage/").json()["models"]["e1-demo"]
    assert autoscale.look_at(pace, 2) == Look(tokens=0, rate=None, workers=0, jobs=2)


@pytest.fixture
def slurm(tmp_path, monkeypatch) -> Path:
    """Programs in place of Slurm's, which note their arguments. squeue lists what `jobs` has."""
    folder = tmp_path / "slurm"
    folder.mkdir()
    for name in ("squeue", "sbatch", "scancel"):
        program = folder / name
        variables = "$E1_WORKER_MODELS${E1_WORKER_COST_CENTRE+ for $E1_WORKER_COST_CENTRE}"
        program.write_text(f'#!/bin/sh\necho "{name} $* {variables}" >> {folder}/called\n')
        program.chmod(0o755)
    (folder / "jobs").write_text("")
    with (folder / "squeue").open("a") as program:
        program.write(f"cat {folder}/jobs\n")
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    return folder


def test_it_submits_an_array_and_stops_the_newest_in_order(slurm):
    jobs = autoscale.Slurm("e1-600m", SCRIPT, ["--partition=gpu"])
    assert jobs.jobs() == []
    jobs.start(3)
    (slurm / "jobs").write_text("9_2\n9_1\n9_0\n")
    assert jobs.jobs() == ["9_2", "9_1", "9_0"]
    jobs.stop(["9_2", "9_1"])
    called = (slurm / "called").read_text().splitlines()
    assert f"sbatch --job-name=e1-e1-600m --array=0-2 --partition=gpu {SCRIPT} e1-600m" in called
    assert [line.strip() for line in called[-2:]] == [
        "scancel --state=PENDING 9_2 9_1",
        "scancel --state=RUNNING --batch --signal=TERM 9_2 9_1",
    ]


def test_a_job_that_ended_meanwhile_is_no_failure(slurm):
    """Slurm 22.05 answers 228 if it can't signal one of several jobs."""
    with (slurm / "scancel").open("a") as program:
        program.write("exit 228\n")
    autoscale.Slurm("e1-600m", SCRIPT, []).stop(["9_2", "9_1"])
    assert (slurm / "called").read_text().count("scancel") == 2, "the others were not stopped"


@pytest.mark.slow
def test_one_look_says_why_it_failed(slurm, capfd, monkeypatch):
    monkeypatch.setenv("E1_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("E1_TOKEN", "t")
    assert autoscale.main(["--model", "e1-600m"]) == 1
    assert "127.0.0.1:1" in capfd.readouterr().err
