"""When an input as a whole is refused: the same rule for uploads and for `e1 run`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from jobs.errors import InvalidInput, Problem
from jobs.limits import LISTED_PROBLEMS
from jobs.parsing import BadRecord, Record


@dataclass(slots=True)
class InputTally:
    """Records and problems of one input, counted while it is read; `on_invalid` is "reject" or "skip"."""

    on_invalid: str
    total: int = 0
    bad: int = 0
    problems: list[Problem] = field(default_factory=list)

    def note(self, record: Record | BadRecord) -> None:
        """Count a record. The first LISTED_PROBLEMS problems are kept."""
        self.total += 1
        if isinstance(record, BadRecord):
            self.bad += 1
            self.problems.extend(record.problems[: LISTED_PROBLEMS - len(self.problems)])

    @property
    def doomed(self) -> bool:
        """Whether the input is refused already, whatever still comes."""
        return bool(self.bad) and self.on_invalid == "reject"

    def check(self, consequence: str, hint: Callable[[], Problem | None] | None = None) -> None:
        """After the last record: raise InvalidInput where the input is refused. `consequence` says what that means;
        `hint` may know what would put most of it right, and is listed first.
        """
        if self.bad and (self.doomed or self.bad == self.total):
            if hint is not None and (first := hint()):
                self.problems.insert(0, first)
            raise InvalidInput(
                f"{self.bad:,} of {self.total:,} records {'is' if self.bad == 1 else 'are'} not valid; {consequence}. "
                f"First: {self.problems[0].message}",
                code="invalid_records",
                problems=self.problems,
                problem_count=max(self.bad, len(self.problems)),
            )
        if not self.total:
            raise InvalidInput.of(
                Problem(
                    "no_items", "there is nothing to compute: no items were given", "Give at least one.", path="items"
                )
            )
