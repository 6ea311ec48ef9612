"""Small libraries of real proteins, one for each action, that the page for a new job offers to try."""

from __future__ import annotations

from importlib.resources import files

from jobs.actions import ACTIONS


def example(action: str) -> str:
    """FASTA text of the example of an action; raises KeyError where there is no such action."""
    return files(__name__).joinpath(f"{ACTIONS[action].name}.fasta").read_text(encoding="ascii")
