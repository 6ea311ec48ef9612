"""Names of files about a job or an item."""

from __future__ import annotations

from jobs.actions.titles import subject_of
from jobs.files.names import file_name
from jobs.models import Job


def job_file(job: Job, *parts: str, suffix: str) -> str:
    """Return the name of a file of a job: its name and action, such as `TEM-1-scan.csv`; model and id if unnamed.

    Of a name that the job gave itself, only what it is about is taken.
    """
    chosen = subject_of(job.action, job.name)
    return file_name(chosen, f"{job.model}-{job.pk.hex[:8]}", job.action, *parts, suffix=suffix)


def item_file(job: Job, index: int, name: str, *parts: str, suffix: str) -> str:
    """Return the name of a file of one item: the item's name and the action."""
    return file_name(name, f"item-{index}", job.action, *parts, suffix=suffix)
