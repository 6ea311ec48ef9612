"""Answers about files that are built in the background: 202 until they are ready, then the file."""

from __future__ import annotations

import base64
from typing import Any
from uuid import UUID

from django.http import StreamingHttpResponse
from django.urls import reverse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from jobs.api import serializers as docs
from jobs.api.base import COMMON_ERRORS, JobView
from jobs.errors import NotFound
from jobs.export import filename_of, format_of
from jobs.models import Artefact, Job
from jobs.services.artefacts import ArtefactFailed, artefact_blocks, artefact_retry
from jobs.states import ArtefactState

RETRY_AFTER_SECONDS = 2


class JobArtefact(JobView):
    @extend_schema(
        operation_id="jobs_artefact",
        responses={
            200: OpenApiResponse(OpenApiTypes.BINARY, "The file, as an attachment, with its digest in Repr-Digest."),
            202: docs.ArtefactBody,
            500: docs.ErrorBody,
            **COMMON_ERRORS,
        },
    )
    def get(self, request: Request, job_id: UUID, artefact_id: int) -> Response | StreamingHttpResponse:
        """A file that is built in the background: 202 while it is built, then the file itself."""
        job = self.job(job_id)
        artefact = Artefact.objects.filter(job=job, pk=artefact_id).first()
        if artefact is None:
            raise NotFound(f"job {job_id} has no file {artefact_id}; ask for its results again")
        return artefact_response(job, artefact)

    def perform_content_negotiation(self, request: Request, force: bool = False) -> Any:
        """Whatever the client accepts, it gets the file, or JSON about it."""
        return (self.get_renderers()[0], self.get_renderers()[0].media_type)


def artefact_response(job: Job, artefact: Artefact) -> Response | StreamingHttpResponse:
    """The file where it is ready; 202 where it will be. Raises ArtefactFailed once for a failed build, which is
    queued again by that.
    """
    url = reverse("job-artefact", args=[job.pk, artefact.pk])
    if artefact.state == ArtefactState.FAILED:
        artefact_retry(artefact_id=artefact.pk)
        raise ArtefactFailed(f"the file could not be built: {artefact.reason}; it is tried again", retry_after=10)
    if artefact.state != ArtefactState.READY:
        body = {"state": artefact.state, "url": url, "retry_after": RETRY_AFTER_SECONDS}
        return Response(body, status=202, headers={"Location": url, "Retry-After": str(RETRY_AFTER_SECONDS)})
    digest = base64.b64encode(bytes.fromhex(artefact.sha256)).decode()
    return StreamingHttpResponse(
        artefact_blocks(artefact),
        content_type=format_of(artefact.kind).content_type,
        headers={
            "Content-Disposition": f'attachment; filename="{filename_of(job, artefact.kind)}"',
            "Content-Length": str(artefact.size),
            "Repr-Digest": f"sha-256=:{digest}:",
            "X-Accel-Buffering": "no",
        },
    )
