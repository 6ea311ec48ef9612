"""The cost of a submission, without submitting it."""

from __future__ import annotations

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from jobs.api.serializers import JobSubmission, JobUpload
from jobs.intake.estimates import estimate_of
from jobs.intake.requests import read_submission
from jobs.quotas import serializers as shapes
from jobs.web.rest.bodies import STREAMED, WORKBOOK, JsonBodyParser, MultipartBodyParser
from jobs.web.rest.views import JobView, refusals

RAW_KINDS = ("text/x-fasta", "text/csv", "application/x-ndjson", "application/gzip", WORKBOOK)
RAW_BODIES = dict.fromkeys(RAW_KINDS, OpenApiTypes.BINARY)
SUBMISSION_BODIES = {"application/json": JobSubmission, "multipart/form-data": JobUpload, **RAW_BODIES}
RAW_FIELDS = [
    OpenApiParameter(name, str, description="With a raw body only.")
    for name in ("model", "action", "params", "name", "project", "on_invalid", "layout", "sheet", "filename")
]


class Estimate(JobView):
    parser_classes = [JsonBodyParser, MultipartBodyParser, *STREAMED]

    @extend_schema(
        operation_id="estimate",
        request=SUBMISSION_BODIES,
        parameters=RAW_FIELDS,
        responses={200: shapes.EstimateBody, **refusals(400, 401, 413, 415)},
    )
    def post(self, request: Request) -> Response:
        """Estimate the cost of a submission with the same body, and whether it would be accepted now."""
        return Response(estimate_of(user_id=self.owner().pk, submission=read_submission(request)))
