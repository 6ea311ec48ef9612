"""The items of a job: the list in pages, and one item with its result."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_safe

from e1protocol import CANONICAL
from jobs.actions import get_action
from jobs.api.presenters import present_item
from jobs.contacts import pages as contacts
from jobs.contacts.beside import structure_context
from jobs.contacts.services import structure_add
from jobs.contexts.shared import contexts_of_job
from jobs.errors import ServiceError, TooLarge
from jobs.files.names import attachment
from jobs.files.tables import tables_of
from jobs.library import selectors
from jobs.limits import PAGE_ROWS
from jobs.maps.params import keeps_means
from jobs.models import Item, Job
from jobs.models.states import ItemState
from jobs.parsing.marking import wrong_places
from jobs.parsing.numbers import whole
from jobs.results.export import Part, export_open
from jobs.results.export.columns import columns_of
from jobs.results.export.names import item_file
from jobs.results.items import result_of
from jobs.results.page import ResultPage
from jobs.results.summaries import ruled, summarise
from jobs.science.contacts.chains import MAX_STRUCTURE_BYTES
from jobs.science.variants.notations import is_notation
from jobs.variants import scan_pages as scans
from jobs.variants import score_pages as scores
from jobs.variants.pages_assays import problems_by_field
from jobs.web.access import open_job_with_rows, page, sent_from, user_of
from jobs.web.fragments import asks_whether_new, new_or_not
from jobs.web.links import changed, searched
from jobs.web.rest.forms import file_of

BARS = 6
"""Masked residues that are drawn as bars; the table lists all."""

RESULT_PAGES: Mapping[str, ResultPage] = MappingProxyType(
    {shown.action: shown for shown in (scores.RESULT_PAGE, scans.RESULT_PAGE, contacts.RESULT_PAGE)}
)
"""By action, for those that do more than summarise a result."""


@page
@require_safe
def item_list(request: HttpRequest, job_id: UUID) -> HttpResponse:
    """Show items in input order, filtered by state or name; a page begins after an index."""
    job = open_job_with_rows(request, job_id)
    state = request.GET.get("state", "")
    state = state if state in ItemState.values else ""
    search = searched(request.GET)
    after = whole(request.GET.get("after"))
    items = selectors.items_of(job)
    if state:
        items = selectors.items_in_state(items, ItemState(state))
    if search:
        items = items.filter(name__icontains=search)
    rows = list(items.filter(index__gt=-1 if after is None else after)[: PAGE_ROWS + 1])
    of_variants = get_action(job.action).takes_variants
    narrowing = {name: value for name, value in (("state", state), ("search", search)) if value}
    context = {
        "job": job,
        "items": [present_item(item, of_variants=of_variants) for item in rows[:PAGE_ROWS]],
        "of_variants": of_variants,
        "states": ItemState.choices,
        "state": state,
        "search": search,
        "first": after is None,
        "start": f"?{urlencode(narrowing)}",
        "next": f"?{urlencode({**narrowing, 'after': rows[PAGE_ROWS - 1].index})}" if len(rows) > PAGE_ROWS else "",
    }
    return render(request, "jobs/pages/items.html", context)


@page
@require_safe
def item_page(request: HttpRequest, job_id: UUID, index: int) -> HttpResponse:
    """Show one item: its input, and its result in figures. Whole arrays are downloads."""
    return item_answer(request, open_job_with_rows(request, job_id), index)


def own_item(job: Job, index: int) -> Item:
    """Return an item of the job. Raises Http404 if there is none with this index."""
    item = selectors.item_of(job, index)
    if item is None:
        raise Http404(f"job {job.pk} has no item {index}")
    return item


def item_answer(
    request: HttpRequest, job: Job, index: int, more: Mapping[str, Any] = MappingProxyType({}), *, status: int = 200
) -> HttpResponse:
    """Return the page of an item; `more` is added to its context, such as the problems of a form on it."""
    item = own_item(job, index)
    of_variants = get_action(job.action).takes_variants
    body = present_item(item, of_variants=of_variants)
    if asks_whether_new(request):
        return new_or_not(new=body["state"] != ItemState.PENDING)
    shown = RESULT_PAGES.get(job.action)
    wrong = wrong_places(item.sequence, body.get("errors", []))
    context: dict[str, Any] = {
        "job": job,
        "item": body,
        "files": list(item_files(job, item)),
        "shown": shown,
        "mapped": keeps_means(job),
        "variant": item.sequence if of_variants and is_notation(item.sequence) else "",
        "lines": ruled(item.sequence, wrong),
        "wrong": [(at + 1, item.sequence[at]) for at in wrong],
        "namesake": selectors.namesake_of(job, item),
        "context": item.context.sequences if item.context else [],
        "shared": contexts_of_job(job, user_of(request)),
        "chunk": item.chunk,
        "letters": CANONICAL,
        "bars": BARS,
        "previous": item.index - 1 if item.index else None,
        "following": item.index + 1 if item.index + 1 < job.total_items else None,
        **more,
    }
    if body["state"] == ItemState.SUCCEEDED:
        part = result_fragment(request, job, item)
        if part is not None:
            return part
        context |= shown_result(request, job, item)
    return render(request, "jobs/pages/item.html", context, status=status)


def shown_result(request: HttpRequest, job: Job, item: Item) -> dict[str, Any]:
    """Return the template's context for the result of an item: as its feature draws it, or summarised.

    `too_large` is the reason if one answer cannot hold it.
    """
    try:
        result = result_of(job, item)
    except TooLarge as error:
        return {"too_large": error.problems[0]}
    if result is None:
        return {}
    shown = RESULT_PAGES.get(job.action)
    if shown is None:
        return {"result": summarise(result, item.sequence)}
    return {
        "pictured": True,
        **shown.context(request, job, item, result),
        **structure_context(request, job, item, result),
    }


def result_fragment(request: HttpRequest, job: Job, item: Item) -> HttpResponse | None:
    """Return the part of a result that htmx asks for, or None if it asks for none that the action has."""
    shown = RESULT_PAGES.get(job.action)
    wanted = shown.fragments.get(request.headers.get("HX-Target", "")) if shown else None
    if wanted is None:
        return None
    template, context_of = wanted
    try:
        result = result_of(job, item)
    except TooLarge:
        return None
    if result is None:
        return None
    return render(request, template, {"job": job, **context_of(request, job, item, result)})


class ItemFile(NamedTuple):
    """A download of one item. `download` is its name if the answer has none."""

    title: str
    url: str
    download: str = ""


def item_files(job: Job, item: Item) -> Iterator[ItemFile]:
    """Yield the files of one item: each of its tables as CSV, a workbook, and the answer of REST."""
    tables = tables_of(columns_of(job))
    address = reverse("item-table", args=[job.pk, item.index])
    for table in tables:
        several = {"table": table.name} if len(tables) > 1 else {}
        title = f"CSV, a row for each {table.each}" if table.layout else "CSV"
        yield ItemFile(title, f"{address}?{urlencode({**several, 'bom': 'true'})}")
    yield ItemFile("XLSX", reverse("item-workbook", args=[job.pk, item.index]))
    name = item_file(job, item.index, item.name, suffix="json")
    yield ItemFile("JSON", reverse("job-item", args=[job.pk, item.index]), name)


@page
@require_safe
def item_table(request: HttpRequest, job_id: UUID, index: int, format: str) -> HttpResponseBase:
    """Return the results of one item as CSV or XLSX; redirect to its page if it has none or the choice is wrong."""
    job = open_job_with_rows(request, job_id)
    item = own_item(job, index)
    if present_item(item)["state"] != ItemState.SUCCEEDED:
        return redirect("item-page", job.pk, index)
    part = Part(request.GET.get("table", ""), item=index, bom=request.GET.get("bom") == "true")
    try:
        export = export_open(job, format, part)
    except ServiceError as refused:
        messages.add_message(request, messages.ERROR, refused.sentence, "problem")
        return redirect("item-page", job.pk, index)
    response = StreamingHttpResponse(export.blocks, content_type=export.content_type)
    name = item_file(job, index, item.name, part.table, suffix=format)
    response["Content-Disposition"] = attachment(name)
    return response


@page
@sent_from("item-page", "job_id", "index")
def structure_upload(request: HttpRequest, job_id: UUID, index: int) -> HttpResponse:
    """Add a structure to the contact map of an item and redirect to it, or show the problems beside the form."""
    job = open_job_with_rows(request, job_id)
    data: Any = request.POST
    try:
        content, name = file_of(request.FILES, MAX_STRUCTURE_BYTES)
        chain = data.get("chain", "").strip()
        structure_add(job=job, data=content, name=name, item_index=index, chain=chain, by=user_of(request))
    except ServiceError as refused:
        more = {"asked": data, **problems_by_field(refused)}
        return item_answer(request, job, index, more, status=refused.status_code)
    address = reverse("item-page", args=[job.pk, index])
    return redirect(address + changed(request.GET, structure=None, page=None))
