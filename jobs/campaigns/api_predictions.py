"""REST of predictions: within a request, or as files that a service worker computes."""

from __future__ import annotations

import base64
from typing import Any
from uuid import UUID

from django.http import StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from jobs.background.blocks import file_blocks, files_of
from jobs.campaigns import serializers_predictions as shapes
from jobs.campaigns.api import CREATED, CampaignView
from jobs.campaigns.asked import flag
from jobs.campaigns.predicting import predictions
from jobs.campaigns.prediction_files import (
    prediction_delete,
    prediction_of,
    prediction_request,
    prediction_stop,
    predictions_of,
)
from jobs.campaigns.selections import selection_of
from jobs.campaigns.selectors import model_of
from jobs.errors import Conflict, InvalidInput
from jobs.files.names import attachment, file_name
from jobs.library.sharing import Right
from jobs.models import PredictionFile
from jobs.models.states import WorkState
from jobs.web.rest.views import COMMON_ERRORS, refusals

RETRY_AFTER_SECONDS = 2
CONTENT_TYPES = {"csv": "text/csv; charset=utf-8", "parquet": "application/vnd.apache.parquet"}
EXAMPLES = [
    OpenApiExample("Some variants", value={"variants": ["A24T", "A24T:G56D"]}, request_only=True),
    OpenApiExample("All singles, as a file", value={"all_singles": True, "file": True}, request_only=True),
    OpenApiExample(
        "Combinations of mutations",
        value={"combinations": ["A24T", "A24S", "G56D", "K71R"]},
        request_only=True,
    ),
]


class CampaignPredictions(CampaignView):
    @extend_schema(
        operation_id="campaign_predictions_list", responses={200: shapes.PredictionFilePage, **COMMON_ERRORS}
    )
    def get(self, request: Request, campaign_id: UUID, number: int) -> Response:
        """Return the files of predictions of a model, newest first."""
        model = model_of(self.campaign(campaign_id), number)
        return Response({"results": [shapes.prediction_body(one) for one in predictions_of(model)]})

    @extend_schema(
        operation_id="campaign_predictions_create",
        request=shapes.PredictionRequest,
        examples=EXAMPLES,
        responses={201: shapes.Predictions, 202: shapes.PredictionFileBody, **CREATED, **refusals(403, 429)},
    )
    def post(self, request: Request, campaign_id: UUID, number: int) -> Response:
        """Predict variants, all single ones, or all combinations of mutations, in the property's normalised unit.

        Up to 20,000 variants with 250,000 mutations in all are in the answer, and nothing is stored: those who may read
        the campaign may ask. Of more, or with `file`, the answer is 202 and the address of a file, for up to a million
        variants. Those who may change the campaign may ask for a file. The same request gets the same file.
        """
        campaign = self.campaign(campaign_id, Right.VIEW)
        data: Any = request.data
        model = model_of(campaign, number)
        selection = selection_of(campaign, data, more=("file",))
        if not flag(data, "file", False) and selection.at_once:
            return Response(predictions(model, selection), status=201)
        self.campaign(campaign_id, Right.EDIT)
        body = shapes.prediction_body(prediction_request(model=model, selection=selection, by=self.owner()))
        headers = {"Location": body["url"], "Retry-After": str(RETRY_AFTER_SECONDS)}
        return Response(body, status=202, headers=headers)


class CampaignPrediction(CampaignView):
    @extend_schema(
        operation_id="campaign_predictions_show", responses={200: shapes.PredictionFileBody, **COMMON_ERRORS}
    )
    def get(self, request: Request, campaign_id: UUID, number: int, file_id: int) -> Response:
        """Return a file of predictions: its state and progress, and once it is ready its addresses."""
        return Response(shapes.prediction_body(self.found(campaign_id, number, file_id)))

    @extend_schema(operation_id="campaign_predictions_delete", responses={204: None, **COMMON_ERRORS, **refusals(403)})
    def delete(self, request: Request, campaign_id: UUID, number: int, file_id: int) -> Response:
        """Delete a file of predictions. If it is being computed, that stops."""
        prediction_delete(self.found(campaign_id, number, file_id))
        return Response(status=204)

    def found(self, campaign_id: UUID, number: int, file_id: int) -> PredictionFile:
        return prediction_of(model_of(self.campaign(campaign_id), number), file_id)


class CampaignPredictionCancel(CampaignView):
    @extend_schema(
        operation_id="campaign_predictions_cancel",
        request=None,
        responses={200: shapes.PredictionFileBody, **COMMON_ERRORS, **refusals(403, 409)},
    )
    def post(self, request: Request, campaign_id: UUID, number: int, file_id: int) -> Response:
        """Stop a file of predictions within seconds. It is then `failed`, and the same request computes it again."""
        model = model_of(self.campaign(campaign_id), number)
        if not prediction_stop(prediction_of(model, file_id)):
            raise Conflict("the predictions have ended; only those on their way can be stopped", code="not_building")
        return Response(shapes.prediction_body(prediction_of(model, file_id)))


class CampaignPredictionFile(CampaignView):
    @extend_schema(
        operation_id="campaign_predictions_download",
        parameters=[OpenApiParameter("format", str, enum=list(CONTENT_TYPES), description="csv by default.")],
        responses={
            (200, "text/csv"): OpenApiTypes.STR,
            (200, CONTENT_TYPES["parquet"]): OpenApiResponse(OpenApiTypes.BINARY, "The same rows as Parquet."),
            **refusals(400, 409),
            **COMMON_ERRORS,
        },
    )
    def get(self, request: Request, campaign_id: UUID, number: int, file_id: int) -> StreamingHttpResponse:
        """Download predictions, best first, with the columns of a row. 409 until they are ready."""
        found = prediction_of(model_of(self.campaign(campaign_id), number), file_id)
        if found.state != WorkState.DONE:
            raise Conflict("the predictions are not ready", code="predictions_not_ready")
        format, files = request.query_params.get("format", "csv"), files_of(found)
        if format not in files:
            what = f"format is {format[:40]!r}"
            raise InvalidInput.one("bad_format", what, f"Choose from {', '.join(files)}.", path="format")
        parts = (f"model-{number}", f"predictions-{found.pk}")
        name = file_name(found.model.campaign.name, "campaign", *parts, suffix=format)
        digest = base64.b64encode(bytes.fromhex(files[format].sha256)).decode()
        headers = {
            "Content-Disposition": attachment(name),
            "Content-Length": str(files[format].size),
            "Repr-Digest": f"sha-256=:{digest}:",
            # Keeps nginx from collecting a download before it sends it on.
            "X-Accel-Buffering": "no",
        }
        return StreamingHttpResponse(file_blocks(found, format), content_type=CONTENT_TYPES[format], headers=headers)
