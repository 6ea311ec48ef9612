"""Rows as the JSON that outsiders rely on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.urls import reverse

from e1protocol import MODELS
from jobs.attribution import attribution
from jobs.files.pieces import iso
from jobs.library import selectors
from jobs.models import Item, Job
from jobs.models.states import JobState
from jobs.queue import progress
from jobs.queue.progress import ChunkSum

LINKS = ("events", "items", "results", "manifest", "ledger", "cancel", "pause", "resume", "retry", "extend", "keep")
CHUNK_STATES = ("ready", "leased", "done", "failed", "cancelled")


def present_job(job: Job, sums: Sequence[ChunkSum] | None = None, *, whole: bool = True) -> dict[str, Any]:
    """A job; `whole` adds what takes further queries (rates, reasons, engines)."""
    if sums is None:
        sums = progress.chunk_sums([job.pk]).get(job.pk, [])
    counts = progress.job_counts(job, sums)
    url = reverse("job-detail", args=[job.pk])
    body: dict[str, Any] = {
        "id": str(job.pk),
        "url": url,
        "name": job.name,
        "model": job.model,
        "action": job.action,
        "params": job.params,
        "state": job.state,
        "interactive": job.interactive,
        "on_invalid": job.on_invalid,
        "created_at": iso(job.created_at),
        "started_at": iso(job.started_at),
        "finished_at": iso(job.finished_at),
        "expires_at": iso(job.expires_at),
        "stored_bytes": job.stored_bytes,
        "freed_bytes": job.kept.get("freed_bytes"),
        "counts": counts,
        "finished": counts["total"] - counts["pending"] - counts["cancelled"],
        "chunks": {
            "total": sum(one.chunks for one in sums),
            **{state: sum(one.chunks for one in sums if one.state == state) for state in CHUNK_STATES},
        },
        "cleaning": job.cleaning,
        "warnings": job.warnings,
        "demonstration": MODELS[job.model].demonstration,
        "attribution": attribution(MODELS[job.model]),
        "links": {
            "self": url,
            "page": reverse("job-page", args=[job.pk]),
            **{name: reverse(f"job-{name}", args=[job.pk]) for name in LINKS},
        },
    }
    if job.total_units:
        body["units"] = {"done": progress.units_done(job), "total": job.total_units}
    if whole:
        body.update(_progress(job, counts))
        body["failures"] = selectors.job_failures(job) if counts["failed"] or counts["skipped"] else []
        body["provenance"] = progress.job_engines(job, sums)
    return body


def _progress(job: Job, counts: Mapping[str, int]) -> dict[str, Any]:
    """Rate, time to go and queue position; null where there is nothing true to say."""
    if job.total_units:
        return _unit_progress(job)
    finished = counts["succeeded"] + counts["failed"]
    rate = progress.job_rate(job) if job.state == JobState.RUNNING else progress.job_mean_rate(job, finished)
    computed = counts["total"] - counts["skipped"]
    throughput = None
    if rate is not None and computed:
        throughput = {
            "items_per_second": round(rate, 3),
            "residues_per_second": round(rate * job.total_residues / computed, 1),
        }
    return {
        "throughput": throughput,
        "eta_seconds": round(counts["pending"] / rate, 1) if rate and job.state == JobState.RUNNING else None,
        "queue": _queue(job),
    }


def _unit_progress(job: Job) -> dict[str, Any]:
    """The same where items are made of work units: those are what the time goes into."""
    rate = progress.units_per_second(job) if job.state == JobState.RUNNING else None
    left = job.total_units - progress.units_done(job)
    return {
        "throughput": {"units_per_second": round(rate, 3)} if rate else None,
        "eta_seconds": round(left / rate, 1) if rate else None,
        "queue": _queue(job),
    }


def _queue(job: Job) -> dict[str, Any] | None:
    """The job's place among those that wait or are computed, and why it is there."""
    if job.state not in (JobState.QUEUED, JobState.RUNNING, JobState.PAUSED):
        return None
    position = progress.queue_position(job)
    return {"position": position, "reason": progress.queue_reason(job, position)}


def present_item(item: Item) -> dict[str, Any]:
    """One record of the input with its state; a failed or skipped one with its reasons."""
    body: dict[str, Any] = {
        "index": item.index,
        "name": item.name,
        "header": item.header,
        "line": item.line,
        "residues": len(item.sequence),
        "state": getattr(item, "state"),  # noqa: B009 - an annotation of the query, not a field
    }
    if item.error_code is not None:
        body["code"] = item.error_code
        body["reason"] = item.error[0]["message"] if item.error else item.error_code
        body["errors"] = item.error or []
    return body
