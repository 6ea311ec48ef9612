"""Asynchronous jobs: submit, watch, fetch, stop."""

from __future__ import annotations

from typing import Any, cast
from uuid import UUID

from django.contrib.auth.models import User
from django.http import StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.pagination import CursorPagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from jobs import queue, selectors
from jobs.api import serializers as docs
from jobs.api.bodies import STREAMED, JsonBodyParser, MultipartBodyParser
from jobs.api.presenters import present_item, present_job
from jobs.api.submissions import read_submission
from jobs.errors import InvalidInput, Problem
from jobs.export import FORMATS, export_open
from jobs.manifest import manifest_of
from jobs.models import Item, Job
from jobs.services import lifecycle
from jobs.services.submit import job_submit
from jobs.states import ItemState, JobState

RETRY_AFTER_SECONDS = 2
COMMON_ERRORS = {401: docs.ErrorBody, 404: docs.ErrorBody}


class JobPages(CursorPagination):
    page_size = 50
    page_size_query_param = "page_size"
    max_page_size = 500
    ordering = ("-created_at", "-id")


class ItemPages(CursorPagination):
    page_size = 100
    page_size_query_param = "page_size"
    max_page_size = 1000
    ordering = "index"


class JobView(APIView):
    """Base of the views below: the user, and the user's own job."""

    def owner(self) -> User:
        return cast(User, self.request.user)

    def job(self, job_id: UUID) -> Job:
        return selectors.job_of(self.owner(), job_id)

    def show(self, job_id: UUID, status: int = 200) -> Response:
        return Response(present_job(self.job(job_id)), status=status)


class JobList(JobView):
    parser_classes = [JsonBodyParser, MultipartBodyParser, *STREAMED]

    @extend_schema(
        operation_id="jobs_list",
        parameters=[
            OpenApiParameter("state", str, description="Only jobs in this state.", enum=JobState.values),
            OpenApiParameter("model", str, description="Only jobs of this model."),
            OpenApiParameter("action", str, description="Only jobs of this action."),
            OpenApiParameter(
                "interactive", bool, description="Only synchronous requests (true), or only others (false)."
            ),
            OpenApiParameter("cursor", str),
            OpenApiParameter("page_size", int),
        ],
        responses={200: docs.JobPage, 400: docs.ErrorBody, 401: docs.ErrorBody},
    )
    def get(self, request: Request) -> Response:
        """Your jobs, newest first."""
        jobs = selectors.jobs_of(self.owner())
        for name in ("state", "model", "action"):
            if wanted := request.query_params.get(name):
                jobs = jobs.filter(**{name: wanted})
        if (wanted := request.query_params.get("interactive", "").lower()) in ("true", "false"):
            jobs = jobs.filter(interactive=wanted == "true")
        pages = JobPages()
        page = pages.paginate_queryset(jobs, request, view=self) or []
        totals = selectors.chunk_totals([job.pk for job in page])
        return pages.get_paginated_response([present_job(job, totals.get(job.pk, {}), whole=False) for job in page])

    @extend_schema(
        operation_id="jobs_submit",
        request={
            "application/json": docs.JobSubmission,
            "multipart/form-data": docs.JobUpload,
            "text/x-fasta": OpenApiTypes.BINARY,
            "text/csv": OpenApiTypes.BINARY,
            "application/x-ndjson": OpenApiTypes.BINARY,
            "application/gzip": OpenApiTypes.BINARY,
        },
        parameters=[
            OpenApiParameter(
                "Idempotency-Key", str, OpenApiParameter.HEADER, description="Same key and body, same job."
            ),
            *(
                OpenApiParameter(name, str, description="With a raw body only.")
                for name in ("model", "action", "params", "name", "on_invalid", "filename")
            ),
        ],
        responses={
            202: docs.JobBody,
            200: docs.JobBody,
            400: docs.ErrorBody,
            401: docs.ErrorBody,
            409: docs.ErrorBody,
            413: docs.ErrorBody,
            415: docs.ErrorBody,
        },
    )
    def post(self, request: Request) -> Response:
        """Submit a library of any size. Answers 202 with the job once every record has been read and queued."""
        job, _ = job_submit(owner=self.owner(), submission=read_submission(request))
        body = present_job(job)
        headers = {"Location": body["url"], "Retry-After": str(RETRY_AFTER_SECONDS)}
        return Response(body, status=202, headers=headers)


