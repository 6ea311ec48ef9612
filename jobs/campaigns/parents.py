"""Parents that a campaign can begin with: those of the user's scans and score jobs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.contrib.auth.models import User

from jobs.actions import Scan
from jobs.actions.score import Score
from jobs.errors import NotFound
from jobs.library.selectors import job_of, jobs_of, parent_of, require_rows
from jobs.models import Item, Job
from jobs.models.states import JobState
from jobs.parsing.numbers import whole
from jobs.science.variants.numbering_forms import numbering_of, texts_of

NEWEST = 30
"""Newest jobs whose parents are offered."""
OFFERED, OF_A_JOB = 100, 10
"""Parents that are offered, and those of one job."""


@dataclass(frozen=True, slots=True)
class Origin:
    """A parent in a job: `key` names it in a form, and `words` on the page."""

    key: str
    words: str


def origins_of(user: User) -> list[Origin]:
    """Return the parents of the user's newest finished scans and score jobs."""
    actions = (Scan.name, Score.name)
    jobs = list(jobs_of(user).filter(action__in=actions, state=JobState.SUCCEEDED).order_by("-created_at")[:NEWEST])
    return list(_origins(jobs))[:OFFERED]


def _origins(jobs: list[Job]) -> Iterator[Origin]:
    scans = [job.pk for job in jobs if job.action == Scan.name]
    items: dict[UUID, list[tuple[int, str]]] = {}
    rows = Item.objects.filter(job__in=scans, index__lt=OF_A_JOB, chunk__isnull=False).order_by("job", "index")
    for job_id, index, name in rows.values_list("job_id", "index", "name"):
        items.setdefault(job_id, []).append((index, name))
    for job in jobs:
        called = job.name or f"Job {job.pk.hex[:8]}"
        made = f"{job.created_at:%Y-%m-%d %H:%M} UTC"  # first, because the page cuts long names
        if job.action == Score.name:
            yield Origin(f"{job.pk}.0", f"{made}: {called} (score)")
        for index, name in items.get(job.pk, ()):
            what = f"{called}: {name}" if job.total_items > 1 else f"{called} (scan)"
            yield Origin(f"{job.pk}.{index}", f"{made}: {what}")


def begun_from(user: User, key: str) -> dict[str, Any]:
    """Return the fields of a form for the parent in a job, named `ID` or `ID.INDEX`.

    Raises NotFound if the user may not see the job, and Gone if its items have expired.
    """
    text, _, index = key.partition(".")
    try:
        wanted = UUID(text)
    except ValueError:
        raise NotFound(f"there is no job {text[:40]}") from None
    job = job_of(user, wanted)
    require_rows(job)
    offset, skip, labels = texts_of(numbering_of(job.params))
    return {
        "parent": parent_of(job, whole(index) or 0),
        "model": job.model,
        "name": job.name,
        "offset": offset,
        "skip": skip,
        "labels": labels,
    }
