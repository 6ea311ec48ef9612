"""Which version of this program computes; part of every result's provenance."""

from __future__ import annotations

from functools import cache
from importlib.metadata import PackageNotFoundError, version


@cache
def code_version() -> str:
    """Version of the installed distribution, or "unknown" where it runs from a bare source tree."""
    try:
        return version("e1-service")
    except PackageNotFoundError:
        return "unknown"
