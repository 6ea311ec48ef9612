"""Plain lines for the person at the terminal, each flushed at once."""

from __future__ import annotations

import contextlib
import sys


def say(line: str) -> None:
    """One line to standard output; a terminal that has gone (SIGHUP) is no reason not to stop in order."""
    with contextlib.suppress(OSError):
        sys.stdout.write(line + "\n")
        sys.stdout.flush()


def complain(line: str) -> None:
    """One line to standard error."""
    with contextlib.suppress(OSError):
        sys.stderr.write(line + "\n")
        sys.stderr.flush()
