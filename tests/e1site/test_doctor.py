"""`e1 doctor` on this machine as it is, and with settings that are wrong."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from e1site.stack.environment import FOREIGN
from e1site.stack.folder import DataFolder, hold
from tests.stack import OWN_ENVIRONMENT

PROGRAM = "from e1site.commands import app; app()"
NETWORK = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR")


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@pytest.fixture
def doctor(tmp_path):
    """Run the command with these variables, and return its exit code and its findings by check."""
    clean = {*OWN_ENVIRONMENT, *NETWORK, *(name.lower() for name in NETWORK)}
    env = {name: value for name, value in os.environ.items() if name not in clean and not FOREIGN.fullmatch(name)}

    def run(*options: str, **variables: str):
        command = [sys.executable, "-c", PROGRAM, "doctor", "--json", "--data", str(tmp_path / "data"), *options]
        done = subprocess.run(command, env=env | variables, capture_output=True, text=True, timeout=300, check=False)
        assert "Traceback" not in done.stderr, done.stderr
        found: dict[str, list[dict[str, str]]] = {}
        for line in done.stdout.splitlines():
            found.setdefault(json.loads(line)["check"], []).append(json.loads(line))
        return done.returncode, found, done.stdout

    return run


@pytest.mark.slow
def test_a_sound_machine_has_no_problem_and_nothing_is_made(doctor, tmp_path):
    code, found, _ = doctor("--port", str(free_port()))
    problems = [one for findings in found.values() for one in findings if one["state"] == "problem"]
    assert (code, problems) == (0, [])
    assert {"versions", "python", "user", "cores", "disk", "data", "locks", "postgres", "valkey", "port"} <= set(found)
    assert {"network", "torch", "device", "weights"} <= set(found)
    assert found["weights"][0]["found"].startswith("e1-demo in ")
    assert not (tmp_path / "data").exists()


@pytest.mark.slow
def test_wrong_settings_are_problems_with_a_remedy_and_without_passwords(doctor, tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        code, found, text = doctor(
            "--port", str(taken.getsockname()[1]),
            "--model", "e1-150m",
            ALL_PROXY="ftp://someone:hunter2@proxy.example:1",
            E1_URL="http://service.example",
            E1_TOKEN="hunter2",
            DATABASE_URL="postgresql://someone:hunter2@db.example/theirs",
            PGPASSWORD="hunter2",
            E1_WEIGHTS=str(tmp_path),
        )  # fmt: skip
    assert code == 1
    (network,) = found["network"]
    assert (network["state"], "ALL_PROXY" in network["found"]) == ("problem", True)
    (port,) = found["port"]
    assert (port["state"], port["remedy"]) == ("problem", "choose another with --port")
    (weights,) = found["weights"]
    assert weights["state"] == "warning"
    assert "hf download" in weights["found"]
    assert any("theirs at db.example" in one["found"] for one in found["variables"])
    assert "postgres" not in found
    assert "hunter2" not in text


@pytest.mark.slow
def test_a_folder_in_use_is_not_disturbed(doctor, tmp_path):
    folder = DataFolder.at(Path(tmp_path / "data"))
    folder.create()
    with hold(folder):
        _, found, _ = doctor()
    assert found["data"][0]["found"].endswith(f"is in use by process {os.getpid()}")
    assert found["service"][0]["state"] == "warning"
    assert "port" not in found


def test_a_check_that_fails_does_not_hide_the_others(monkeypatch, tmp_path):
    from e1site import doctor

    monkeypatch.setattr(doctor, "usable_cores", lambda: 1 / 0)
    findings = doctor.examine(data=tmp_path, models=["e1-demo"], host="127.0.0.1", port=free_port())
    broken = next(one for one in findings if one.check == "cores")
    assert (broken.state, "ZeroDivisionError" in broken.found) == ("problem", True)
    assert any(one.check == "weights" for one in findings)
    *rest, last = doctor.lines(findings)
    assert last.split(",")[0].endswith("problems")
    assert len(rest) >= len(findings)
