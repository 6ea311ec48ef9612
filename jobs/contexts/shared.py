"""The contexts that all items of a job share, as every page of its results names them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import User

from jobs.contexts.selectors import ContextRun, context_runs
from jobs.models import Job


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


def contexts_of_job(job: Job, user: User) -> SharedContexts | None:
    """Return the contexts that all items of a job are computed under, with the names of sets that the user may see."""
    return shared_contexts(context_runs(user, job.params.get("contexts", ())))
