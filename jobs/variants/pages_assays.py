"""Measurements and structures on pages: forms, and what becomes of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import numpy as np
from django.core.paginator import Page, Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from jobs.errors import NotFound, ServiceError
from jobs.limits import MAX_ASSAY_BYTES, PAGE_ROWS
from jobs.queue import progress
from jobs.science.variants.overlays import Point
from jobs.variants.api import assay_body
from jobs.variants.assays import SCORED, assay_add, assay_of, assays_of, labelled
from jobs.web.access import own_job_with_rows, page
from jobs.web.links import changed
from jobs.web.numbers import form_number
from jobs.web.rest.forms import file_of

PLACES = ("file", "variant_column", "value_column", "offset", "item", "chain")


def by_place(error: ServiceError | None) -> dict[str, Any]:
    """Problems by the field that they are about; those of single names apart."""
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
    """A job's assays, and the form for another."""
    job = own_job_with_rows(request, job_id)
    if job.action not in SCORED:
        raise Http404(f"job {job_id} has no scores of variants")
    data: Any = request.POST
    error: ServiceError | None = None
    if request.method == "POST":
        try:
            content, name = file_of(request.FILES, MAX_ASSAY_BYTES)
            made = assay_add(
                job=job,
                data=content,
                name=name,
                item_index=form_number(data, "item", low=0) or 0,
                offset=form_number(data, "offset"),
                variant_column=data.get("variant_column", ""),
                value_column=data.get("value_column", ""),
            )
            return redirect("assay-page", job.pk, made.pk)
        except ServiceError as refused:
            error = refused
    context = {
        "job": job,
        "assays": labelled(assays_of(job)),
        "asked": data or {"offset": job.params.get("offset", 0), "item": request.GET.get("item", 0)},
        "several": job.action == "scan" and job.total_items > 1,
        **by_place(error),
    }
    return render(request, "jobs/variants/assays.html", context, status=error.status_code if error else 200)


@page
@require_safe
def assay_page(request: HttpRequest, job_id: UUID, assay_id: int) -> HttpResponse:
    """Measurements over scores: the picture, the metrics, and how the names map."""
    job = own_job_with_rows(request, job_id)
    try:
        assay = assay_of(job, assay_id)
    except NotFound as missing:
        raise Http404(missing.detail) from missing
    body = assay_body(assay)
    order = request.GET.get("sort", "")
    points: Sequence[Point] = body["points"]
    numbers = [one.measured if order == "measured" else one.score for one in points]
    best = np.argsort(-np.array(numbers), kind="stable").tolist()
    found: Page[int] = Paginator(best, PAGE_ROWS).get_page(request.GET.get("page", "1"))
    context = {
        "job": job,
        "assay": body,
        "points": [points[at] for at in found],
        "page": found,
        "sort": order,
        "open": "page" in request.GET or "sort" in request.GET,
        "others": [(one, label) for one, label in labelled(assays_of(job)) if one.pk != assay.pk],
        "left": progress.job_counts(job)["pending"],
        "links": {
            "previous": changed(request.GET, page=found.number - 1) + "#table-view",
            "next": changed(request.GET, page=found.number + 1) + "#table-view",
            "score": changed(request.GET, sort="score", page=None) + "#table-view",
            "measured": changed(request.GET, sort="measured", page=None) + "#table-view",
        },
    }
    return render(request, "jobs/variants/assay.html", context)
