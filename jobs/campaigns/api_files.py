"""REST of whole campaigns as files: export and import."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from jobs.campaigns import serializers as shapes
from jobs.campaigns.api import CREATED, CampaignView
from jobs.campaigns.exporting import archive_blocks
from jobs.campaigns.importing import campaign_import
from jobs.campaigns.selectors import campaign_shown
from jobs.files.names import attachment
from jobs.parsing.bodies import only_fields
from jobs.web.rest.bodies import MultipartBodyParser
from jobs.web.rest.forms import opened_of
from jobs.web.rest.views import COMMON_ERRORS, JobView

ZIP = "application/zip"


class CampaignExport(CampaignView):
    @extend_schema(
        operation_id="campaigns_export",
        responses={(200, ZIP): OpenApiResponse(OpenApiTypes.BINARY, "A ZIP file, as an attachment."), **COMMON_ERRORS},
    )
    def get(self, request: Request, campaign_id: UUID) -> StreamingHttpResponse:
        """Download a whole campaign: measurements, cards of models, rounds byte for byte, and the digest of each file.

        Models that are not computed yet are left out; `manifest.json` names them.
        """
        campaign = self.campaign(campaign_id)
        # X-Accel-Buffering keeps nginx from collecting a download before it sends it on.
        headers = {"Content-Disposition": attachment(f"{campaign.name}.zip"), "X-Accel-Buffering": "no"}
        return StreamingHttpResponse(archive_blocks(campaign, self.owner()), content_type=ZIP, headers=headers)


class CampaignImport(JobView):
    parser_classes = [MultipartBodyParser]

    @extend_schema(
        operation_id="campaigns_import",
        request={"multipart/form-data": shapes.CampaignUpload},
        responses={201: shapes.CampaignImported, **CREATED},
    )
    def post(self, request: Request) -> Response:
        """Make a campaign from the file of an export: all of it, or nothing. Digests are those of the file."""
        data: Any = request.data
        only_fields(data, ("file",))
        file, size = opened_of(request.FILES)
        campaign, more = campaign_import(owner=self.owner(), file=file, size=size)
        body = {**shapes.CampaignBody(campaign_shown(self.owner(), campaign)).data, **more}
        return Response(body, status=201, headers={"Location": body["url"]})
