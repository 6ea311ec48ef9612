"""The refusal of one of several forms of a page, for the template `jobs/web/_refusal.html`."""

from __future__ import annotations

from dataclasses import dataclass

from jobs.errors import Problem, ServiceError

SHOWN = 20
"""Problems that a page lists."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """The refusal of a form: the name of the form, and its problems."""

    form: str
    error: ServiceError

    @property
    def problems(self) -> list[Problem]:
        return list(self.error.problems[:SHOWN])

    @property
    def more(self) -> int:
        return max(0, self.error.problem_count - SHOWN)
