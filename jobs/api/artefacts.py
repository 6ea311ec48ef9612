"""Answers about files that are built in the background: 202 until they are ready, then the file."""

from __future__ import annotations

import base64
from typing import Any
from uuid import UUID

from django.http import StreamingHttpResponse
from django.urls import reverse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from jobs.background.artefacts import ArtefactFailed, artefact_blocks, artefact_files, artefact_retry
from jobs.errors import Conflict, InvalidInput, NotFound, Problem
from jobs.maps.params import FORMATS
from jobs.models import Artefact, Job
from jobs.models.artefacts import ANALYSES as KINDS
from jobs.models.states import ArtefactState, WorkState
from jobs.results.export import filename_of, format_of
from jobs.web.rest import serializers as docs
from jobs.web.rest.views import ROW_ERRORS, JobView

RETRY_AFTER_SECONDS = 2


class JobArtefact(JobView):
    @extend_schema(
        operation_id="jobs_artefact",
        parameters=[
            OpenApiParameter(
                "format", str, description="Of an analysis: json (the default) or npz.", enum=list(FORMATS)
            )
        ],
        responses={
            200: OpenApiResponse(OpenApiTypes.BINARY, "The file, as an attachment, with its digest in Repr-Digest."),
            202: docs.ArtefactBody,
            400: docs.ErrorBody,
            409: docs.ErrorBody,
            500: docs.ErrorBody,
            **ROW_ERRORS,
        },
    )
    def get(self, request: Request, job_id: UUID, artefact_id: int) -> Response | StreamingHttpResponse:
        """A file that is built in the background: 202 while it is built, then the file itself."""
        job = self.job_with_rows(job_id)
        artefact = Artefact.objects.filter(job=job, pk=artefact_id).first()
        if artefact is None:
            raise NotFound(f"job {job_id} has no file {artefact_id}; ask for its results again")
        return artefact_response(job, artefact, request.query_params.get("format"))

    def perform_content_negotiation(self, request: Request, force: bool = False) -> Any:
        """Whatever the client accepts, it gets the file, or JSON about it."""
        return (self.get_renderers()[0], self.get_renderers()[0].media_type)


def artefact_response(job: Job, artefact: Artefact, format: str | None = None) -> Response | StreamingHttpResponse:
    """The file where it is ready, the first one unless a format is named; 202 where it will be. Raises ArtefactFailed
    once for a failed build, which is queued again by that, and Conflict for a cancelled one.
    """
    url = reverse("job-artefact", args=[job.pk, artefact.pk])
    if artefact.state == WorkState.FAILED:
        artefact_retry(artefact)
        raise ArtefactFailed(f"the file could not be built: {artefact.reason}; it is tried again", retry_after=10)
    if artefact.state == WorkState.CANCELLED:
        raise Conflict("the build was cancelled; ask for it again", code="artefact_cancelled")
    if artefact.state != WorkState.DONE:
        body = {"state": ArtefactState.of(artefact.state), "url": url, "retry_after": RETRY_AFTER_SECONDS}
        return Response(body, status=202, headers={"Location": url, "Retry-After": str(RETRY_AFTER_SECONDS)})
    files = artefact_files(artefact)
    chosen = next(iter(files)) if format is None else format
    if chosen not in files:
        choice = f"Choose from {', '.join(files)}."
        raise InvalidInput.of(
            Problem("unknown_format", f"there is no file of format {chosen!r}", choice, path="format")
        )
    content_type, filename = _described(job, artefact, chosen)
    file = files[chosen]
    digest = base64.b64encode(bytes.fromhex(file.sha256)).decode()
    return StreamingHttpResponse(
        artefact_blocks(artefact, chosen),
        content_type=content_type,
        headers={
            "Content-Disposition": f'attachment; filename="{filename}"',
            "Content-Length": str(file.size),
            "Repr-Digest": f"sha-256=:{digest}:",
            "X-Accel-Buffering": "no",
        },
    )


def _described(job: Job, artefact: Artefact, format: str) -> tuple[str, str]:
    """Content type and file name."""
    if artefact.kind in KINDS:
        return FORMATS[format], f"{job.model}-{artefact.kind}-{job.pk.hex[:8]}-{artefact.pk}.{format}"
    return format_of(format).content_type, filename_of(job, format)
