"""REST of the comparison of models of a property."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpResponseBase, StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from jobs.campaigns import serializers_comparison as shapes
from jobs.campaigns.api import CampaignView
from jobs.campaigns.api_models import body_of
from jobs.campaigns.comparing import comparison_of
from jobs.errors import InvalidInput
from jobs.files.names import attachment, file_name
from jobs.files.pieces import in_blocks
from jobs.learning.folds import KINDS
from jobs.web.rest.views import COMMON_ERRORS, refusals

TABLES = {shapes.FIGURES: shapes.figure_lines, shapes.VARIANTS: shapes.variant_lines}


class CampaignComparison(CampaignView):
    @extend_schema(
        operation_id="campaign_models_compare",
        parameters=[
            OpenApiParameter("models", str, description="Numbers, such as 1,2. By default the newest of each kind."),
            OpenApiParameter("main", int, description="The model that is set against the others; else the newest."),
            OpenApiParameter("folds", str, enum=list(KINDS), description="By position if the models have such folds."),
            OpenApiParameter("format", str, enum=["json", "csv"], description="json by default."),
            OpenApiParameter(
                "table", str, enum=list(TABLES), description="Of CSV: all figures, or the held-out variants."
            ),
        ],
        responses={
            (200, "application/json"): shapes.ModelComparisonBody,
            (200, "text/csv"): OpenApiTypes.STR,
            **refusals(400, 409),
            **COMMON_ERRORS,
        },
    )
    def get(self, request: Request, campaign_id: UUID) -> Response | HttpResponseBase:
        """Compare models of one property: figures of each, paired differences, and what should rank the next plate.

        Differences are those on the variants that both models predicted out of fold.
        """
        campaign, query = self.campaign(campaign_id), request.query_params
        asked = {name: query.get(name, "") for name in ("models", "main", "folds")}
        found = comparison_of(campaign, by=self.owner().pk, **asked)
        format, table = query.get("format", "json"), query.get("table", shapes.FIGURES)
        if format not in ("json", "csv"):
            raise InvalidInput.one("bad_format", f"format is {format[:40]!r}", "Choose json or csv.", path="format")
        if table not in TABLES:
            remedy = f"Choose from {', '.join(TABLES)}."
            raise InvalidInput.one("bad_choice", f"table is {table[:40]!r}", remedy, path="table")
        if format == "json":
            return Response(shapes.comparison_body(found, [body_of(one.model) for one in found.sides]))
        numbers = "-".join(str(one.n) for one in found.sides)
        name = file_name(campaign.name, "campaign", f"models-{numbers}", table, suffix="csv")
        response = StreamingHttpResponse(in_blocks(TABLES[table](found)), content_type="text/csv; charset=utf-8")
        response["Content-Disposition"] = attachment(name)
        return response
