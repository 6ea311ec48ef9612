"""The definition of the Apptainer image, as far as it can be run without Apptainer."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from e1site.stack import parts
from tests.deploy.composed import DOCKERFILE, ROOT

DEFINITION = ROOT / "deploy" / "apptainer" / "worker-gpu.def"


def section(name: str) -> str:
    found = re.search(rf"^%{name}\n(.*?)(?=^%|\Z)", DEFINITION.read_text(), re.MULTILINE | re.DOTALL)
    assert found, name
    return found[1]


def started(tmp_path: Path, *arguments: str) -> list[str]:
    """Run the script of `apptainer run` with a program in place of Python, and return how that was called."""
    python = tmp_path / "python"
    python.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    python.chmod(0o755)
    script = section("runscript").replace("/opt/e1/bin/python", str(python))
    done = subprocess.run(["sh", "-c", script, "run", *arguments], env={"SLURM_JOB_ID": "7", "PATH": "/usr/bin:/bin"},
                          capture_output=True, text=True, check=True)  # fmt: skip
    return done.stdout.splitlines()


def test_it_runs_what_e1_up_runs_but_for_its_name(tmp_path):
    (part,) = parts.model_workers(["e1-600m"], 1)
    expected = list(part.command[1:])
    expected[expected.index("-n") + 1] = "e1-600m-7@%h"
    assert started(tmp_path) == started(tmp_path, "e1-600m") == expected


def test_options_of_the_worker_are_passed_on(tmp_path):
    words = started(tmp_path, "e1-300m", "--leave-when-idle", "600", "--cost-centre", "Cost centre 4711")
    assert words[words.index("-Q") + 1] == "model.e1-300m"
    assert words[-4:] == ["--leave-when-idle", "600", "--cost-centre", "Cost centre 4711"]


def test_it_installs_the_pytorch_of_the_image_for_gpus():
    (pinned,) = set(re.findall(r"^ARG TORCH=(\S+)$", DOCKERFILE.read_text(), re.MULTILINE))
    assert f'"{pinned}"' in section("post")


def test_the_scripts_of_the_definition_are_shell():
    for name in ("post", "environment", "test", "runscript"):
        subprocess.run(["sh", "-n", "-c", section(name)], check=True)
