"""The scripts and styles of the pages, which `npm run build` makes from `frontend`."""

from __future__ import annotations

from pathlib import Path

MANIFEST = Path(__file__).resolve().parents[1] / "static" / "jobs" / "dist" / "manifest.json"
"""The list of files that a page needs, written by Vite."""

REMEDY = "Run `make setup` in the checkout, which builds them; a service that runs takes them up by itself."


def missing() -> str:
    """Return what is missing and what to do, empty if nothing is missing."""
    if MANIFEST.is_file():
        return ""
    return f"The pages' scripts and styles are not built: {MANIFEST} is missing, and every page fails. {REMEDY}"


def stamp() -> tuple[int, int] | None:
    """Return a value that changes with the manifest, None while there is none."""
    try:
        found = MANIFEST.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size
