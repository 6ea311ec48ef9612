"""REST of degenerate-codon libraries."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from jobs.campaigns import serializers_libraries as shapes
from jobs.campaigns.api import CREATED, CampaignView
from jobs.campaigns.libraries import library_body, library_csv, library_of, library_workbook
from jobs.errors import InvalidInput
from jobs.files.names import attachment
from jobs.library.sharing import Right
from jobs.web.rest.bodies import WORKBOOK

FORMATS = ("json", "csv", "xlsx")
EXAMPLES = [
    OpenApiExample(
        "Three sites with 22c",
        value={"sites": ["104", "182", "240"], "scheme": "22c", "budget": 40_000},
        request_only=True,
    ),
    OpenApiExample(
        "Wanted residues by site",
        value={"sites": ["104", "182"], "scheme": "minimal", "wanted": {"104": "AVLI", "182": "ST"}},
        request_only=True,
    ),
]


class CampaignLibraries(CampaignView):
    @extend_schema(
        operation_id="campaign_libraries_create",
        request=shapes.LibraryRequest,
        parameters=[OpenApiParameter("format", str, enum=list(FORMATS), description="json by default.")],
        examples=EXAMPLES,
        responses={
            (201, "application/json"): shapes.LibraryBody,
            (201, "text/csv"): OpenApiTypes.STR,
            (201, WORKBOOK): OpenApiTypes.BINARY,
            **CREATED,
        },
    )
    def post(self, request: Request, campaign_id: UUID) -> Response | HttpResponse:
        """Design a library with degenerate codons: members, clones, and the DNA to order. Nothing is stored.

        A budget of clones that does not suffice is refused, with the largest design that fits.
        """
        campaign = self.campaign(campaign_id, Right.VIEW)
        format = request.query_params.get("format", "json")
        if format not in FORMATS:
            what = f"format is {format[:40]!r}"
            raise InvalidInput.one("bad_format", what, "Choose json, csv or xlsx.", path="format")
        data: Any = request.data
        found = library_of(campaign, data)
        if format == "json":
            return Response(library_body(found), status=201)
        blocks = library_csv(found) if format == "csv" else library_workbook(campaign, found)
        headers = {"Content-Disposition": attachment(f"{campaign.name}-library.{format}")}
        kind = "text/csv" if format == "csv" else WORKBOOK
        return HttpResponse(b"".join(blocks), status=201, content_type=kind, headers=headers)
