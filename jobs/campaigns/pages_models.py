"""The page of a model: its state, its figures beside prior and profile, and its predictions."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBase, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from jobs.campaigns.cards import comparison_of, curve_of, observed_of
from jobs.campaigns.gains import gain_of
from jobs.campaigns.pages_predictions import (
    STOP,
    act_of,
    csv_of,
    file_make,
    file_remove,
    file_stop,
    files_shown,
    selection_asked,
    table_of,
)
from jobs.campaigns.predicting import Predictor
from jobs.campaigns.selectors import campaign_of, model_of
from jobs.campaigns.serializers import STATES
from jobs.errors import ServiceError
from jobs.library.selectors import jobs_open_to
from jobs.library.sharing import open_to, right_on
from jobs.models import Alignment, Job, PropertyModel
from jobs.models.states import JobState, WorkState
from jobs.web.access import page, user_of
from jobs.web.fragments import fragment
from jobs.web.links import changed, paged
from jobs.web.refusals import Refusal

ORIGIN = re.compile(r"(job|alignment) ([0-9a-f-]{36}), (.+)")
"""The source of a prior as a card has it (jobs.campaigns.priors)."""


@page
@require_http_methods(["GET", "HEAD", "POST"])
def model_page(request: HttpRequest, campaign_id: UUID, number: int) -> HttpResponseBase:
    """Show one model. A POST predicts variants, on the page or as CSV, or makes, stops or deletes a file."""
    campaign = campaign_of(user_of(request), campaign_id)
    model = model_of(campaign, number)
    target = request.headers.get("HX-Target")
    if request.method != "POST":
        if target == "files":
            return _live_files(request, model)
        return _live(request, model) if target == "live" else _answer(request, model)
    act = act_of(request.POST)
    if not act:
        return redirect("campaign-model-page", campaign.pk, number)
    try:
        return _predicted(request, model, act)
    except ServiceError as error:
        return _answer(request, model, {"refusal": Refusal("prediction", error)}, status=error.status_code)


def _predicted(request: HttpRequest, model: PropertyModel, act: str) -> HttpResponseBase:
    """Do what a form of the predictions means. Predictions that are too many for a request become a file."""
    user, form = user_of(request), request.POST
    place = f"{reverse('campaign-model-page', args=[model.campaign_id, model.number])}#prediction-files"
    if act == "delete-file":
        file_remove(model, form, user)
        return redirect(place)
    if act == STOP:
        file_stop(model, form, user)
        return redirect(place)
    selection = selection_asked(model, form)
    if act == "file" or not selection.at_once:
        file_make(model, selection, user)
        return redirect(place)
    if act == "csv":
        return csv_of(model, selection)
    return _answer(request, model, table_of(model, selection, form))


def _live(request: HttpRequest, model: PropertyModel) -> HttpResponse:
    """Return the state of a model that is computed. Once it is over, the browser loads the page with its figures."""
    if model.state not in WorkState.unfinished():
        return HttpResponse(headers={"HX-Refresh": "true"})
    return fragment(request, "jobs/campaigns/_model_live.html", _state(request, model))


def _live_files(request: HttpRequest, model: PropertyModel) -> HttpResponse:
    """Return the files that are computed. Once all are over, the browser loads the page with their addresses."""
    shown = files_shown(request, model)
    if not shown["building"]:
        return HttpResponse(headers={"HX-Refresh": "true"})
    return fragment(request, "jobs/campaigns/_prediction_files.html", shown)


def _state(request: HttpRequest, model: PropertyModel) -> dict[str, Any]:
    job = model.features_job
    embedding = job is not None and job.state in JobState.unfinished()
    own = job is not None and job.owner_id == user_of(request).pk
    return {
        "model": model,
        "state": STATES.get(WorkState(model.state), model.state),
        "embedding": embedding,
        "own_job": own,
    }


def _origin(user: User, card: Mapping[str, Any]) -> dict[str, str] | None:
    """Return name and address of what the prior is from, if the user may see it: a job or an alignment."""
    found = ORIGIN.fullmatch(card["prior"]["source"])
    if not found:
        return None
    kind, key, rest = found.groups()
    rows: QuerySet[Job] | QuerySet[Alignment] = (
        jobs_open_to(user) if kind == "job" else open_to(Alignment.objects.all(), user)
    )
    try:
        row = rows.filter(pk=UUID(key)).first()
    except ValueError:  # A card that was imported says anything.
        row = None
    if row is None:
        return None
    url = reverse("job-page" if kind == "job" else "alignment-page", args=[row.pk])
    return {"name": row.name or key, "url": url, "rest": rest}


def _answer(
    request: HttpRequest, model: PropertyModel, more: Mapping[str, Any] | None = None, *, status: int = 200
) -> HttpResponse:
    context = {
        "right": right_on(model.campaign, user_of(request)).name,
        "base": reverse("campaign-page", args=[model.campaign_id]),
        "given": request.POST,
        **model_context(request.GET, model),
        **_state(request, model),
    }
    if model.state == WorkState.DONE:
        context |= files_shown(request, model) | {"origin": _origin(user_of(request), model.card)}
    return render(request, "jobs/campaigns/model.html", {**context, **(more or {})}, status=status)


def model_context(query: QueryDict, model: PropertyModel) -> dict[str, Any]:
    """Return what the page shows of a model, to members and by a public link."""
    context = {
        "campaign": model.campaign,
        "model": model,
        "property": model.property,
        "unfinished": model.state in WorkState.unfinished(),
        "left_out": _left_out(model.counts),
    }
    return context | (_figures(query, model) if model.state == WorkState.DONE else {})


def _figures(query: QueryDict, model: PropertyModel) -> dict[str, Any]:
    heads, compared = comparison_of(model.card)
    steps, curve = curve_of(model.card)
    found: dict[str, Any] = {
        "card": model.card,
        "gain": gain_of(model.card),
        "heads": heads,
        "compared": compared,
        "steps": steps,
        "curve": curve,
        "coverage": model.card["coverage"],
    }
    observed = observed_of(Predictor(model), query.get("folds", ""))
    if observed is not None:
        shown, links = paged(query, observed.rows, anchor="#table-view")
        width, spread = model.card["coverage"]["width"], observed.spread
        found |= {
            "observed": observed,
            "folds": [(one, words, changed(query, folds=one, page=None)) for one, words in observed.kinds],
            "rows": shown,
            "links": links,
            "open": "page" in query,
            "share": None if width is None or not spread else width / spread,
        }
    return found


def _left_out(counts: Mapping[str, int]) -> list[tuple[int, str]]:
    """Return what is no part of the training set, with its number."""
    words = {
        "failed_wells": ("well that failed", "wells that failed"),
        "not_positive": ("variant without a logarithm: its value is not above 0",
                         "variants without a logarithm: their value is not above 0"),
        "too_large": ("variant with a number too large for any model", "variants with numbers too large for any model"),
        "wells_without_reference": ("well of a plate without wild type and bridging variants",
                                    "wells of plates without wild type and bridging variants"),
    }  # fmt: skip
    return [(found, one if found == 1 else more) for name, (one, more) in words.items() if (found := counts.get(name))]
