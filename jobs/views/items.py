"""The items of a job: all of them in pages, and one with its result."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from jobs import selectors
from jobs.api.presenters import present_item
from jobs.models import Item, Job
from jobs.results import results_of
from jobs.states import ItemState
from jobs.summaries import ruled, summarise
from jobs.views.access import own_job_with_rows, page
from worker.protocol import CANONICAL

ROWS = 50
BARS = 6
"""Masked residues that are drawn as bars; the table has all."""


@page
@require_safe
def item_list(request: HttpRequest, job_id: UUID) -> HttpResponse:
    """Items in input order, narrowed to a state or to names that hold a text; a page begins after an index."""
    job = own_job_with_rows(request, job_id)
    state = request.GET.get("state", "")
    state = state if state in ItemState.values else ""
    search = request.GET.get("search", "").strip()[:200]
    after = _whole(request.GET.get("after"), -1)
    items = selectors.items_of(job)
    if state:
        items = selectors.items_in_state(items, ItemState(state))
    if search:
        items = items.filter(name__icontains=search)
    rows = list(items.filter(index__gt=after)[: ROWS + 1])
    narrowing = {name: value for name, value in (("state", state), ("search", search)) if value}
    context = {
        "job": job,
        "items": [present_item(item) for item in rows[:ROWS]],
        "states": ItemState.choices,
        "state": state,
        "search": search,
        "first": after < 0,
        "start": f"?{urlencode(narrowing)}",
        "next": f"?{urlencode({**narrowing, 'after': rows[ROWS - 1].index})}" if len(rows) > ROWS else "",
    }
    return render(request, "jobs/items.html", context)


def _whole(text: str | None, default: int) -> int:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 10 else default


@page
@require_safe
def item_page(request: HttpRequest, job_id: UUID, index: int) -> HttpResponse:
    """One item: what was given, and its result in figures. Whole arrays are downloads."""
    job = own_job_with_rows(request, job_id)
    item = selectors.item_of(job, index)
    if item is None:
        raise Http404(f"job {job_id} has no item {index}")
    body = present_item(item)
    context: dict[str, Any] = {
        "job": job,
        "item": body,
        "lines": ruled(item.sequence),
        "context": item.context.sequences if item.context else [],
        "chunk": item.chunk,
        "letters": CANONICAL,
        "bars": BARS,
        **_neighbours(job, item),
    }
    if body["state"] == ItemState.SUCCEEDED:
        context["result"] = summarise(results_of(job, [index])[index], item.sequence)
    return render(request, "jobs/item.html", context)


def _neighbours(job: Job, item: Item) -> dict[str, int | None]:
    return {
        "previous": item.index - 1 if item.index else None,
        "following": item.index + 1 if item.index + 1 < job.total_items else None,
    }
