"""The page of one job: its settings, progress, problems and results, and the buttons that change it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_safe

from e1protocol import MODELS
from jobs.actions import ACTIONS
from jobs.api.presenters import present_item, present_job
from jobs.background.artefacts import artefact_request, artefact_retry
from jobs.contexts.selectors import context_runs
from jobs.contexts.shared import shared_contexts
from jobs.errors import ServiceError
from jobs.library import selectors
from jobs.maps.params import keeps_means
from jobs.models import Job
from jobs.models.states import ArtefactState, ItemState, JobState, WorkState
from jobs.operations.health import trouble_of
from jobs.pages.commands import commands_of
from jobs.pages.downloads import downloads_of
from jobs.pages.items import RESULT_PAGES, result_fragment
from jobs.pages.job_facts import param_facts, sentence_parts
from jobs.pages.outcome import outcome_of
from jobs.parsing.left_out import cleaned_of, counts_by_kind, left_out_facts
from jobs.queue import dispatch as queue
from jobs.queue import lifecycle
from jobs.queue.progress import job_counts, results_fingerprint
from jobs.results.export.names import job_file
from jobs.results.retention import job_keep
from jobs.templatetags.moments import size
from jobs.variants.likelihoods import is_ranked
from jobs.web.access import own_job, page, sent_from, user_of
from jobs.web.addresses import base_address
from jobs.web.fragments import fragment

LISTED = 5
"""Failed and skipped items that the job's page lists; the page of items lists all."""

CLEANED = {
    "spaces": "space inside a sequence",
    "line_ends": "unusual line end",
    "lower_case": "lower-case letter",
    "trailing_star": "asterisk at the end of a sequence",
    "notation": "variant in another notation",
}
"""What the parser cleans, in words (docs/input-rules.md)."""


@page
@require_safe
def job_page(request: HttpRequest, job_id: UUID) -> HttpResponse:
    """Show the page; htmx gets only its live part."""
    job = own_job(request, job_id)
    if (part := _part(request, job)) is not None:
        return part
    body = present_job(job)
    context = _live(job, body) | _files(job, body) | _outcome(request, job)
    first_context = selectors.first_context(job)
    runs = context_runs(job.owner, job.params.get("contexts", ()))
    base = base_address(request)
    more = {
        # The first item has the context that the job shares. Other contexts are in the library's own lines.
        "commands": commands_of(job, base=base, context=bool(first_context), runs=runs),
        "params": list(param_facts(job.params)),
        "contexts": shared_contexts(runs),
        "cleaned": [(CLEANED.get(what, what), count) for what, count in cleaned_of(job.cleaning).items()],
        "left_out": left_out_facts(counts_by_kind(job.cleaning)),
        "first_context": first_context,
        "model_title": MODELS[job.model].title,
        "summary": ACTIONS[job.action].summary,
    }
    return render(request, "jobs/pages/job.html", context | more)


def _part(request: HttpRequest, job: Job) -> HttpResponse | None:
    """Return the part of the page that htmx asks for, or None if it asks for the page."""
    match request.headers.get("HX-Target", ""):
        case "live":
            return fragment(request, "jobs/pages/_job_live.html", _live(job, present_job(job)))
        case "files":
            return fragment(request, "jobs/pages/_job_files.html", _files(job, present_job(job)))
        case "outcome":
            # Its forms have a token that changes, so the digest is that of the results.
            found = _outcome(request, job)
            if request.headers.get("E1-Seen") == found["seen"]:
                return HttpResponse(status=204)
            answer = render(request, "jobs/pages/_job_outcome.html", {"job": present_job(job), **found})
            answer["E1-Digest"] = found["seen"]
            return answer
        case "":
            return None
    # A part of the picture of the only item.
    item = selectors.item_of(job, 0) if job.total_items == 1 and job.state != JobState.EXPIRED else None
    return result_fragment(request, job, item) if item is not None else None


