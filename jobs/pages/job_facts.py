"""The parameters of a job and the contexts that all its items share, in the words of its page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jobs.contexts.selectors import ContextRun
from jobs.pages.new_job.variants import ranges_text
from jobs.science.variants.numbering_forms import described, numbering_of


@dataclass(frozen=True, slots=True)
class SharedContexts:
    """The contexts that all items of a job are computed under.

    `parts` are contexts in a row, each a count and the name of their set, "" if they belong to none. `listed` has the
    description of each context from the job's parameters.
    """

    parts: tuple[tuple[int, str], ...]
    listed: Sequence[Mapping[str, Any]]

    @property
    def sequences(self) -> int:
        return sum(int(one["sequences"]) for one in self.listed)

    @property
    def residues(self) -> int:
        return sum(int(one["residues"]) for one in self.listed)


def shared_contexts(runs: Sequence[ContextRun]) -> SharedContexts | None:
    """Return the contexts of a job, or None if it has none."""
    parts: list[tuple[int, str]] = []
    for run in runs:
        count = len(run.contexts)
        if parts and not run.name and not parts[-1][1]:
            count += parts.pop()[0]
        parts.append((count, run.name))
    return SharedContexts(tuple(parts), [one for run in runs for one in run.contexts]) if runs else None


def param_facts(params: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the name and text of every parameter except the contexts."""
    for name, value in params.items():
        if name == "positions":
            yield name, ranges_text(value, numbering_of(params)) if value else "all"
        elif name == "numbering":
            yield name, described(numbering_of(params))
        elif name != "contexts":
            yield name, ", ".join(map(str, value)) if isinstance(value, list) else str(value)
