"""What a submission would cost, what is left of a quota, and the header fields that say so."""

from __future__ import annotations

from typing import Any, cast

from django.conf import settings
from django.contrib.auth.models import User
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from jobs.fleet.pace import pace_of
from jobs.intake.estimates import estimate_of, present_quota
from jobs.intake.requests import read_submission
from jobs.quotas import serializers as shapes
from jobs.quotas import usage
from jobs.quotas.rules import Amounts, rate_limit_fields
from jobs.web.rest import serializers as docs
from jobs.web.rest.bodies import STREAMED, JsonBodyParser, MultipartBodyParser
from jobs.web.rest.views import JobView

SUBMISSION_BODIES = {
    "application/json": docs.JobSubmission,
    "multipart/form-data": docs.JobUpload,
    "text/x-fasta": OpenApiTypes.BINARY,
    "text/csv": OpenApiTypes.BINARY,
    "application/x-ndjson": OpenApiTypes.BINARY,
    "application/gzip": OpenApiTypes.BINARY,
}
RAW_FIELDS = [
    OpenApiParameter(name, str, description="With a raw body only.")
    for name in ("model", "action", "params", "name", "on_invalid", "filename")
]


class RateLimited(APIView):
    """Says in every answer to a POST what is left of the user's quotas (`RateLimit-Policy`, `RateLimit`)."""

    interactive = False

    def finalize_response(self, request: Any, response: Any, *args: Any, **kwargs: Any) -> Any:
        response = super().finalize_response(request, response, *args, **kwargs)
        user = getattr(request, "user", None)
        if request.method == "POST" and user is not None and user.is_authenticated:
            limits = usage.limits_of(user.pk)
            if limits.any:
                for name, value in self._fields(response, limits, usage.use_of(user.pk)).items():
                    response[name] = value
        return response

    def _fields(self, response: Any, limits: Amounts, use: Amounts) -> dict[str, str]:
        data = getattr(response, "data", None)
        refused = str(data.get("code", "")) if isinstance(data, dict) and response.status_code >= 400 else ""
        wait = response.get("Retry-After")
        retry_after = int(wait) if refused and wait else None
        return rate_limit_fields(limits, use, interactive=self.interactive, retry_after=retry_after, refused=refused)


class Estimate(JobView):
    parser_classes = [JsonBodyParser, MultipartBodyParser, *STREAMED]

    @extend_schema(
        operation_id="estimate",
        request=SUBMISSION_BODIES,
        parameters=RAW_FIELDS,
        responses={
            200: shapes.EstimateBody,
            400: docs.ErrorBody,
            401: docs.ErrorBody,
            413: docs.ErrorBody,
            415: docs.ErrorBody,
        },
    )
    def post(self, request: Request) -> Response:
        """What a submission with the same body would cost, and whether it would be accepted now. Nothing is stored."""
        return Response(estimate_of(user_id=self.owner().pk, submission=read_submission(request)))


class Usage(APIView):
    @extend_schema(operation_id="usage", responses={200: shapes.UsageBody, 401: docs.ErrorBody})
    def get(self, request: Request) -> Response:
        """Your quotas with what is in use and left of them, and how fast each model is computed now."""
        return Response(present_usage(cast(User, request.user).pk))


def present_usage(user_id: int) -> dict[str, Any]:
    """Quotas of the user, and the pace of every enabled model."""
    paces = {slug: pace_of(slug) for slug in settings.E1_MODELS}
    return {
        "quota": present_quota(usage.limits_of(user_id), usage.use_of(user_id)),
        "models": {
            slug: {
                "workers": pace.workers,
                "tokens_per_second": pace.rate,
                "reason": pace.reason,
                "waiting_tokens": pace.waiting_tokens,
            }
            for slug, pace in paces.items()
        },
    }
