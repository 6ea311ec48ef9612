"""A job as the server last showed it."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from e1client.errors import Exit, UsageError

FINAL_STATES = frozenset({"succeeded", "partial", "failed", "cancelled", "expired"})
FINISHED = ("succeeded", "failed", "skipped")
"""Item states that count as finished, as in the job's own `finished`. Cancelled items were never computed."""


def unit_words(action: object) -> str:
    """Return what the work units of an action are: a unit of `contacts` is a row, which takes some twenty passes."""
    return "rows of the contact maps" if action == "contacts" else "passes through the network"


@dataclass(frozen=True, slots=True)
class Job:
    """A job. `data` is its complete JSON; the properties name what most callers need."""

    data: Mapping[str, Any]

    def __repr__(self) -> str:
        return f"<Job {self.id} {self.state}: {self.finished_items:,} of {self.total:,} items>"

    @property
    def id(self) -> str:
        return str(self.data["id"])

    @property
    def name(self) -> str:
        return str(self.data.get("name") or "")

    @property
    def state(self) -> str:
        return str(self.data["state"])

    @property
    def counts(self) -> Mapping[str, int]:
        """Items by state, and their `total`."""
        counts: Mapping[str, int] = self.data.get("counts") or {}
        return counts

    @property
    def total(self) -> int:
        return int(self.counts.get("total", 0))

    @property
    def finished_items(self) -> int:
        """Number of items that have a result, or a reason why they have none."""
        return sum(int(self.counts.get(state, 0)) for state in FINISHED)

    @property
    def units(self) -> tuple[int, int] | None:
        """Work units (done, total) while a job that counts them runs; None otherwise."""
        units = self.data.get("units")
        return (int(units["done"]), int(units["total"])) if units and not self.is_final else None

    @property
    def unit_words(self) -> str:
        return unit_words(self.data.get("action"))

    @property
    def is_final(self) -> bool:
        """Whether nothing changes without a new request, such as a retry."""
        return self.state in FINAL_STATES

    @property
    def exit_code(self) -> Exit:
        """Exit code of a command that waited for this job: every end but `succeeded` is a failure."""
        return Exit.DONE if self.state == "succeeded" else Exit.JOB_FAILED


JobLike = Job | str
"""A job, its id, or its URL."""


def job_path(job: JobLike) -> str:
    """Return the job's path on the server. Raises UsageError `bad_job_id` for text without an id."""
    text = job.id if isinstance(job, Job) else job
    try:
        return f"/api/jobs/{uuid.UUID(last_part(text))}/"
    except ValueError:
        raise UsageError(f"{text!r} is no job id; `e1 status` lists yours", code="bad_job_id") from None


def last_part(address: str) -> str:
    """Return the last part of a path or URL, with or without a slash at the end."""
    return address.rstrip("/").rpartition("/")[2]
