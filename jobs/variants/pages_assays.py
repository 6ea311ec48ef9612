"""Pages of the measurements that are compared with scores."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import numpy as np
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from jobs.actions import SCORERS, Scan, get_action
from jobs.actions.item_keys import VariantKeys
from jobs.contexts.shared import contexts_of_job
from jobs.errors import ServiceError
from jobs.library.selectors import parent_of
from jobs.models import Job
from jobs.parsing.left_out import left_out_facts
from jobs.parsing.numbers import decimal, whole
from jobs.queue.progress import job_counts
from jobs.science.variants.numbering import SEQUENTIAL
from jobs.science.variants.numbering_forms import described, numbering_of, texts_of
from jobs.science.variants.overlays import Point
from jobs.variants.api import assay_body, assay_upload
from jobs.variants.assays import assay_of, assays_of, labelled, numbering_of_assay
from jobs.variants.baselines import baselines_of
from jobs.variants.comparisons import Side, others_of, second_side
from jobs.variants.judged import judged, judgement_body
from jobs.web.access import open_job_with_rows, page, user_of
from jobs.web.links import changed, paged

PLACES = ("file", "sheet", "variant_column", "value_column", "offset", "numbering", "item", "chain")


def problems_by_field(error: ServiceError | None) -> dict[str, Any]:
    """Return problems by the field that they are about, and those of single records apart."""
    fields: dict[str, Any] = {}
    records: list[Any] = []
    for problem in error.problems if error else ():
        if problem.record is not None:
            records.append(problem)
        else:
            fields.setdefault(problem.path if problem.path in PLACES else "file", []).append(problem)
    return {"refused": error, "fields": fields, "records": records}


@page
@require_http_methods(["GET", "HEAD", "POST"])
def assay_list(request: HttpRequest, job_id: UUID) -> HttpResponse:
    """Show a job's assays, and the form for another."""
    job = open_job_with_rows(request, job_id)
    if job.action not in SCORERS:
        raise Http404(f"job {job_id} has no scores of variants")
    data: Any = request.POST
    error: ServiceError | None = None
    if request.method == "POST":
        try:
            made = assay_upload(job, user_of(request), data, request.FILES, first=1)
            return redirect("assay-page", job.pk, made.pk)
        except ServiceError as refused:
            error = refused
    context = {
        "job": job,
        "assays": [(one, label, described(numbering_of_assay(one))) for one, label in labelled(assays_of(job))],
        "asked": data or {**_numbering_of(job), "item": request.GET.get("item", 1)},
        "several": not get_action(job.action).takes_variants and job.total_items > 1,
        **problems_by_field(error),
    }
    return render(request, "jobs/variants/assays.html", context, status=error.status_code if error else 200)


def _numbering_of(job: Job) -> dict[str, str]:
    """Return the text fields of the job's own numbering."""
    return dict(zip(("offset", "skip", "labels"), texts_of(numbering_of(job.params)), strict=True))


@page
@require_safe
def assay_page(request: HttpRequest, job_id: UUID, assay_id: int) -> HttpResponse:
    """Show measurements beside scores: the picture, the metrics, and how the names map."""
    job = open_job_with_rows(request, job_id)
    assay = assay_of(job, assay_id)
    body = assay_body(assay)
    numbering = numbering_of_assay(assay)
    keys = VariantKeys(parent_of(job, assay.item_index), numbering) if numbering != SEQUENTIAL else None
    order = request.GET.get("sort", "")
    threshold = decimal(request.GET.get("threshold"))
    baselines = baselines_of(user_of(request), parent_of(job, assay.item_index), request.GET.get("alignment", ""))
    side = Side(job, assay.item_index)
    runs = [(f"{other.pk}.{index}", words) for other, index, words in others_of(user_of(request), side)]
    text, _, item = request.GET.get("with", "").partition(".")
    other = second_side(user_of(request), text, whole(item) or 0) if request.GET.get("with") in dict(runs) else None
    points: Sequence[Point] = body["points"]
    numbers = [one.measured if order == "measured" else one.score for one in points]
    best = np.argsort(-np.array(numbers), kind="stable").tolist()
    found, links = paged(request.GET, best, anchor="#table-view")
    context = {
        "job": job,
        "shared": contexts_of_job(job, user_of(request)),
        "assay": body,
        "item": assay.item_index,
        "mapped": job.action == Scan.name,
        "numbering": described(numbering),
        "points": [(points[at], keys.texts(points[at].variant)[1] if keys else "") for at in found],
        "numbered": keys is not None,
        "page": found,
        "left_out": left_out_facts(body["counts"]["left_out"]),
        "sort": order,
        "baselines": baselines,
        "judged": judgement_body(judged(assay, baselines, threshold=threshold, other=other), threshold)
        if points
        else None,
        "runs": runs,
        "chosen_run": request.GET.get("with", ""),
        "threshold": request.GET.get("threshold", ""),
        "threshold_wrong": threshold is None and bool(request.GET.get("threshold", "").strip()),
        "open": "page" in request.GET or "sort" in request.GET,
        "others": [(one, label) for one, label in labelled(assays_of(job)) if one.pk != assay.pk],
        "left": job_counts(job)["pending"],
        "links": links
        | {
            "score": changed(request.GET, sort="score", page=None) + "#table-view",
            "measured": changed(request.GET, sort="measured", page=None) + "#table-view",
        },
    }
    return render(request, "jobs/variants/assay.html", context)