class JobDetail(JobView):
    @extend_schema(operation_id="jobs_show", responses={200: docs.JobBody, **COMMON_ERRORS})
    def get(self, request: Request, job_id: UUID) -> Response:
        """One job: state, counts that add up, rate, time to go, queue position and its reason."""
        return self.show(job_id)

    @extend_schema(operation_id="jobs_delete", responses={204: None, 409: docs.ErrorBody, **COMMON_ERRORS})
    def delete(self, request: Request, job_id: UUID) -> Response:
        """Remove a job with all its results."""
        lifecycle.job_delete(job_id=self.job(job_id).pk)
        return Response(status=204)


class JobCancel(JobView):
    @extend_schema(
        operation_id="jobs_cancel", request=None, responses={200: docs.JobBody, 409: docs.ErrorBody, **COMMON_ERRORS}
    )
    def post(self, request: Request, job_id: UUID) -> Response:
        """Stop within one bundle; finished rows are kept."""
        lifecycle.job_cancel(job_id=self.job(job_id).pk)
        return self.show(job_id)


class JobPause(JobView):
    @extend_schema(
        operation_id="jobs_pause", request=None, responses={200: docs.JobBody, 409: docs.ErrorBody, **COMMON_ERRORS}
    )
    def post(self, request: Request, job_id: UUID) -> Response:
        """Hand out no further chunk until it is resumed."""
        lifecycle.job_pause(job_id=self.job(job_id).pk)
        return self.show(job_id)


class JobResume(JobView):
    @extend_schema(
        operation_id="jobs_resume", request=None, responses={200: docs.JobBody, 409: docs.ErrorBody, **COMMON_ERRORS}
    )
    def post(self, request: Request, job_id: UUID) -> Response:
        """Go on with a paused job."""
        job = self.job(job_id)
        lifecycle.job_resume(job_id=job.pk)
        queue.dispatch_quietly(job.model)
        return self.show(job_id)


class JobRetry(JobView):
    @extend_schema(
        operation_id="jobs_retry", request=None, responses={202: docs.JobBody, 409: docs.ErrorBody, **COMMON_ERRORS}
    )
    def post(self, request: Request, job_id: UUID) -> Response:
        """Queue the failed items again; the results of all others stay."""
        job = self.job(job_id)
        lifecycle.job_retry(job_id=job.pk)
        queue.dispatch_quietly(job.model)
        return self.show(job_id, status=202)


class JobItems(JobView):
    @extend_schema(
        operation_id="jobs_items",
        parameters=[
            OpenApiParameter("state", str, enum=ItemState.values, description="Only items in this state."),
            OpenApiParameter("cursor", str),
            OpenApiParameter("page_size", int),
        ],
        responses={200: docs.ItemPage, 400: docs.ErrorBody, **COMMON_ERRORS},
    )
    def get(self, request: Request, job_id: UUID) -> Response:
        """The records of the input in order, each with line, name, state, code and reason."""
        items = selectors.items_of(self.job(job_id)).select_related("chunk")
        if wanted := request.query_params.get("state"):
            if wanted not in ItemState.values:
                raise InvalidInput.of(
                    Problem(
                        "bad_state",
                        f"there is no item state {wanted!r}",
                        f"Choose from {', '.join(ItemState.values)}.",
                        path="state",
                    )
                )
            items = selectors.items_in_state(items, ItemState(wanted))
        pages = ItemPages()
        page: list[Item] = pages.paginate_queryset(items, request, view=self) or []
        return pages.get_paginated_response([present_item(item) for item in page])


class JobResults(JobView):
    @extend_schema(
        operation_id="jobs_results",
        parameters=[OpenApiParameter("format", str, enum=list(FORMATS), default="jsonl")],
        responses={
            200: OpenApiResponse(OpenApiTypes.BINARY, "The results in input order, as an attachment."),
            400: docs.ErrorBody,
            **COMMON_ERRORS,
        },
    )
    def get(self, request: Request, job_id: UUID) -> StreamingHttpResponse:
        """Download the results; while the job runs, the rows that are finished so far."""
        export = export_open(self.job(job_id), request.query_params.get("format", "jsonl"))
        response = StreamingHttpResponse(export.blocks, content_type=export.content_type)
        response["Content-Disposition"] = f'attachment; filename="{export.filename}"'
        response["X-Accel-Buffering"] = "no"
        return response

    def perform_content_negotiation(self, request: Request, force: bool = False) -> Any:
        """`format` names the file's format here, not DRF's renderer."""
        return (self.get_renderers()[0], self.get_renderers()[0].media_type)


class JobManifest(JobView):
    @extend_schema(operation_id="jobs_manifest", responses={200: OpenApiTypes.OBJECT, **COMMON_ERRORS})
    def get(self, request: Request, job_id: UUID) -> Response:
        """Where the numbers come from: checkpoint, code, precision, device, parameters, counts, checksums."""
        return Response(manifest_of(self.job(job_id)))
