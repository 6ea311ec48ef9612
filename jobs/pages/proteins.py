"""The page that finds earlier work on a protein."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_http_methods

from jobs.errors import ServiceError
from jobs.library.proteins import earlier_work, protein_asked
from jobs.library.selectors import parent_of
from jobs.parsing.numbers import whole
from jobs.web.access import open_job_with_rows, page, user_of


@page
@require_http_methods(["GET", "HEAD", "POST"])
def proteins_page(request: HttpRequest) -> HttpResponse:
    """Show the form, and what there is about the sequence in it, or about an item: `?job=ID&item=0`.

    The form is sent by POST, because a sequence may be longer than an address.
    """
    context: dict[str, Any] = {"asked": ""}
    status = 200
    try:
        if request.method == "POST":
            context["asked"] = request.POST.get("sequence", "")
            context["found"] = earlier_work(user_of(request), protein_asked(context["asked"]))
        elif "job" in request.GET:
            sequence = _sequence_of(request)
            context |= {"asked": sequence, "found": earlier_work(user_of(request), sequence)}
    except ServiceError as refused:
        if refused.status_code in (403, 404, 410):
            raise
        context["problems"] = refused.problems
        status = refused.status_code
    return render(request, "jobs/pages/proteins.html", context, status=status)


def _sequence_of(request: HttpRequest) -> str:
    try:
        job = open_job_with_rows(request, UUID(request.GET["job"]))
    except ValueError:
        raise Http404("there is no such job") from None
    return parent_of(job, whole(request.GET.get("item")) or 0)
