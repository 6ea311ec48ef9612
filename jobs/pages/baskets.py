"""The basket of a scan: its page, changes to it, and its file."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_http_methods, require_safe

from jobs.errors import InvalidInput, ServiceError
from jobs.files.names import attachment
from jobs.library.sharing import Right
from jobs.models import Job
from jobs.results.export.names import item_file
from jobs.science.variants.choosing import Pick, choose, possible
from jobs.variants import baskets
from jobs.variants.baskets import Scanned, scanned
from jobs.web.access import open_job_with_rows, page


@page
@require_http_methods(["GET", "HEAD", "POST"])
def basket_page(request: HttpRequest, job_id: UUID, index: int) -> HttpResponseBase:
    """Show the basket. A POST changes it and returns to the page that it came from; a script gets the new basket."""
    # The basket is kept in the session of the person, so those who may only read have one too.
    job = open_job_with_rows(request, job_id, Right.VIEW)
    if request.method != "POST":
        return render(request, "jobs/variants/basket.html", _context(request, scanned(request.session, job, index)))
    basket = scanned(request.session, job, index)
    try:
        said = _change(request, basket)
    except ServiceError as error:
        return _refused(request, job, index, error)
    if request.headers.get("X-Requested-With") == "fetch":
        now = scanned(request.session, job, index)
        return render(request, "jobs/variants/_basket.html", _context(request, now))
    if said:
        messages.add_message(request, messages.SUCCESS, said, "notice")
    return redirect(_back(request, job, index))


def _refused(request: HttpRequest, job: Job, index: int, error: ServiceError) -> HttpResponse:
    if request.headers.get("X-Requested-With") == "fetch":
        return HttpResponse(error.sentence, status=error.status_code, content_type="text/plain; charset=utf-8")
    messages.add_message(request, messages.ERROR, error.sentence, "problem")
    return redirect(_back(request, job, index))


def _change(request: HttpRequest, basket: Scanned) -> str:
    """Change the basket as the form asks, and return a sentence about it. Raises InvalidInput."""
    form, before = request.POST, basket.picks
    asked = possible(basket.table, basket.item.sequence, baskets.picks_in(form.getlist("pick")))
    match form.get("do", "toggle"):
        case "clear":
            after: tuple[Pick, ...] = ()
            said = "The basket is empty."
        case "remove":
            after = tuple(one for one in before if one not in asked)
            said = f"Removed {_counted(len(before) - len(after))}."
        case "add":
            after = (*before, *(one for one in asked if one not in before))
            said = f"Added {_counted(len(after) - len(before))}."
        case "best":
            chosen = choose(basket.table, baskets.limits_of(form.dict(), basket.numbering), before)
            if not chosen:
                raise InvalidInput.one("nothing_picked", "no substitution fits", "Loosen the limits.", path="count")
            after = (*before, *chosen)
            said = f"Picked {_counted(len(chosen))}; the basket holds {len(after):,}."
        case _:
            after = (*(one for one in before if one not in asked), *(one for one in asked if one not in before))
            said = ""
    baskets.basket_save(request.session, basket.job.pk, basket.item.index, after)
    return said


def _counted(count: int) -> str:
    return f"{count:,} variant{'' if count == 1 else 's'}"


def _back(request: HttpRequest, job: Job, index: int) -> str:
    """Return the page that a form came from, by its field `back`, or that of the basket."""
    back = request.POST.get("back", "")
    if back and url_has_allowed_host_and_scheme(back, allowed_hosts=None):
        return back
    return reverse("basket-page", args=[job.pk, index])


def _context(request: HttpRequest, basket: Scanned) -> dict[str, Any]:
    most = baskets.most_of(request.GET)
    refused = None
    try:
        variants = baskets.variants_of(basket, most)
    except InvalidInput as error:
        variants, refused = [], error
    cells = dict(zip(basket.picks, _cells(basket), strict=True))
    return {
        "job": basket.job,
        "item": basket.item,
        "picks": [(word, cells[pick]) for word, pick in zip(baskets.words_of(basket.picks), basket.picks, strict=True)],
        "words": " ".join(baskets.words_of(basket.picks)),
        "most": most,
        "mosts": range(1, baskets.MOST_MUTATIONS + 1),
        "variants": len(variants),
        "refused": refused,
        "several": len(basket.job.params.get("contexts") or ()) > 1,
        "basket": True,
    }


def _cells(basket: Scanned) -> list[Any]:
    """Return the picks with their scores."""
    return basket.table.substitutions([basket.table.cell(*pick) for pick in basket.picks])


@page
@require_safe
def basket_file(request: HttpRequest, job_id: UUID, index: int, format: str) -> HttpResponseBase:
    """Send the basket as CSV or FASTA."""
    job = open_job_with_rows(request, job_id)
    basket = scanned(request.session, job, index)
    try:
        variants = baskets.variants_of(basket, baskets.most_of(request.GET))
    except ServiceError as error:
        return _refused(request, job, index, error)
    if format == "csv":
        blocks: Any = baskets.basket_csv(basket, variants)
        kind = "text/csv; charset=utf-8"
    else:
        blocks, kind = baskets.basket_fasta(basket, variants), "text/x-fasta; charset=utf-8"
    name = item_file(job, index, basket.item.name, "picked", suffix=format)
    return StreamingHttpResponse(blocks, content_type=kind, headers={"Content-Disposition": attachment(name)})
