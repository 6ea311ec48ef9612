"""The page of one job: its settings, progress, problems and results, and the buttons that change it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from e1protocol import MODELS
from jobs.actions import ACTIONS
from jobs.api.presenters import present_item, present_job
from jobs.contexts.selectors import context_runs
from jobs.contexts.shared import shared_contexts
from jobs.library import selectors
from jobs.library.sharing import Right, projects_open_to, right_on
from jobs.maps.params import keeps_means
from jobs.models import Job
from jobs.models.states import ArtefactState, ItemState, JobState
from jobs.operations.health import trouble_of
from jobs.pages.commands import commands_of
from jobs.pages.downloads import downloads_of
from jobs.pages.items import RESULT_PAGES, result_fragment
from jobs.pages.job_acts import possible_acts
from jobs.pages.job_facts import param_facts, sentence_parts
from jobs.pages.outcome import outcome_of
from jobs.parsing.left_out import cleaned_of, counts_by_kind, left_out_facts
from jobs.queue.progress import job_counts, results_fingerprint
from jobs.results.export.names import job_file
from jobs.variants.likelihoods import is_ranked
from jobs.web.access import open_job, page, user_of
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
    job = open_job(request, job_id)
    if (part := _part(request, job)) is not None:
        return part
    body = _body(job)
    right = right_on(job, user_of(request))
    context = _live(job, body, user_of(request)) | _files(job, body) | _outcome(request, job)
    first_context = selectors.first_context(job)
    runs = context_runs(user_of(request), job.params.get("contexts", ()))
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
        "own": right == Right.OWN,
        "public_links": settings.E1_PUBLIC_LINKS and job.state in JobState.final() and job.state != JobState.EXPIRED,
        "project": projects_open_to(user_of(request)).filter(pk__in=[job.project_id] if job.project_id else []).first(),
        "projects": projects_open_to(user_of(request), Right.EDIT).order_by("name"),
        "tags": ", ".join(job.tags),
    }
    return render(request, "jobs/pages/job.html", context | more)


def _body(job: Job) -> dict[str, Any]:
    """Return the job as REST presents it, and whether the user may change it."""
    return {**present_job(job), "may_edit": job.may_edit}


def _part(request: HttpRequest, job: Job) -> HttpResponse | None:
    """Return the part of the page that htmx asks for, or None if it asks for the page."""
    match request.headers.get("HX-Target", ""):
        case "live":
            return fragment(request, "jobs/pages/_job_live.html", _live(job, _body(job), user_of(request)))
        case "files":
            return fragment(request, "jobs/pages/_job_files.html", _files(job, _body(job)))
        case "outcome":
            # Its forms have a token that changes, so the digest is that of the results.
            found = _outcome(request, job)
            if request.headers.get("E1-Seen") == found["seen"]:
                return HttpResponse(status=204)
            answer = render(request, "jobs/pages/_job_outcome.html", {"job": _body(job), **found})
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


def _live(job: Job, body: dict[str, Any], user: User) -> dict[str, Any]:
    """Return what changes while the job runs, for this user. `body` is the job as REST presents it."""
    expired = job.state == JobState.EXPIRED
    final = job.state in JobState.final()
    runs = context_runs(user, job.params.get("contexts", ())) if final else ()
    return {
        "job": body,
        "final": final,
        "sentence": ", ".join(sentence_parts(body, shared_contexts(runs))),
        "waiting": job.state in JobState.claimable(),
        "trouble": trouble_of([job.model] if job.state in JobState.claimable() else []),
        "can": possible_acts(job, body["counts"], right_on(job, user)),
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
