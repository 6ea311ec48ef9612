"""The version of this program, part of the provenance of every result."""

from __future__ import annotations

from functools import cache
from importlib.metadata import PackageNotFoundError, version


@cache
def code_version() -> str:
    """Return the version of the installed distribution, or "unknown" for a bare source tree."""
    try:
        return version("e1-service")
    except PackageNotFoundError:
        return "unknown"
