"""More items for an existing job."""

from __future__ import annotations

from uuid import UUID

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from jobs.api import serializers as shapes
from jobs.api.estimate import RAW_BODIES
from jobs.api.views import JobView
from jobs.intake.extend import check_extendable, job_extend
from jobs.intake.requests import read_submission
from jobs.library.sharing import Right
from jobs.web.rest.bodies import STREAMED, JsonBodyParser, MultipartBodyParser
from jobs.web.rest.views import COMMON_ERRORS, refusals

RAW_FIELDS = ("on_invalid", "layout", "sheet", "filename")


class JobExtend(JobView):
    parser_classes = [JsonBodyParser, MultipartBodyParser, *STREAMED]

    @extend_schema(
        operation_id="jobs_extend",
        request={
            "application/json": shapes.JobExtension,
            "multipart/form-data": shapes.JobExtensionUpload,
            **RAW_BODIES,
        },
        parameters=[
            OpenApiParameter(
                "Idempotency-Key", str, OpenApiParameter.HEADER, description="The same key and body add the items once."
            ),
            *(OpenApiParameter(name, str, description="With a raw body only.") for name in RAW_FIELDS),
        ],
        responses={202: shapes.JobBody, **refusals(400, 402, 409, 413, 415), **COMMON_ERRORS},
    )
    def post(self, request: Request, job_id: UUID) -> Response:
        """Add items after the job's last one. The bodies are those of a submission without model, action and params.

        A job that has ended is queued again. Bad input leaves the job unchanged.
        """
        job = self.job(job_id, Right.OWN)
        known = {"model": job.model, "action": job.action, "params": job.params, "on_invalid": job.on_invalid}
        check_extendable(job)
        job_extend(job=job, submission=read_submission(request, known))
        return self.show(job_id, status=202)
