"""The page that compares two runs of the same parent, and its table as a file."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import UUID

import numpy as np
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_safe

from jobs.errors import ServiceError
from jobs.files.lines import BOM, csv_head
from jobs.files.names import attachment
from jobs.files.pieces import in_blocks, text_cell
from jobs.models import Job
from jobs.parsing.numbers import whole
from jobs.results.export.names import job_file
from jobs.variants.comparisons import Side, compare, described, facts_of, others_of, rows_of, second_side
from jobs.web.access import open_job_with_rows, page, user_of
from jobs.web.links import changed, paged

SORTS = {"difference": "Largest difference first", "first": "Best in the first run", "second": "Best in the second run"}
HEADS = ("variant", "first", "second", "difference")


def sides_of(request: HttpRequest, job: Job) -> tuple[Side, Side | None]:
    """Return the job's run and the one that the address names: `?item=0&with=ID&with_item=0`, or `with=ID.ITEM`."""
    first = Side(job, whole(request.GET.get("item")) or 0)
    text, _, item = request.GET.get("with", "").partition(".")
    second = second_side(user_of(request), text, whole(item) or whole(request.GET.get("with_item")) or 0)
    return first, second


@page
@require_safe
def comparison_page(request: HttpRequest, job_id: UUID) -> HttpResponse:
    """Show the choice of the other run, and the comparison once it is chosen."""
    job = open_job_with_rows(request, job_id)
    first, second = sides_of(request, job)
    sort = request.GET.get("sort", "")
    context: dict[str, Any] = {"job": job, "first": first, "second": second, "sorts": SORTS}
    try:
        others = list(others_of(user_of(request), first))
        context |= {"others": [(f"{one.pk}.{index}", words) for one, index, words in others]}
        if second is not None:
            context |= _compared(request, first, second, sort if sort in SORTS else "difference")
    except ServiceError as error:
        context["refused"] = error
    if second is not None:
        context |= {"chosen": f"{second.job.pk}.{second.item}", "first_words": described(first)}
        context |= {"second_words": described(second)}
    return render(request, "jobs/variants/comparison.html", context)


def _compared(request: HttpRequest, first: Side, second: Side, sort: str) -> dict[str, Any]:
    found = compare(first, second)
    keys = {"difference": -np.abs(found.difference), "first": -found.first, "second": -found.second}
    rows = list(rows_of(found, first.job.params))
    order = np.argsort(keys[sort], kind="stable").tolist()
    shown, links = paged(request.GET, order, anchor="#table-view")
    asked = {"item": first.item, "with": second.job.pk, "with_item": second.item}
    query = "&".join(f"{name}={value}" for name, value in asked.items())
    return {
        "found": facts_of(found),
        "rows": [rows[at] for at in shown],
        "page": shown,
        "links": links
        | {name: changed(request.GET, sort=name, page=None) + "#table-view" for name in SORTS}
        | {"csv": f"{reverse('comparison-csv', args=[first.job.pk])}?{query}"}
        | {"data": f"{reverse('job-comparison', args=[first.job.pk])}?{query}"},
        "sort": sort,
        "open": "page" in request.GET or "sort" in request.GET,
    }


@page
@require_safe
def comparison_csv(request: HttpRequest, job_id: UUID) -> HttpResponseBase:
    """Send every variant with both scores and their difference."""
    job = open_job_with_rows(request, job_id)
    first, second = sides_of(request, job)
    back = redirect(reverse("comparison-page", args=[job.pk]) + changed(request.GET))
    if second is None:
        return back
    try:
        found = compare(first, second)
    except ServiceError:
        return back  # The page says why.

    def lines() -> Iterator[bytes]:
        yield BOM
        yield csv_head(HEADS)
        for row in rows_of(found, job.params):
            cells = (text_cell(row["variant"]), *(f"{row[name]:.6g}" for name in HEADS[1:]))
            yield (",".join(cells) + "\n").encode()

    response = StreamingHttpResponse(in_blocks(lines()), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = attachment(job_file(job, "comparison", suffix="csv"))
    return response
