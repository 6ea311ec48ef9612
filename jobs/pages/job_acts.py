"""The buttons on the page of a job: which a user has now, and what each does."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from jobs.background.artefacts import artefact_request, artefact_retry
from jobs.errors import ServiceError
from jobs.library import selectors
from jobs.library.sharing import Right
from jobs.models import Job
from jobs.models.states import JobState, WorkState
from jobs.pages.labels import LABELS, labelled
from jobs.queue import dispatch as queue
from jobs.queue import lifecycle
from jobs.queue.expected import can_be_released
from jobs.results.retention import job_keep
from jobs.templatetags.moments import size
from jobs.web.access import open_job, page, sent_from, user_of

RIGHTS = {
    "rename": Right.EDIT,
    "move": Right.EDIT,
    "tag": Right.EDIT,
    "archive": Right.EDIT,
    "unarchive": Right.EDIT,
    "cancel": Right.EDIT,
    "pause": Right.EDIT,
    "resume": Right.EDIT,
    # These are charged to the owner, cannot be undone, or change what the numbers are.
    "release": Right.OWN,
    "retry": Right.OWN,
    "keep": Right.OWN,
    "delete": Right.OWN,
    # A file of results is a download.
    "build-h5": Right.VIEW,
}
"""The right that each button needs."""


def possible_acts(job: Job, counts: Mapping[str, int], right: Right) -> dict[str, bool]:
    """Return which buttons the job and the user's right allow now."""
    over = job.state in JobState.final()
    states = {
        "cancel": not over and job.state not in (JobState.VALIDATING, JobState.CANCELLING),
        "pause": job.state in JobState.claimable(),
        "resume": job.state == JobState.PAUSED,
        "release": can_be_released(job),
        "retry": over and counts["failed"] > 0 and job.state != JobState.EXPIRED,
        "keep": bool(settings.E1_RETENTION_DAYS) and job.expires_at is not None and job.state != JobState.EXPIRED,
        "delete": job.state != JobState.VALIDATING,
        "rename": True,
    }
    return {act: possible and right >= RIGHTS[act] for act, possible in states.items()}


def _act(job: Job, act: str, name: str, by: User) -> str:
    """Do what the button `act` means for a user, and return a sentence about it; "" if there is no such button."""
    match act:
        case "rename":
            lifecycle.job_rename(job_id=job.pk, name=name)
            said = "The job has its new name."
        case "retry":
            count = lifecycle.job_retry(job_id=job.pk)
            said = f"{count} failed item{'s are' if count > 1 else ' is'} queued again."
        case "resume":
            lifecycle.job_resume(job_id=job.pk)
            said = "The job goes on."
        case "release":
            lifecycle.job_release(job_id=job.pk)
            said = "Workers of any precision may compute the rest."
        case "pause":
            lifecycle.job_pause(job_id=job.pk)
            said = "The job pauses: what is being computed finishes, nothing new starts."
        case "cancel":
            lifecycle.job_cancel(job_id=job.pk)
            said = "The job is cancelled. Finished results stay."
        case "delete":
            freed = lifecycle.job_delete(job_id=job.pk)
            which = job.name or f"Job {job.pk.hex[:8]}"
            said = f"{which} is deleted, with its results: {size(freed)} of your storage are free again."
        case "keep":
            job_keep(job_id=job.pk)
            said = f"The results stay for {settings.E1_RETENTION_DAYS} days from now."
        case "build-h5":
            artefact = artefact_request(job=job, kind="h5", by=by)
            if artefact.state == WorkState.FAILED:
                artefact_retry(artefact)
            said = "The HDF5 file is being built; its link appears below."
        case _:
            said = ""
    if act in ("retry", "resume", "release"):
        queue.dispatch_quietly(job.model)
    return said


@page
@sent_from("job-page", "job_id")
def job_act(request: HttpRequest, job_id: UUID) -> HttpResponse:
    """Do what a button of the page means, and redirect to the page with a sentence about it."""
    act = request.POST.get("do", "")
    job = open_job(request, job_id, RIGHTS.get(act, Right.EDIT))
    try:
        name = request.POST.get("name", "").strip()
        said = labelled(request, job, act) if act in LABELS else _act(job, act, name, user_of(request))
    except ServiceError as error:
        messages.add_message(request, messages.ERROR, error.sentence, "problem")
    else:
        if said:
            messages.add_message(request, messages.SUCCESS, said, "notice")
    if selectors.jobs_open_to(user_of(request)).filter(pk=job_id).exists():
        return redirect("job-page", job_id)
    return redirect("job-list-page")
