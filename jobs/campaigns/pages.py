"""Pages of campaigns: the list, a new campaign, and one campaign with its rounds, properties, uploads and models."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.db.models import Count
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from jobs.alignments.selectors import alignments_of
from jobs.campaigns.cards import axis_of
from jobs.campaigns.drawing import Rounds
from jobs.campaigns.forms import campaign_body, model_body, property_body, upload_fields
from jobs.campaigns.gains import gain_of
from jobs.campaigns.history import Best, Past, best_measured, next_step, rounds_of
from jobs.campaigns.importing import campaign_import
from jobs.campaigns.measuring import measurements_add
from jobs.campaigns.parents import begun_from, origins_of
from jobs.campaigns.priors import PRIORS
from jobs.campaigns.selectors import alignment_of_campaign, campaign_of, numbering_of_campaign
from jobs.campaigns.services import campaign_create, campaign_delete, campaign_move, property_create
from jobs.campaigns.training import model_request
from jobs.contexts.selectors import context_sets_open_to
from jobs.errors import ServiceError
from jobs.learning.dna import hosts
from jobs.learning.normalising import METHODS
from jobs.learning.priors import FEATURES
from jobs.library.sharing import Right, open_to, projects_open_to, right_on
from jobs.limits import MAX_ASSAY_BYTES
from jobs.models import Campaign, Measurement, Property, PropertyModel
from jobs.web.access import needed, page, user_of
from jobs.web.links import paged
from jobs.web.refusals import Refusal
from jobs.web.rest.forms import file_of, opened_of

ONE = {"properties": "property", "measurements": "measurement", "models": "model", "rounds": "round"}
SHOWN = 100
"""Choices of a select, and rows of the table of models."""
PRIOR_WORDS = {
    "auto": "Automatic: the best available",
    "none": "None: rank by the measurements alone",
    "zero_shot": "Scores of a finished scan or score job",
    "profile": "The profile of the alignment",
    "blosum62": "BLOSUM62",
}
FEATURE_WORDS = {
    "auto": "Automatic: the best available",
    "site": "Residues and BLOSUM62",
    "profile": "The profile's row at the site",
    "mean": "Mean embeddings, by a job of their own",
    "one_hot": "One-hot",
}
METHOD_WORDS = {
    "none": "None",
    "wild_type_ratio": "Ratio to the wild type of the plate",
    "wild_type_difference": "Difference from the wild type of the plate",
}


@page
@require_http_methods(["GET", "HEAD", "POST"])
def campaigns_page(request: HttpRequest) -> HttpResponse:
    """Show the campaigns that the user may see, newest first. A POST makes one from the file of an export."""
    user, refusal = user_of(request), None
    if request.method == "POST":
        try:
            return _import(request)
        except ServiceError as error:
            refusal = Refusal("import", error)
    rows = open_to(Campaign.objects.select_related("owner"), user)
    rows = rows.annotate(n_rounds=Count("rounds", distinct=True)).order_by("-created_at")
    campaigns, links = paged(request.GET, rows)
    context = {"campaigns": campaigns, "links": links, "refusal": refusal, "most": MAX_ASSAY_BYTES}
    status = refusal.error.status_code if refusal else 200
    return render(request, "jobs/campaigns/campaigns.html", context, status=status)


def _import(request: HttpRequest) -> HttpResponse:
    """Make a campaign from an uploaded file, and show it with what was read."""
    file, size = opened_of(request.FILES)
    made, told = campaign_import(owner=user_of(request), file=file, size=size)
    counts = told["imported"]
    parts = [f"{counts[name]:,} {name if counts[name] != 1 else ONE[name]}" for name in ONE]
    messages.add_message(request, messages.SUCCESS, f"{made.name} is imported: {', '.join(parts)}.", "notice")
    return redirect("campaign-page", made.pk)


@page
@require_http_methods(["GET", "HEAD", "POST"])
def campaign_new_page(request: HttpRequest) -> HttpResponse:
    """Show the form of a new campaign, filled in with the parent of a job if the address names one."""
    user, refusal = user_of(request), None
    asked: Mapping[str, Any] = request.POST
    if request.method == "POST":
        try:
            return redirect("campaign-page", campaign_create(owner=user, data=campaign_body(request.POST)).pk)
        except ServiceError as error:
            refusal = Refusal("new", error)
    elif key := request.GET.get("from", ""):
        try:
            asked = begun_from(user, key)
        except ServiceError as error:
            if error.status_code != 400:
                raise
            refusal = Refusal("new", error)
    context = {
        "asked": asked,
        "refusal": refusal,
        "origins": origins_of(user),
        "alignments": alignments_of(user).order_by("-created_at")[:SHOWN],
        "sets": context_sets_open_to(user).order_by("-created_at")[:SHOWN],
        "hosts": hosts(),
        "in_project": request.POST.get("project") or request.GET.get("project", ""),
        "projects": projects_open_to(user, Right.EDIT).filter(archived_at__isnull=True).order_by("name"),
    }
    status = refusal.error.status_code if refusal else 200
    return render(request, "jobs/campaigns/new.html", context, status=status)


@page
@require_http_methods(["GET", "HEAD", "POST"])
def campaign_page(request: HttpRequest, campaign_id: UUID) -> HttpResponse:
    """Show one campaign. A POST does what a form of the page means."""
    act = request.POST.get("do", "") if request.method == "POST" else ""
    campaign = campaign_of(user_of(request), campaign_id, Right.OWN if act == "delete" else needed(request))
    if request.method != "POST":
        return _answer(request, campaign)
    do = ACTS.get(act)
    if do is None:
        return redirect("campaign-page", campaign.pk)
    try:
        return do(request, campaign)
    except ServiceError as error:
        return _answer(request, campaign, {"refusal": Refusal(act, error)}, status=error.status_code)


def _add_property(request: HttpRequest, campaign: Campaign) -> HttpResponse:
    made = property_create(campaign=campaign, data=property_body(request.POST))
    messages.add_message(request, messages.SUCCESS, f"{made.name} is added.", "notice")
    return redirect("campaign-page", campaign.pk)


def _upload(request: HttpRequest, campaign: Campaign) -> HttpResponse:
    """Store a file, and show what was read in the same answer: the same file again changes nothing."""
    content, name = file_of(request.FILES, MAX_ASSAY_BYTES)
    counts = measurements_add(campaign=campaign, by=user_of(request), data=content, **upload_fields(request.POST))
    return _answer(
        request, campaign, {"counts": counts, "by_property": list(counts["properties"].items()), "file": name}
    )


def _train(request: HttpRequest, campaign: Campaign) -> HttpResponse:
    made = model_request(campaign=campaign, by=user_of(request), data=model_body(request.POST))
    return redirect("campaign-model-page", campaign.pk, made.number)


def _move(request: HttpRequest, campaign: Campaign) -> HttpResponse:
    project = campaign_move(campaign=campaign, asked=request.POST.get("project"), by=user_of(request))
    said = f"The campaign is in the project {project.name}." if project else "The campaign is in no project."
    messages.add_message(request, messages.SUCCESS, said, "notice")
    if not open_to(Campaign.objects.filter(pk=campaign.pk), user_of(request)).exists():  # an editor moved it out
        return redirect("campaigns-page")
    return redirect("campaign-page", campaign.pk)


def _delete(request: HttpRequest, campaign: Campaign) -> HttpResponse:
    campaign_delete(campaign=campaign)
    said = f"{campaign.name} is deleted, with its measurements, models and rounds."
    messages.add_message(request, messages.SUCCESS, said, "notice")
    return redirect("campaigns-page")


Act = Callable[[HttpRequest, Campaign], HttpResponse]
ACTS: dict[str, Act] = {"property": _add_property, "upload": _upload, "train": _train, "move": _move, "delete": _delete}


@dataclass(frozen=True, slots=True)
class Course:
    """A property's best values by round, as rows and as a picture."""

    property: Property
    rows: list[tuple[str, Best | None, Best | None]]
    """Name of the round, best measured, best predicted."""
    picture: Rounds | None


