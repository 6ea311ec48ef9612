"""Programs and data that some tests need. If one is missing, the test fails in CI and skips elsewhere."""

from __future__ import annotations

import os
import shutil
from typing import NoReturn

import pytest


def unavailable(reason: str) -> NoReturn:
    """End the running test: fail it if CI is set, so that nothing is skipped silently, else skip it."""
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


FULL = "E1_TEST_FULL"
"""Set by `make test-full`: programs that only the full run needs, such as Slurm's, must be there."""


def for_full_run(reason: str) -> NoReturn:
    """End the running test: fail it in `make test-full`, else skip it, also in CI."""
    if os.environ.get(FULL):
        pytest.fail(reason)
    pytest.skip(reason)


def full_program(*names: str, package: str) -> str:
    """Return the path of the first of these programs, which only the full run demands."""
    for name in names:
        if found := shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"):
            return found
    for_full_run(f"{names[0]} is not installed; on Debian and Ubuntu install the package {package}")


def needed_program(*names: str, package: str, path: str | None = None) -> str:
    """Return the path of the first of these programs, or end the test and name Debian's package."""
    for name in names:
        if found := shutil.which(name) or (shutil.which(name, path=path) if path else None):
            return found
    unavailable(f"{names[0]} is not installed; on Debian and Ubuntu install the package {package}")


def trials(full: int, usual: int) -> range:
    """Return the seeds of a proof over many draws: all in `make test-full`, and fewer elsewhere."""
    return range(full if os.environ.get(FULL) else usual)
