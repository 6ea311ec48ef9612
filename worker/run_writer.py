"""What a file of `e1 run` is written by: the contract of its writers, and the names of arrays."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Self

from jobs.actions import Action, ItemView, Stored
from jobs.actions.ensembles import SINGLE, SPREAD
from jobs.errors import Problem

RAGGED = frozenset(
    {
        *("logits", "logits_sd", "logits_by", "per_token", "per_token_sd", "per_token_by"),
        *("contacts", "contacts_sd", "contacts_by", "positions", "scores_sd", "scores_by"),
    }
)
"""Kinds with any number of rows an item. `scores` is one row of a variant, and a row a position of a scan."""


@dataclass(frozen=True, slots=True)
class Finished:
    """One record of the input with its arrays, or with the reason why it has none."""

    index: int
    name: str
    state: str
    view: ItemView
    stored: Sequence[Stored] = ()
    problem: Problem | None = None


class Writer(AbstractContextManager["Writer"], ABC):
    """Takes the records in input order. `close` completes the file; leaving the block without it leaves a torso."""

    def __init__(self, path: Path, *, action: Action, params: Mapping[str, Any]) -> None:
        self.file: IO[bytes] = path.open("wb")
        self.action = action
        self.params = params

    @abstractmethod
    def write(self, item: Finished) -> None: ...

    @abstractmethod
    def close(self, *, manifest: Mapping[str, Any]) -> None: ...

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.file.close()


def is_ragged(action: Action, kind: str) -> bool:
    """Whether items have any number of rows of this kind."""
    return kind in RAGGED or (kind == "scores" and action.name == "scan")


def name_of(stored: Stored) -> str:
    """The array's name in files, as downloads have it (jobs.results.export.columns)."""
    kind, mark = stored.kind, ""
    for ending, word in ((SPREAD, "_spread"), (SINGLE, "_single")):
        if kind.endswith(ending):
            kind, mark = kind.removesuffix(ending), word
    if kind == "scores" and mark:
        return mark.removeprefix("_")
    return kind + mark if stored.layer < 0 else f"{kind}_layer_{stored.layer}{mark}"
