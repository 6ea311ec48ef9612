"""REST of campaigns: the campaign itself, its properties and measurements."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import orjson
from django.urls import reverse
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from jobs.campaigns import serializers as shapes
from jobs.campaigns.measuring import measurements_add
from jobs.campaigns.selectors import campaign_of, campaign_shown, campaigns_in, campaigns_of, shown_to
from jobs.campaigns.services import campaign_create, campaign_delete, campaign_move, property_create
from jobs.errors import InvalidInput
from jobs.library.sharing import Right, project_of
from jobs.limits import MAX_ASSAY_BYTES
from jobs.models import Campaign, Measurement, Property
from jobs.parsing.bodies import only_fields
from jobs.parsing.numbers import whole
from jobs.web.rest.bodies import MultipartBodyParser
from jobs.web.rest.forms import file_of
from jobs.web.rest.paging import NewestFirst, Pages
from jobs.web.rest.views import COMMON_ERRORS, JobView, refusals

CREATED = refusals(400, 401, 404, 409, 413)
_PAGED = [OpenApiParameter("cursor", str), OpenApiParameter("page_size", int)]
_FORM = ("file", "property", "columns", "round", "sheet")


class CampaignView(JobView):
    """A view of one campaign. All of them find it here."""

    def campaign(self, campaign_id: UUID, right: Right | None = None) -> Campaign:
        """Return a campaign on which the user has the right, by default the one that the method needs."""
        return campaign_of(self.owner(), campaign_id, self.needed() if right is None else right)

    def show_campaign(self, campaign: Campaign, status: int = 200) -> Response:
        body = shapes.CampaignBody(campaign_shown(self.owner(), campaign)).data
        return Response(body, status=status, headers={"Location": body["url"]} if status == 201 else {})


class InOrder(Pages):
    ordering = "id"


class CampaignList(CampaignView):
    @extend_schema(
        operation_id="campaigns_list",
        parameters=[
            *_PAGED,
            OpenApiParameter("project", str, description="Only those of this project, of all members."),
        ],
        responses={200: shapes.CampaignPage, **refusals(400, 401, 404)},
    )
    def get(self, request: Request) -> Response:
        """Return your campaigns, or those of a project, newest first."""
        rows = campaigns_of(self.owner())
        if asked := request.query_params.get("project"):
            try:
                rows = campaigns_in(project_of(self.owner(), UUID(asked)))
            except ValueError:
                raise InvalidInput.one("bad_project", f"project is {asked[:60]!r}", path="project") from None
        return NewestFirst().answer(shown_to(rows, self.owner()), self, shapes.CampaignBody)

    @extend_schema(
        operation_id="campaigns_create",
        request=shapes.CampaignSubmission,
        responses={201: shapes.CampaignBody, **CREATED},
    )
    def post(self, request: Request) -> Response:
        """Begin a campaign on a parent. Positions in its requests and answers have its numbering."""
        data: Any = request.data
        return self.show_campaign(campaign_create(owner=self.owner(), data=data), 201)


class CampaignDetail(CampaignView):
    @extend_schema(operation_id="campaigns_show", responses={200: shapes.CampaignBody, **COMMON_ERRORS})
    def get(self, request: Request, campaign_id: UUID) -> Response:
        """Return a campaign."""
        return self.show_campaign(self.campaign(campaign_id))

    @extend_schema(
        operation_id="campaigns_move",
        request=shapes.CampaignChange,
        responses={200: shapes.CampaignBody, **refusals(400, 409), **COMMON_ERRORS},
    )
    def patch(self, request: Request, campaign_id: UUID) -> Response:
        """Put a campaign into a project, or out of its project. Nothing else of it changes."""
        campaign = self.campaign(campaign_id)
        data: Any = request.data
        only_fields(data, ("project",))
        if "project" not in data:
            remedy = "Give the id of a project, or null for none."
            raise InvalidInput.one("missing_field", "there is nothing to change", remedy, path="project")
        campaign_move(campaign=campaign, asked=data["project"], by=self.owner())
        return self.show_campaign(campaign)

    @extend_schema(operation_id="campaigns_delete", responses={204: None, **COMMON_ERRORS})
    def delete(self, request: Request, campaign_id: UUID) -> Response:
        """Delete a campaign with its properties, measurements, models and rounds."""
        campaign_delete(campaign=self.campaign(campaign_id, Right.OWN))
        return Response(status=204)


class CampaignProperties(CampaignView):
    @extend_schema(operation_id="campaign_properties_list", responses={200: shapes.PropertyPage, **COMMON_ERRORS})
    def get(self, request: Request, campaign_id: UUID) -> Response:
        """Return the properties, oldest first."""
        rows = Property.objects.filter(campaign=self.campaign(campaign_id)).order_by("id")
        return Response(shapes.PropertyPage({"results": rows}).data)

    @extend_schema(
        operation_id="campaign_properties_create",
        request=shapes.PropertySubmission,
        responses={201: shapes.PropertyBody, **CREATED},
    )
    def post(self, request: Request, campaign_id: UUID) -> Response:
        """Add a property. Thresholds are in its normalised unit, detection limits in that of the file."""
        data: Any = request.data
        made = property_create(campaign=self.campaign(campaign_id), data=data)
        return Response(shapes.PropertyBody(made).data, status=201)


class CampaignMeasurements(CampaignView):
    parser_classes = [MultipartBodyParser]

    @extend_schema(
        operation_id="campaign_measurements_list",
        parameters=_PAGED,
        responses={200: shapes.MeasurementPage, **COMMON_ERRORS},
    )
    def get(self, request: Request, campaign_id: UUID) -> Response:
        """Return every row, oldest first. Of the rows of a well, the last one counts."""
        rows = Measurement.objects.filter(property__campaign=self.campaign(campaign_id)).select_related("property")
        return InOrder().answer(rows, self, shapes.MeasurementRow)

    @extend_schema(
        operation_id="campaign_measurements_create",
        request={"multipart/form-data": shapes.MeasurementUpload},
        responses={201: shapes.MeasurementCounts, **CREATED},
    )
    def post(self, request: Request, campaign_id: UUID) -> Response:
        """Add measurements from a table. Another value of a well is a correction: the earlier row stays."""
        campaign = self.campaign(campaign_id)
        data: Any = request.data
        only_fields(data, _FORM)
        content, _ = file_of(request.FILES, MAX_ASSAY_BYTES)
        counts = measurements_add(
            campaign=campaign,
            by=self.owner(),
            data=content,
            wanted=str(data.get("property") or "").strip(),
            columns=_columns(data),
            round_number=_round(data),
            sheet=str(data.get("sheet") or ""),
        )
        headers = {"Location": reverse("campaign-measurements", args=[campaign.pk])}
        return Response(counts, status=201, headers=headers)


def _columns(data: Mapping[str, Any]) -> dict[str, str] | None:
    """Return the field `columns`, which is JSON. Raises InvalidInput `bad_columns`."""
    text = str(data.get("columns") or "").strip()
    if not text:
        return None
    try:
        found = orjson.loads(text)
    except orjson.JSONDecodeError:
        found = None
    if not isinstance(found, dict) or not found or not all(isinstance(one, str) and one for one in found.values()):
        what, remedy = f"columns is {text[:60]!r}", 'Send JSON: {"activity": "kcat"}, property and column.'
        raise InvalidInput.one("bad_columns", what, remedy, path="columns")
    return {str(name).strip(): column for name, column in found.items()}


def _round(data: Mapping[str, Any]) -> int | None:
    text = str(data.get("round") or "").strip()
    if not text:
        return None
    if (number := whole(text, low=1, high=2**31 - 1)) is None:
        raise InvalidInput.one("bad_value", f"round is {text[:60]!r}", "Give the number of a round.", path="round")
    return number
