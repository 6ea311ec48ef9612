"""What some tests need and not every machine has: in continuous integration its lack is a failure, elsewhere a skip."""

from __future__ import annotations

import os
import shutil
from typing import NoReturn

import pytest


def unavailable(reason: str) -> NoReturn:
    """End the test that runs: nobody may take a machine that lacks something for one that passes everything."""
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


def needed_program(*names: str, package: str, path: str | None = None) -> str:
    """Path of the first of these programs that there is; ends the test where there is none, naming Debian's package."""
    for name in names:
        if found := shutil.which(name) or (shutil.which(name, path=path) if path else None):
            return found
    unavailable(f"{names[0]} is not installed; on Debian and Ubuntu install the package {package}")
