"""REST of degenerate-codon libraries."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from jobs.campaigns import serializers_libraries as shapes
from jobs.campaigns.api import CREATED, CampaignView
from jobs.campaigns.libraries import library_of
from jobs.campaigns.library_bodies import library_body
from jobs.campaigns.library_tables import KINDS, MEMBERS, ORDER, TABLES, check_table, library_name, table_blocks
from jobs.campaigns.priors import prior_at_hand
from jobs.files.names import attachment
from jobs.library.sharing import Right
from jobs.web.rest.bodies import WORKBOOK

FORMATS = ("json", "csv", "xlsx", "fasta")
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
        parameters=[
            OpenApiParameter("format", str, enum=list(FORMATS), description="json by default."),
            OpenApiParameter(
                "table",
                str,
                enum=list(TABLES),
                description="What another format has: the synthesis order, the sites, or the members (also fasta).",
            ),
        ],
        examples=EXAMPLES,
        responses={
            (201, "application/json"): shapes.LibraryBody,
            (201, "text/csv"): OpenApiTypes.STR,
            (201, WORKBOOK): OpenApiTypes.BINARY,
            (201, "text/x-fasta"): OpenApiTypes.STR,
            **CREATED,
        },
    )
    def post(self, request: Request, campaign_id: UUID) -> Response | HttpResponseBase:
        """Design a library with degenerate codons: members, clones, and the DNA to order. Nothing is stored.

        A budget of clones or members that does not suffice is refused, with the largest design that fits.
        """
        campaign = self.campaign(campaign_id, Right.VIEW)
        format, table = request.query_params.get("format", "json"), request.query_params.get("table", ORDER)
        if format != "json":
            check_table(table, format)
        data: Any = request.data
        prior = prior_at_hand(campaign, by=self.owner())
        found = library_of(campaign, data, prior.tables.prior)
        body = library_body(found, prior)
        if format == "json":
            return Response(body, status=201)
        blocks = table_blocks(campaign, found, table, format, prior=prior.tables, facts=body)
        headers = {"Content-Disposition": attachment(library_name(campaign, table, format))}
        if table == MEMBERS:
            return StreamingHttpResponse(blocks, status=201, content_type=KINDS[format], headers=headers)
        return HttpResponse(b"".join(blocks), status=201, content_type=KINDS[format], headers=headers)
