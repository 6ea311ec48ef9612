"""What a job was asked for, in the words of its page: parameters, and the contexts that all its items share."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jobs.contexts.selectors import ContextRun


@dataclass(frozen=True, slots=True)
class ContextPart:
    """Contexts that follow each other: `count` of the set `name`, or of none (`name` is "")."""

    count: int
    name: str


@dataclass(frozen=True, slots=True)
class SharedContexts:
    """The contexts that all items of a job are computed under; `listed` is what its parameters say of each."""

    parts: tuple[ContextPart, ...]
    listed: Sequence[Mapping[str, Any]]

    @property
    def sequences(self) -> int:
        return sum(int(one["sequences"]) for one in self.listed)

    @property
    def residues(self) -> int:
        return sum(int(one["residues"]) for one in self.listed)


def shared_contexts(runs: Sequence[ContextRun]) -> SharedContexts | None:
    """None where the job has no such contexts."""
    if not runs:
        return None
    parts: list[ContextPart] = []
    for run in runs:
        count = len(run.contexts)
        if parts and not run.name and not parts[-1].name:
            parts[-1] = ContextPart(parts[-1].count + count, "")
        else:
            parts.append(ContextPart(count, run.name))
    return SharedContexts(tuple(parts), [one for run in runs for one in run.contexts])


def param_facts(params: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Name and text of every parameter but the contexts."""
    for name, value in params.items():
        if name == "positions":
            yield name, ranges_text(value) if value else "all"
        elif name != "contexts":
            yield name, ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def ranges_text(numbers: Sequence[int]) -> str:
    """Ascending numbers as the form takes them: `24, 56-60`."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    return ", ".join(str(low) if low == high else f"{low}-{high}" for low, high in runs)
