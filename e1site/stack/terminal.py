"""Plain lines for the person at the terminal, each flushed at once."""

from __future__ import annotations

import contextlib
import sys
from typing import TextIO


def say(line: str) -> None:
    """Print a line to standard output."""
    _print(line, sys.stdout)


def complain(line: str) -> None:
    """Print a line to standard error."""
    _print(line, sys.stderr)


def _print(line: str, stream: TextIO) -> None:
    with contextlib.suppress(OSError):  # a closed terminal (SIGHUP) must not keep the stack from stopping in order
        stream.write(line + "\n")
        stream.flush()
