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


def needed_program(*names: str, package: str, path: str | None = None) -> str:
    """Return the path of the first of these programs, or end the test and name Debian's package."""
    for name in names:
        if found := shutil.which(name) or (shutil.which(name, path=path) if path else None):
            return found
    unavailable(f"{names[0]} is not installed; on Debian and Ubuntu install the package {package}")
