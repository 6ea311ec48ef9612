"""The pages' scripts and styles, which `npm run build` makes of `frontend`: whether they are there, and what to do."""

from __future__ import annotations

from pathlib import Path

MANIFEST = Path(__file__).resolve().parents[1] / "static" / "jobs" / "dist" / "manifest.json"
"""Written by Vite: which files a page needs."""

REMEDY = "Run `make setup` in the checkout, which builds them; a service that runs takes them up by itself."


def missing() -> str:
    """What is missing and what to do, in two sentences; empty where nothing is."""
    if MANIFEST.is_file():
        return ""
    return f"The pages' scripts and styles are not built: {MANIFEST} is missing, and every page fails. {REMEDY}"


def stamp() -> tuple[int, int] | None:
    """Changes whenever the manifest does; None while there is none."""
    try:
        found = MANIFEST.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size
