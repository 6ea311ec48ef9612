"""`e1 up --background` and `e1 down`: a service without a terminal, started and stopped by commands that return."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from e1client.settings import DATA_FOLDER
from e1site.stack.errors import StackError
from e1site.stack.folder import DataFolder, is_held, lock_holder

LOOK_SECONDS = 0.2
START_SECONDS = 3600.0
"""The first start of a model may download its weights."""
STOP_SECONDS = 120.0
"""Longer than all parts together may take to stop in order."""


def start(folder: DataFolder, options: Sequence[str], say: Callable[[str], None]) -> int:
    """Start `e1 up` with these options apart from this terminal, and return when it is ready.

    Its lines go to `logs/up.log`, and meanwhile to `say`. Returns its exit status if it ends before, else 0. Ctrl-C
    stops it. Raises StackError if the folder cannot be used.
    """
    folder.create()
    log = folder.turn_log("up")
    command = [sys.executable, "-m", "e1client.cli", "up", *options]
    with log.open("wb") as output:
        child = subprocess.Popen(  # noqa: S603 - our own command
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
        )
    with log.open(encoding="utf-8", errors="replace") as lines:
        deadline = time.monotonic() + START_SECONDS
        try:
            while time.monotonic() < deadline:
                ended = child.poll()
                for line in lines:
                    say(line.rstrip("\n"))
                    if line.startswith("ready "):
                        say(f"it runs in the background; `{_down(folder)}` stops it; its log is {log}")
                        return 0
                if ended is not None:
                    return ended
                time.sleep(LOOK_SECONDS)
        except KeyboardInterrupt:
            child.send_signal(signal.SIGINT)
            return child.wait()
    raise StackError(f"the service is not ready after {START_SECONDS:g} s; it goes on starting, see {log}", code="slow")


def _down(folder: DataFolder) -> str:
    """Return the command that stops the service of this folder, from the working folder."""
    default = folder.path.resolve() == Path(DATA_FOLDER).resolve()
    return "e1 down" if default else f"e1 down --data {shlex.quote(str(folder.path))}"


def stop(folder: DataFolder, *, seconds: float = STOP_SECONDS) -> bool:
    """Stop the service of this folder in order, and return when it has ended. Return False if none runs.

    Raises StackError if it still runs after `seconds`, or if its process is unknown.
    """
    if not is_held(folder):
        return False
    if (launcher := lock_holder(folder)) is not None:
        os.kill(launcher, signal.SIGTERM)
    deadline = time.monotonic() + seconds
    while is_held(folder):
        if time.monotonic() > deadline:
            raise StackError(
                f"the service of {folder.path} still stops after {seconds:g} s; see its logs in {folder.logs}",
                code="still_stopping",
            )
        time.sleep(LOOK_SECONDS)
    return True
