"""REST of the models of a campaign, and of its rounds."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import HttpResponse
from django.urls import reverse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from jobs.campaigns import serializers as shapes
from jobs.campaigns.api import CREATED, CampaignView
from jobs.campaigns.proposing import proposal_create
from jobs.campaigns.rounds import round_body, round_csv, round_step, round_workbook
from jobs.campaigns.selectors import model_of, round_of
from jobs.campaigns.training import model_request
from jobs.errors import InvalidInput
from jobs.files.names import attachment
from jobs.models import PropertyModel, Round
from jobs.web.rest.bodies import WORKBOOK
from jobs.web.rest.views import COMMON_ERRORS, refusals

RETRY_AFTER_SECONDS = 2


def body_of(model: PropertyModel) -> dict[str, Any]:
    """Return the body of a model with its address."""
    return shapes.model_body(model, reverse("campaign-model", args=[model.campaign_id, model.number]))


class CampaignModels(CampaignView):
    @extend_schema(operation_id="campaign_models_list", responses={200: shapes.ModelPage, **COMMON_ERRORS})
    def get(self, request: Request, campaign_id: UUID) -> Response:
        """Return the models, newest first."""
        rows = PropertyModel.objects.filter(campaign=self.campaign(campaign_id)).select_related("property")
        found = rows.defer("tables", "fits").order_by("-number")
        return Response({"results": [body_of(one) for one in found]})

    @extend_schema(
        operation_id="campaign_models_create",
        request=shapes.ModelSubmission,
        responses={202: shapes.ModelBody, **CREATED},
    )
    def post(self, request: Request, campaign_id: UUID) -> Response:
        """Learn from the measurements of a property as they are now. The model is computed in the background."""
        data: Any = request.data
        body = body_of(model_request(campaign=self.campaign(campaign_id), by=self.owner(), data=data))
        headers = {"Location": body["url"], "Retry-After": str(RETRY_AFTER_SECONDS)}
        return Response(body, status=202, headers=headers)


class CampaignModel(CampaignView):
    @extend_schema(operation_id="campaign_models_show", responses={200: shapes.ModelBody, **COMMON_ERRORS})
    def get(self, request: Request, campaign_id: UUID, number: int) -> Response:
        """Return a model: its cross-validation beside prior and profile, its gain, and who ranks."""
        return Response(body_of(model_of(self.campaign(campaign_id), number)))


class CampaignProposals(CampaignView):
    @extend_schema(
        operation_id="campaign_proposals_create",
        request=shapes.ProposalRequest,
        responses={201: shapes.Proposed, **CREATED},
    )
    def post(self, request: Request, campaign_id: UUID) -> Response:
        """Propose a round, with wells if there is a plate. What is proposed never changes."""
        campaign = self.campaign(campaign_id)
        data: Any = request.data
        made = proposal_create(campaign=campaign, by=self.owner(), data=data)
        url = reverse("campaign-round", args=[campaign.pk, made.number])
        body = {"round": made.number, "n": made.number, "digest": made.digest, "url": url}
        return Response(body, status=201, headers={"Location": url})


class CampaignRounds(CampaignView):
    @extend_schema(operation_id="campaign_rounds_list", responses={200: shapes.RoundPage, **COMMON_ERRORS})
    def get(self, request: Request, campaign_id: UUID) -> Response:
        """Return the rounds, oldest first."""
        rows = Round.objects.filter(campaign=self.campaign(campaign_id)).defer("frozen").order_by("number")
        return Response(shapes.RoundPage({"results": rows}).data)


class CampaignRound(CampaignView):
    @extend_schema(
        operation_id="campaign_rounds_show",
        parameters=[OpenApiParameter("format", str, enum=["json", "csv", "xlsx"], description="json by default.")],
        responses={
            (200, "application/json"): shapes.RoundBody,
            (200, "text/csv"): OpenApiTypes.STR,
            (200, WORKBOOK): OpenApiTypes.BINARY,
            **refusals(400, 401, 404),
        },
    )
    def get(self, request: Request, campaign_id: UUID, number: int) -> Response | HttpResponse:
        """Return a round with its rows, or its plate map and synthesis order as a table."""
        campaign = self.campaign(campaign_id)
        found = round_of(campaign, number)
        format = request.query_params.get("format", "json")
        if format not in ("json", "csv", "xlsx"):
            what = f"format is {format[:40]!r}"
            raise InvalidInput.one("bad_format", what, "Choose json, csv or xlsx.", path="format")
        if format == "json":
            return Response(round_body(found))
        blocks = round_csv(campaign, found) if format == "csv" else round_workbook(campaign, found)
        headers = {"Content-Disposition": attachment(f"{campaign.name}-round-{number}.{format}")}
        kind = "text/csv" if format == "csv" else WORKBOOK
        return HttpResponse(b"".join(blocks), content_type=kind, headers=headers)


class RoundOrdered(CampaignView):
    @extend_schema(operation_id="campaign_rounds_ordered", request=None, responses={201: shapes.RoundBody, **CREATED})
    def post(self, request: Request, campaign_id: UUID, number: int) -> Response:
        """Note that a round is ordered. Its variants are not proposed again."""
        found = round_of(self.campaign(campaign_id), number)
        return Response(round_body(round_step(found=found, state="ordered")), status=201)


class RoundMeasured(CampaignView):
    @extend_schema(operation_id="campaign_rounds_measured", request=None, responses={201: shapes.RoundBody, **CREATED})
    def post(self, request: Request, campaign_id: UUID, number: int) -> Response:
        """Note that an ordered round is measured."""
        found = round_of(self.campaign(campaign_id), number)
        return Response(round_body(round_step(found=found, state="measured")), status=201)