def _answer(
    request: HttpRequest, campaign: Campaign, more: Mapping[str, Any] | None = None, *, status: int = 200
) -> HttpResponse:
    """Return the page of a campaign; `more` is added to its context, such as the counts of an upload."""
    user = user_of(request)
    properties = list(Property.objects.filter(campaign=campaign).select_related("campaign").order_by("id"))
    models = list(
        PropertyModel.objects.filter(campaign=campaign)
        .select_related("property")
        .defer("tables", "fits", "training")
        .order_by("-number")[:SHOWN]
    )
    rounds = rounds_of(campaign, properties)
    context = {
        "right": right_on(campaign, user).name,
        "project": projects_open_to(user).filter(campaigns=campaign).first(),
        "projects": projects_open_to(user, Right.EDIT).filter(archived_at__isnull=True).order_by("name"),
        "alignment": alignment_of_campaign(campaign, user),
        "step": next_step(campaign, properties, models, rounds),
        **measured_context(campaign, properties, rounds),
        "models": with_gains(models),
        "base": reverse("campaign-page", args=[campaign.pk]),
        "public_links": settings.E1_PUBLIC_LINKS,
        "priors": [(one, PRIOR_WORDS[one]) for one in PRIORS],
        "features": [(one, FEATURE_WORDS[one]) for one in ("auto", *FEATURES)],
        "methods": [(one, METHOD_WORDS[one]) for one in METHODS],
        "given": request.POST,
        **(more or {}),
    }
    return render(request, "jobs/campaigns/campaign.html", context, status=status)


def measured_context(campaign: Campaign, properties: Sequence[Property], rounds: list[Past]) -> dict[str, Any]:
    """Return what the page shows of rounds and measurements, to members and by a public link."""
    measured = Measurement.objects.filter(property__campaign=campaign).values_list("property").annotate(n=Count("id"))
    wells = dict(measured)
    return {
        "campaign": campaign,
        "numbering": numbering_of_campaign(campaign).phrase(len(campaign.parent)),
        "rounds": rounds,
        "courses": [_course(one, rounds) for one in properties if wells.get(one.pk)],
        "properties": [(one, wells.get(one.pk, 0)) for one in properties],
    }


def with_gains(models: Sequence[PropertyModel]) -> list[tuple[PropertyModel, str]]:
    """Return each model with its gain in words for a column of that name, empty before it is computed."""
    told = [(one, gain_of(one.card).headline if one.card else "") for one in models]
    return [(one, words.removeprefix("Gain over the prior: ")) for one, words in told]


def _course(found: Property, rounds: list[Past]) -> Course:
    """Return the best measured and the best predicted of each round. Measurements of no round come first."""
    best = best_measured(found)
    names = {0: "no round", **{one.number: str(one.number) for one in rounds}}
    predicted = {one.number: one.predicted[found.name] for one in rounds if found.name in one.predicted}
    numbers = [at for at in names if at in best or at in predicted]
    rows = [(names[at], best.get(at), predicted.get(at)) for at in numbers]
    sentence = f"Best {axis_of(found)} by round: measured as filled points, predicted as rings."
    picture = Rounds.of(
        sentence,
        axis_of(found),
        [name for name, _, _ in rows],
        [one.value if one else None for _, one, _ in rows],
        [one.value if one else None for _, _, one in rows],
    )
    return Course(found, rows, picture)
