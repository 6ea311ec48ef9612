"""The names of jobs that were submitted without one."""

from __future__ import annotations

from jobs.actions.titles import job_title, subject_of
from jobs.intake.ingest import Request
from jobs.models import Item, Job


def title_of(job: Job, subject: str, first: str | None = None) -> str:
    """Return the name that the job gives itself, from the records that it has.

    `first` is the name of the first one, if the caller has it.
    """
    if first is None:
        first = Item.objects.filter(job=job, index=0).values_list("name", flat=True).first() or ""
    counts = {"items": job.total_items, "residues": job.total_residues}
    return job_title(job.action, job.params, subject=subject, first=first, **counts)


def job_name_itself(job: Job, request: Request) -> None:
    """Name the job after its task and its protein or file, unless the request or somebody meanwhile named it."""
    if not request.name:
        Job.objects.filter(pk=job.pk, name=request.subject).update(name=title_of(job, request.subject))


def title_after(job: Job, added: Job) -> str:
    """Return the job's name once it has the items of `added`; one that it did not give itself stays."""
    subject = subject_of(job.action, job.name)
    if job.name != title_of(job, subject):
        return job.name
    first = Item.objects.filter(job=job, index=0).values_list("name", flat=True).first() or ""
    items, residues = job.total_items + added.total_items, job.total_residues + added.total_residues
    # The only record named the job, and no longer is the only one.
    subject = "" if job.total_items == 1 else subject
    return job_title(job.action, job.params, subject=subject, first=first, items=items, residues=residues)
