"""A job's ledger as a file."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.request import Request

from jobs.results.export.ledger import ledger_blocks, ledger_name
from jobs.web.rest.views import ROW_ERRORS, JobView


class JobLedger(JobView):
    @extend_schema(
        operation_id="jobs_ledger",
        responses={
            (200, "text/csv"): OpenApiResponse(OpenApiTypes.STR, "One line per item, as an attachment."),
            **ROW_ERRORS,
        },
    )
    def get(self, request: Request, job_id: UUID) -> StreamingHttpResponse:
        """Every item of the job as CSV: index, name, state, code, reason, attempts, worker, checksum."""
        job = self.job_with_rows(job_id)
        response = StreamingHttpResponse(ledger_blocks(job), content_type="text/csv; charset=utf-8")
        response["Content-Disposition"] = f'attachment; filename="{ledger_name(job)}"'
        response["X-Accel-Buffering"] = "no"
        return response

    def perform_content_negotiation(self, request: Request, force: bool = False) -> Any:
        """Whatever the client accepts, it gets the file, or JSON about what is wrong."""
        return (self.get_renderers()[0], self.get_renderers()[0].media_type)
