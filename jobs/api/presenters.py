"""Jobs and items as REST and the pages show them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

from django.urls import reverse

from e1protocol import MODELS
from jobs.api.serializers import JobBody, JobSummary
from jobs.attribution import attribution
from jobs.library import selectors
from jobs.models import Item, Job
from jobs.models.states import JobState
from jobs.queue import progress
from jobs.queue.expected import QueuePlace, queue_place
from jobs.queue.progress import ChunkSum
from jobs.queue.stages import ASSEMBLING, WRITING, Steps

LINKS = (
    *("events", "items", "results", "manifest", "ledger"),
    *("cancel", "pause", "resume", "release", "retry", "extend", "keep"),
)
CHUNK_STATES = ("ready", "leased", "done", "failed", "cancelled")


def present_job(job: Job, sums: Sequence[ChunkSum] | None = None, *, whole: bool = True) -> dict[str, Any]:
    """Return a job as JSON. `whole` adds what takes further queries: rate, queue position, failures, engines."""
    if sums is None:
        sums = progress.chunk_sums([job.pk]).get(job.pk, [])
    shape = JobBody if whole else JobSummary
    return dict(shape(ShownJob(job, sums)).data)


class ShownJob:
    """A job with its derived figures. Other attributes are those of the job itself."""

    def __init__(self, job: Job, sums: Sequence[ChunkSum]) -> None:
        self._job, self._sums = job, sums

    def __getattr__(self, name: str) -> Any:
        return getattr(self._job, name)

    @cached_property
    def counts(self) -> Mapping[str, int]:
        return progress.job_counts(self._job, self._sums)

    @property
    def finished(self) -> int:
        return self.counts["total"] - self.counts["pending"] - self.counts["cancelled"]

    @property
    def chunks(self) -> dict[str, int]:
        by_state = {state: sum(one.chunks for one in self._sums if one.state == state) for state in CHUNK_STATES}
        return {"total": sum(one.chunks for one in self._sums), **by_state}

    @cached_property
    def units(self) -> dict[str, int] | None:
        job = self._job
        return {"done": progress.units_done(job), "total": job.total_units} if job.total_units else None

    @property
    def demonstration(self) -> bool:
        return MODELS[self._job.model].demonstration

    @property
    def attribution(self) -> str:
        return attribution(MODELS[self._job.model])

    @property
    def links(self) -> dict[str, str]:
        pages = {"self": "job-detail", "page": "job-page", **{name: f"job-{name}" for name in LINKS}}
        return {name: reverse(view, args=[self._job.pk]) for name, view in pages.items()}

    @cached_property
    def steps(self) -> Steps:
        units = self.units or {"total": 0, "done": 0}
        total = self.counts["total"] - self.counts["cancelled"]
        return Steps(self._job.state, units["total"], units["done"], total, self.finished)

    @property
    def stage(self) -> str | None:
        return self.steps.stage

    @cached_property
    def rate(self) -> float | None:
        """Work units a second if the items are made of them, else items a second. None if it is unknown."""
        job = self._job
        if job.total_units:
            return progress.units_per_second(job) if job.state == JobState.RUNNING else None
        if job.state == JobState.RUNNING:
            return progress.job_rate(job)
        return progress.job_mean_rate(job, self.counts["succeeded"] + self.counts["failed"])

    @property
    def throughput(self) -> dict[str, float] | None:
        rate, computed = self.rate, self.counts["total"] - self.counts["skipped"]
        if self._job.total_units:
            return {"units_per_second": round(rate, 3)} if rate else None
        if rate is None or not computed:
            return None
        residues = round(rate * self._job.total_residues / computed, 1)
        return {"items_per_second": round(rate, 3), "residues_per_second": residues}

    @property
    def eta_seconds(self) -> float | None:
        if self._job.state != JobState.RUNNING or self.stage == WRITING:
            return None
        # Items are put together at a rate of their own, which is known once some are.
        rate = progress.job_rate(self._job) if self.stage == ASSEMBLING else self.rate
        return round(self.steps.left / rate, 1) if rate else None

    @cached_property
    def queue(self) -> QueuePlace | None:
        """The job's place in the order of expected starts, and the reason for it."""
        if self._job.state not in (JobState.QUEUED, JobState.RUNNING, JobState.PAUSED):
            return None
        return queue_place(self._job)

    @property
    def failures(self) -> list[dict[str, Any]]:
        return selectors.job_failures(self._job) if self.counts["failed"] or self.counts["skipped"] else []

    @property
    def provenance(self) -> list[dict[str, Any]]:
        return progress.job_engines(self._job, self._sums)


def present_item(item: Item, *, of_variants: bool = False) -> dict[str, Any]:
    """Return a record of the input with its state, and with the reasons if it failed or was skipped.

    Items of a job of variants have a `variant` too.
    """
    body: dict[str, Any] = {
        "index": item.index,
        "name": item.name,
        "header": item.header,
        "line": item.line,
        "residues": len(item.sequence),
        "state": getattr(item, "state"),  # noqa: B009 - an annotation of the query, not a field
    }
    if of_variants:
        body["variant"] = item.sequence
    if item.error_code is not None:
        body["code"] = item.error_code
        body["reason"] = item.error[0]["message"] if item.error else item.error_code
        body["errors"] = item.error or []
    return body