def _outcome(request: HttpRequest, job: Job) -> dict[str, Any]:
    """Return what is known of the results: nothing until the job is closed."""
    closed = job.state in JobState.final() and job.state != JobState.EXPIRED
    shown = RESULT_PAGES.get(job.action)
    found = {
        "seen": f"{job.state}-{results_fingerprint(job)[:16]}" if closed else "open",
        "closed": closed,
        "shown": shown,
        "mapped": keeps_means(job),
        "script": shown.script if shown is not None and job.total_items <= 1 else "",
    }
    if closed and job_counts(job)["succeeded"]:
        found |= {"outcome": True, **outcome_of(request, job)}
    return found


def _live(job: Job, body: dict[str, Any]) -> dict[str, Any]:
    """Return what changes while the job runs. `body` is the job as REST presents it."""
    expired = job.state == JobState.EXPIRED
    final = job.state in JobState.final()
    runs = context_runs(job.owner, job.params.get("contexts", ())) if final else ()
    return {
        "job": body,
        "final": final,
        "sentence": ", ".join(sentence_parts(body, shared_contexts(runs))),
        "waiting": job.state in JobState.claimable(),
        "trouble": trouble_of([job.model] if job.state in JobState.claimable() else []),
        "can": _possible(job, body["counts"]),
        "manifest_name": job_file(job, "manifest", suffix="json"),
        "expired": expired,
        "expires_soon": job.expires_at is not None and job.expires_at < timezone.now() + warning_time(),
        "retention_days": settings.E1_RETENTION_DAYS,
    }


def _files(job: Job, body: dict[str, Any]) -> dict[str, Any]:
    """Return the downloads, and what did not succeed."""
    expired = job.state == JobState.EXPIRED
    downloads = [] if expired else downloads_of(job, body["counts"])
    return {
        "job": body,
        "final": job.state in JobState.final(),
        "expired": expired,
        "examples": {
            state: [present_item(item) for item in selectors.items_in_state(selectors.items_of(job), state)[:LISTED]]
            for state in (ItemState.FAILED, ItemState.SKIPPED)
            if body["counts"][state] and not expired
        },
        "downloads": downloads,
        "of_variants": ACTIONS[job.action].takes_variants,
        "manifest_name": job_file(job, "manifest", suffix="json"),
        "ranked": is_ranked(job),
        "mapped": keeps_means(job),
        "building": any(one.build in (ArtefactState.WAITING, ArtefactState.BUILDING) for one in downloads),
    }


def warning_time() -> timedelta:
    """Return how long before the expiry a page warns: a week, or a quarter of a short term."""
    return min(timedelta(days=7), timedelta(days=settings.E1_RETENTION_DAYS) / 4)


def _possible(job: Job, counts: dict[str, int]) -> dict[str, bool]:
    """Return which buttons the job allows now."""
    over = job.state in JobState.final()
    return {
        "cancel": not over and job.state not in (JobState.VALIDATING, JobState.CANCELLING),
        "pause": job.state in JobState.claimable(),
        "resume": job.state == JobState.PAUSED,
        "retry": over and counts["failed"] > 0 and job.state != JobState.EXPIRED,
        "keep": bool(settings.E1_RETENTION_DAYS) and job.expires_at is not None and job.state != JobState.EXPIRED,
        "delete": job.state != JobState.VALIDATING,
    }


def _act(job: Job, act: str, name: str) -> str:
    """Do what the button `act` means, and return a sentence about it; "" if there is no such button."""
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
            artefact = artefact_request(job=job, kind="h5")
            if artefact.state == WorkState.FAILED:
                artefact_retry(artefact)
            said = "The HDF5 file is being built; its link appears below."
        case _:
            said = ""
    if act in ("retry", "resume"):
        queue.dispatch_quietly(job.model)
    return said


@page
@sent_from("job-page", "job_id")
def job_act(request: HttpRequest, job_id: UUID) -> HttpResponse:
    """Do what a button of the page means, and redirect to the page with a sentence about it."""
    job = own_job(request, job_id)
    try:
        said = _act(job, request.POST.get("do", ""), request.POST.get("name", "").strip())
    except ServiceError as error:
        messages.add_message(request, messages.ERROR, error.sentence, "problem")
    else:
        if said:
            messages.add_message(request, messages.SUCCESS, said, "notice")
    if selectors.jobs_of(user_of(request)).filter(pk=job_id).exists():
        return redirect("job-page", job_id)
    return redirect("job-list-page")
