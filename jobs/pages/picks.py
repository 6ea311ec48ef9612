"""Selected items of a job as FASTA, CSV or the library of a new job; and the neighbours of one item."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_safe

from jobs.api.presenters import present_item
from jobs.errors import InvalidInput, NotFound, ServiceError
from jobs.files.names import attachment
from jobs.files.pieces import text_cell
from jobs.library.sharing import Right
from jobs.limits import MAX_JOB_NAME
from jobs.maps.params import check_layer, keeps_means
from jobs.maps.services import comparable_jobs, library_of
from jobs.maps.similar import similar_to, vector_of_item
from jobs.models import Item, Job
from jobs.pages.items import own_item
from jobs.pages.new_job.form import Asked
from jobs.pages.new_job.page import form_page
from jobs.pages.new_job.variants import short_name
from jobs.parsing.numbers import whole
from jobs.results.export.names import job_file
from jobs.web.access import open_job, page, sent_from, user_of

MOST_NEW = 5_000
"""Selected items that fit into the form for a new job as text; more need a file."""
PAGE = 2_000
COUNTS = (10, 20, 50, 100)


@page
@sent_from("map-page", "job_id")
def picks_act(request: HttpRequest, job_id: UUID) -> HttpResponseBase:
    """Return the items in `indices` (comma-separated) and `pick` (one each) as `do` tells: fasta, csv or new."""
    job = open_job(request, job_id, Right.VIEW)
    act = request.POST.get("do", "")
    try:
        indices = _indices(request, job)
        if act == "new":
            return _new_job(request, job, indices)
    except ServiceError as error:
        remedy = error.problems[0].remedy if error.problems else ""
        messages.add_message(request, messages.ERROR, f"{error.detail}. {remedy}", "problem")
        return redirect("map-page", job_id)
    kind = "csv" if act == "csv" else "fasta"
    blocks = _csv(job, indices) if kind == "csv" else _fasta(job, indices)
    content_type = "text/csv; charset=utf-8" if kind == "csv" else "text/x-fasta; charset=utf-8"
    headers = {"Content-Disposition": attachment(job_file(job, "picked", suffix=kind))}
    return StreamingHttpResponse(blocks, content_type=content_type, headers=headers)


def _indices(request: HttpRequest, job: Job) -> list[int]:
    words = [*request.POST.get("indices", "").split(","), *request.POST.getlist("pick")]
    picked = sorted({at for word in words if (at := whole(word, high=job.total_items - 1)) is not None})
    if not picked:
        remedy = "Tick items in the table, or draw around them in the map."
        raise InvalidInput.one("nothing_picked", "Nothing is picked", remedy)
    return picked


def _items(job: Job, indices: list[int]) -> Iterator[Item]:
    for at in range(0, len(indices), PAGE):
        yield from Item.objects.filter(job=job, index__in=indices[at : at + PAGE]).order_by("index")


def _fasta(job: Job, indices: list[int]) -> Iterator[str]:
    for item in _items(job, indices):
        header = (item.header or item.name).replace("\n", " ")
        yield f">{header}\n{item.sequence}\n"


def _csv(job: Job, indices: list[int]) -> Iterator[str]:
    yield "\ufeffindex,name,residues,sequence\n"  # Excel recognises UTF-8 by the mark
    for item in _items(job, indices):
        yield f"{item.index},{text_cell(item.name)},{len(item.sequence)},{text_cell(item.sequence)}\n"


def _new_job(request: HttpRequest, job: Job, indices: list[int]) -> HttpResponse:
    if len(indices) > MOST_NEW:
        remedy = "Download them as FASTA, and submit that file."
        raise InvalidInput.one(
            "too_many_picked", f"{len(indices):,} items are picked; the form takes {MOST_NEW:,}", remedy
        )
    asked = Asked(user_of(request), model=job.model, action=job.action, on_invalid=job.on_invalid)
    asked.fill(job.params)
    asked.name = f"{len(indices):,} of {short_name(job)}"[:MAX_JOB_NAME]
    asked.sequences = "".join(_fasta(job, indices))
    return form_page(request, asked)


@page
@require_safe
def neighbours_page(request: HttpRequest, job_id: UUID, index: int) -> HttpResponse:
    """Show the items most similar to one item, in its job or in another one."""
    job = open_job(request, job_id)
    item = own_item(job, index)
    wanted = whole(request.GET.get("k"))
    count = wanted if wanted in COUNTS else COUNTS[1]
    against = request.GET.get("against", "")
    context: dict[str, Any] = {
        "job": job,
        "item": present_item(item),
        "k": count,
        "counts": COUNTS,
        "against": against,
        "others": comparable_jobs(job, user_of(request)),
    }
    try:
        context |= _found(job, user_of(request), index, count, against)
    except ServiceError as error:
        context["refused"] = error
    return render(request, "jobs/pages/neighbours.html", context)


def _found(job: Job, user: User, index: int, count: int, against: str) -> dict[str, Any]:
    """Return the neighbours for the page. Raises ServiceError if there is nothing to compare."""
    layer = check_layer(job, None) if keeps_means(job) else 0
    vector = vector_of_item(job, index, layer)
    try:
        other = library_of(job, user, str(UUID(against)), layer) if against else None
    except ValueError:
        raise NotFound("there is no such job") from None
    library = other or job
    own = index if library.pk == job.pk else None
    neighbours, compared = similar_to(library, vector, layer=layer, k=count, leave_out=own)
    return {"neighbours": neighbours, "compared": compared, "library": library, "layer": layer}
