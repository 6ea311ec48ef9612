"""The page of one alignment: its figures, its histogram, and contexts drawn from it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from jobs.actions import Scan
from jobs.alignments.api import present_preview
from jobs.alignments.draws import PRESETS, context_set_sample, contexts_of, samplings_of
from jobs.alignments.pages_summary import depth_facts, is_drawn
from jobs.alignments.selectors import alignment_of, bins_of, published_count
from jobs.alignments.services import alignment_delete
from jobs.contexts.selectors import free_name
from jobs.contexts.services import check_set_name
from jobs.errors import ServiceError
from jobs.library.sharing import Right, right_on
from jobs.models import Alignment, NeighbourCount
from jobs.models.states import WorkState
from jobs.parsing.numbers import whole
from jobs.science.alignments.sampling import Sampling
from jobs.web.access import needed, page, user_of
from jobs.web.fragments import fragment
from jobs.web.histogram import Histogram
from jobs.web.numbers import typed
from jobs.web.refusals import Refusal

SETTINGS = ("max_residues", "max_similarity", "min_similarity", "max_sequences", "neighbour_threshold")


FORM = {"preset": "published_ensemble", "seed": "0", "count": "1", "name": "", "model": ""}
"""The form as it starts, with the published settings."""


def _form(data: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Return the form as text: what was posted, or how it starts."""
    if data is None:
        return FORM | {"settings": {name: f"{getattr(Sampling(), name):g}" for name in SETTINGS}}
    settings = {name: data.get(name, "") for name in SETTINGS}
    return FORM | {"preset": ""} | {name: data[name].strip() for name in FORM if name in data} | {"settings": settings}


def _samplings(form: Mapping[str, Any]) -> tuple[Sampling, ...]:
    """Return the samplings of the form. Raises InvalidInput with the path of each wrong field."""
    seed = typed(form["seed"])
    if form["preset"]:
        return samplings_of(form["preset"], None, seed)
    own = {name: typed(text) for name, text in form["settings"].items() if text.strip()}
    count = whole(form["count"], low=1)
    # `samplings_of` knows the limit and refuses more.
    return samplings_of(None, [own] * min(count or 1000, 1000), seed)


@page
@require_http_methods(["GET", "HEAD", "POST"])
def alignment_page(request: HttpRequest, alignment_id: UUID) -> HttpResponse:
    """Show the page. A POST previews contexts, stores them, or deletes the alignment."""
    deleting = request.method == "POST" and request.POST.get("do") == "delete"
    stored = alignment_of(user_of(request), alignment_id, Right.OWN if deleting else needed(request))
    if request.headers.get("HX-Target") == "live":
        return fragment(request, "jobs/alignments/_alignment_live.html", _live(stored))
    form = _form() | {"name": free_name(user_of(request), stored.stem)}
    context: dict[str, Any] = {"form": form, "presets": list(PRESETS)}
    if request.method == "POST":
        if deleting:
            alignment_delete(alignment_id=stored.pk)
            messages.add_message(request, messages.SUCCESS, f"The alignment {stored.name} is deleted.", "notice")
            return redirect("contexts-page")
        context["form"] = form = _form(request.POST.dict())
        try:
            answer = _drawn(request, stored, form, store=request.POST.get("do") == "store")
        except ServiceError as error:
            context["refusal"] = Refusal("sample", error)
        else:
            if isinstance(answer, HttpResponse):
                return answer
            context |= answer
    refusal = context.get("refusal")
    more = {
        "drawn": is_drawn(stored),
        "histogram": Histogram.of(bins_of(stored.histogram)),
        "models": settings.E1_MODELS,
        "right": right_on(stored, user_of(request)).name,
    }
    status = refusal.error.status_code if refusal else 200
    return render(request, "jobs/alignments/alignment.html", _live(stored) | more | context, status=status)


def _live(stored: Alignment) -> dict[str, Any]:
    """Return the part of the context that changes while neighbours are counted."""
    count = published_count(stored)
    return {
        "alignment": stored,
        "count": count,
        "counting": count is not None and count.state in WorkState.unfinished(),
        **depth_facts(stored, count.effective_depth if count is not None else None),
        "percent": round(100 * count.progress) if count is not None else 0,
    }


def _drawn(
    request: HttpRequest, stored: Alignment, form: dict[str, Any], *, store: bool
) -> HttpResponse | dict[str, Any]:
    """Return a redirect to the stored set, or the additions to the page's context. Raises ServiceError."""
    samplings = _samplings(form)
    if store:
        check_set_name(form["name"])
    found = contexts_of(stored, samplings)
    if isinstance(found, NeighbourCount):
        return {"waiting": found}
    sampler, drawn = found
    if not store:
        model = form["model"] if form["model"] in settings.E1_MODELS else settings.E1_MODELS[0]
        for_whom: dict[str, Any] = {"model": model, "action": Scan.name, "user_id": user_of(request).pk}
        return {"preview": present_preview(stored, sampler, drawn, **for_whom)}
    made = context_set_sample(
        owner=user_of(request),
        name=form["name"],
        alignment=stored,
        drawn=drawn,
        preset=form["preset"] or None,
        seed=whole(form["seed"]) or 0,
    )
    messages.add_message(
        request,
        messages.SUCCESS,
        f"Saved {len(drawn)} context{'' if len(drawn) == 1 else 's'} as {made.name}.",
        "notice",
    )
    return redirect("context-set-page", made.name)
