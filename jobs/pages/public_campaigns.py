"""The public pages of a campaign: its rounds, data, models and files. `jobs.publishing.contents` says what is shown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.urls import reverse

from e1protocol import MODELS
from jobs.campaigns.exporting import measurements_csv
from jobs.campaigns.history import rounds_of
from jobs.campaigns.pages import measured_context, with_gains
from jobs.campaigns.pages_data import data_context
from jobs.campaigns.pages_models import model_context
from jobs.campaigns.pages_rounds import round_context
from jobs.files.names import file_name
from jobs.files.pieces import in_blocks
from jobs.models import Campaign, Project, Property
from jobs.pages.outside import computing, public, sent
from jobs.publishing.contents import models_shown, published_campaign, rounds_shown
from jobs.publishing.links import no_such_link
from jobs.templatetags.publishing import without_addresses
from jobs.web.links import paged


def campaign_answer(request: HttpRequest, token: str, campaign: Campaign, project: Project | None) -> HttpResponse:
    """Return the public page of a campaign, which may be one of a project."""
    campaign.name = without_addresses(campaign.name)
    properties = list(Property.objects.filter(campaign=campaign).select_related("campaign").order_by("id"))
    models, links = paged(request.GET, models_shown(campaign).defer("tables", "fits", "training"), name="models")
    measured = measured_context(campaign, properties, rounds_of(campaign, properties, rounds_shown(campaign)))
    context = {
        **measured,
        "models": with_gains(list(models)),
        "model_page": models,
        "model_links": links,
        "base": reverse("public-campaign", args=[token, campaign.pk]),
        "files": [
            (one.name, reverse("public-measurements", args=[token, campaign.pk, one.pk]))
            for one, wells in measured["properties"]
            if wells
        ],
        "demonstration": MODELS[campaign.model].demonstration,
        "trail": _trail(token, None, project),
    }
    return render(request, "jobs/publishing/campaign.html", context)


@public
def public_campaign(request: HttpRequest, token: str, campaign_id: UUID) -> HttpResponse:
    """Show a campaign to everybody who has its link, or that of its project."""
    with computing(request):
        return campaign_answer(request, token, *published_campaign(token, campaign_id))


@public
def public_data(request: HttpRequest, token: str, campaign_id: UUID) -> HttpResponse:
    """Show the measurements of one property, as the page of members does."""
    campaign, project = published_campaign(token, campaign_id)
    with computing(request):
        return _part(request, "data", (token, campaign, project), data_context(request.GET, campaign))


@public
def public_model(request: HttpRequest, token: str, campaign_id: UUID, number: int) -> HttpResponse:
    """Show the figures of a model. It predicts nothing here."""
    campaign, project = published_campaign(token, campaign_id)
    model = models_shown(campaign).filter(number=number).first()
    if model is None:
        raise no_such_link()
    model.campaign = campaign
    with computing(request):
        return _part(request, "model", (token, campaign, project), model_context(request.GET, model))


@public
def public_round(request: HttpRequest, token: str, campaign_id: UUID, number: int) -> HttpResponse:
    """Show a round that is ordered or measured, without codons."""
    campaign, project = published_campaign(token, campaign_id)
    found = rounds_shown(campaign).filter(number=number).first()
    if found is None:
        raise no_such_link()
    found.campaign = campaign
    with computing(request):
        context = round_context(request.GET, found) | {"codons": False}
        return _part(request, "round", (token, campaign, project), context)


@public
def public_measurements(request: HttpRequest, token: str, campaign_id: UUID, property_id: int) -> HttpResponseBase:
    """Download every measured value of a property as CSV."""
    campaign, _ = published_campaign(token, campaign_id)
    found = Property.objects.filter(campaign=campaign, pk=property_id).first()
    if found is None:
        raise no_such_link()
    name = file_name(without_addresses(campaign.name), "campaign", found.name, suffix="csv")
    return sent(in_blocks(measurements_csv(campaign, found)), name, "text/csv; charset=utf-8")


def _part(
    request: HttpRequest, page: str, where: tuple[str, Campaign, Project | None], context: Mapping[str, Any]
) -> HttpResponse:
    """Return a page of members as everybody sees it: nothing to change, to predict or to order."""
    token, campaign, project = where
    campaign.name = without_addresses(campaign.name)
    more = {
        "layout": "jobs/publishing/_outside.html",
        "outside": True,
        "right": "VIEW",
        "base": reverse("public-campaign", args=[token, campaign.pk]),
        "trail": _trail(token, campaign, project),
    }
    return render(request, f"jobs/campaigns/{page}.html", {**context, **more})


def _trail(token: str, campaign: Campaign | None, project: Project | None) -> list[tuple[str, str]]:
    """Return the way back to the campaign, and to the project if the link is that of the project."""
    found: list[tuple[str, str]] = []
    if project is not None:
        found.append((without_addresses(project.name), reverse("public-page", args=[token])))
    if campaign is not None:
        found.append((campaign.name, reverse("public-campaign", args=[token, campaign.pk])))
    return found
