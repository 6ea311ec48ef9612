"""Completion in the shells that docs/client.md names, each set up by the line of that page."""

from __future__ import annotations

import os
import pty
import re
import select
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.helpers import ROOT
from tests.needed import needed_program

LINE = re.compile(r"^_E1_COMPLETE=source_(\w+) e1 > (\S+)", re.MULTILINE)
SECONDS = 120


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    """An environment with this checkout's command and an empty home."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    return {**os.environ, "PATH": path, "HOME": str(tmp_path), "ZDOTDIR": str(tmp_path), "TERM": "dumb"}


@pytest.fixture
def script(env: Mapping[str, str], tmp_path: Path):
    """Return the function that runs the line of the page for a shell, and returns the script that it writes."""
    lines = {found[1]: found for found in LINE.finditer((ROOT / "docs" / "client.md").read_text())}

    def written(shell: str) -> Path:
        subprocess.run(["sh", "-c", lines[shell][0]], cwd=tmp_path, env=env, check=True, timeout=SECONDS)
        return tmp_path / lines[shell][2]

    return written


def test_bash_completes_commands_and_options(env, script):
    ask = f"source {script('bash')}; COMP_WORDS=(e1 submit --on-inv); COMP_CWORD=2; _e1_completion e1; echo $COMPREPLY"
    done = subprocess.run(["bash", "-c", ask], env=env, capture_output=True, text=True, check=True, timeout=SECONDS)
    assert done.stdout == "--on-invalid\n"


@pytest.mark.slow
def test_fish_completes_commands_and_options(env, script):
    fish = needed_program("fish", package="fish")
    ask = f"source {script('fish')}; complete --do-complete 'e1 user deact'"
    done = subprocess.run([fish, "-c", ask], env=env, capture_output=True, text=True, check=True, timeout=SECONDS)
    assert done.stdout.startswith("deactivate\t")


def test_zsh_completes_at_the_first_tab(env, script, tmp_path):
    zsh = needed_program("zsh", package="zsh")
    script("zsh")
    (tmp_path / ".zshrc").write_text(
        f"autoload -Uz compinit; compinit -u\nsource {tmp_path}/e1.zsh\nPROMPT='ready> '\n"
    )
    ours, theirs = pty.openpty()
    shell = subprocess.Popen([zsh, "-i"], env=env, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True)
    os.close(theirs)
    try:
        _read(ours, "ready> ")
        os.write(ours, b"e1 user deact\t")
        assert "deactivate " in _read(ours, "deactivate ")
    finally:
        shell.kill()
        shell.wait()
        os.close(ours)


def _read(terminal: int, until: str) -> str:
    """Return what a terminal shows, up to a text."""
    shown, end = "", time.monotonic() + SECONDS
    while until not in shown and time.monotonic() < end:
        if select.select([terminal], [], [], 1)[0]:
            shown += os.read(terminal, 65536).decode(errors="replace")
    return shown
