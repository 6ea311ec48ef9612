"""A reader's session: shell blocks and Python blocks of one page, in one folder, with one environment."""

from __future__ import annotations

import doctest
import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from tests.docs.pages import PYTHON, ROOT, Block, blocks

BLOCK_SECONDS = 600

SHELL = """\
set -a; source "$1"; cd "$(cat "$2")"; set -e -o pipefail
trap 'code=$?; export -p > "$1"; pwd > "$2"; exit $code' EXIT
source "$3"
"""
"""Runs a block in the state that the blocks before left: variables and the working folder."""

DRIVER = """\
import contextlib, io, json, os, sys, traceback
answers = os.fdopen(os.dup(1), "w"); os.dup2(2, 1)
names = {"__name__": "__main__"}
for line in sys.stdin:
    asked = json.loads(line)
    os.chdir(asked["folder"]); os.environ.update(asked["env"]); out = io.StringIO(); error = ""
    with contextlib.redirect_stdout(out):
        try:
            exec(compile("\\n" * (asked["line"] - 1) + asked["code"], asked["page"], "exec"), names)
        except BaseException:
            error = traceback.format_exc()
    print(json.dumps({"out": out.getvalue(), "error": error}), file=answers, flush=True)
"""
"""One Python for all blocks of a page; empty lines in front make a traceback name the line of the page."""


def outcomes(page: Path, data: Path, env: Mapping[str, str], folder: Path) -> list[tuple[Block, str]]:
    """Run the blocks of a page in order, and return each that runs with what failed, or an empty text.

    The reader is in an empty folder that has the data of a running service as `.local`.
    """
    here, state = folder / "here", folder / "state"
    here.mkdir()
    state.mkdir()
    (here / ".local").symlink_to(data)
    path = f"{Path(sys.executable).parent}:{env['PATH']}"
    session = Session(page, here, state, {**env, "PATH": path, "TMPDIR": str(folder)})
    found = []
    try:
        for block in blocks(page.read_text()):
            if block.runs:
                found.append((block, _failure(session, block)))
    finally:
        session.close()
    return found


def _failure(session: Session, block: Block) -> str:
    try:
        session.run(block)
    except (AssertionError, subprocess.TimeoutExpired) as error:
        return str(error)
    return ""


class Session:
    """What a reader of one page has: a folder, variables, a shell and one Python."""

    def __init__(self, page: Path, folder: Path, state: Path, env: Mapping[str, str]) -> None:
        self.page, self.env = page, dict(env)
        self._variables, self._place, self._block = state / "variables", state / "folder", state / "block"
        self._variables.write_text("")
        self._place.write_text(f"{folder}\n")
        self._python: subprocess.Popen[str] | None = None

    def run(self, block: Block) -> None:
        """Run one block. Raises AssertionError with its output if it fails, or prints what the page does not show."""
        assert not block.changes_the_machine, f"{self._at(block.line)} would change the machine: mark it as not run"
        if block.given:
            self._shell(block.given.replace("CHECKOUT", str(ROOT)), block.line, "what the reader has")
        if block.language in PYTHON:
            printed = self._run_python(block)
        else:
            printed = self._shell(block.code, block.line, "the block")
        if block.shown is not None:
            same = doctest.OutputChecker().check_output(block.shown, printed, doctest.ELLIPSIS)
            assert same, f"{self._at(block.line)} shows\n{block.shown}but prints\n{printed}"

    def close(self) -> None:
        if self._python is not None:
            self._python.kill()
            self._python.communicate()

    def _shell(self, code: str, line: int, what: str) -> str:
        self._block.write_text(code)
        command = ["bash", "-c", SHELL, "reader", *map(str, (self._variables, self._place, self._block))]
        shell = subprocess.Popen(
            command, env=self.env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            start_new_session=True,
        )  # fmt: skip
        try:
            out, err = shell.communicate(timeout=BLOCK_SECONDS)
        except BaseException:
            # The programs that the block started would go on without it, also after Ctrl-C.
            os.killpg(shell.pid, signal.SIGKILL)
            shell.communicate()
            raise
        assert shell.returncode == 0, f"{self._at(line)}: {what} ends with {shell.returncode}\n{code}{out}{err}"
        return out

    def _run_python(self, block: Block) -> str:
        env = self._shell("env -0", block.line, "the environment")
        if self._python is None:
            self._python = subprocess.Popen(
                [sys.executable, "-c", DRIVER], env=self.env, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
            )
        assert self._python.stdin is not None
        assert self._python.stdout is not None
        pairs = dict(pair.split("=", 1) for pair in env.split("\0") if "=" in pair)
        asked = {
            "folder": self._place.read_text().strip(), "env": pairs, "code": block.code, "line": block.line,
            "page": str(self.page),
        }  # fmt: skip
        print(json.dumps(asked), file=self._python.stdin, flush=True)
        answer = json.loads(self._python.stdout.readline())
        assert not answer["error"], f"{self._at(block.line)}\n{answer['error']}"
        return str(answer["out"])

    def _at(self, line: int) -> str:
        return f"{self.page.name}, line {line},"
