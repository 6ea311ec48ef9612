"""Small libraries of real proteins, one for each action, that the page for a new job offers to try."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files
from types import MappingProxyType
from typing import Any

from jobs.actions import ACTIONS

UBIQUITIN = "MQIFVKTLTGKTITLEVEPSDTIENVKAKIQDKEGIPPDQQRLIFAGKQLEDGRTLSDYNIQKESTLHLVLRLRGG"
"""One repeat of human polyubiquitin-C (UniProt P0CG48, residues 1-76)."""

_FILES = MappingProxyType({"score": "score.csv"})
"""Examples that are no FASTA."""

EXAMPLE_PARAMS: Mapping[str, Mapping[str, Any]] = MappingProxyType({"score": {"parent": UBIQUITIN}})
"""Parameters that an example needs beside the defaults."""


def example(action: str) -> str:
    """Text of the example of an action, FASTA or CSV; raises KeyError where there is no such action."""
    name = ACTIONS[action].name
    return files(__name__).joinpath(_FILES.get(name, f"{name}.fasta")).read_text(encoding="ascii")
