"""Asynchronous jobs: submit, watch, fetch, stop."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from jobs.api.artefacts import artefact_response
from jobs.api.presenters import present_item, present_job
from jobs.api.quotas import RAW_FIELDS, SUBMISSION_BODIES, RateLimited
from jobs.api.views import JobView
from jobs.background.artefacts import artefact_request
from jobs.errors import InvalidInput, NotFound, Problem, Problems
from jobs.intake.requests import read_submission
from jobs.intake.submit import job_submit
from jobs.library import selectors
from jobs.limits import SHOWN_NAME
from jobs.models import Item
from jobs.models.states import ItemState, JobState
from jobs.parsing.letters import storable
from jobs.queue import dispatch as queue
from jobs.queue import lifecycle, progress
from jobs.quotas.admission import quota_look
from jobs.results.export import FORMATS, export_open, format_of
from jobs.results.items import result_of
from jobs.results.manifest import manifest_of
from jobs.results.retention import job_keep
from jobs.web.rest import serializers as docs
from jobs.web.rest.bodies import STREAMED, JsonBodyParser, MultipartBodyParser
from jobs.web.rest.paging import NewestFirst, Pages
from jobs.web.rest.views import COMMON_ERRORS, ROW_ERRORS

RETRY_AFTER_SECONDS = 2


class ItemPages(Pages):
    page_size = 100
    max_page_size = 1000
    ordering = "index"


class JobList(RateLimited, JobView):
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
        known = {"state": JobState.values, "interactive": ["true", "false"]}
        for name, values in known.items():
            wanted = request.query_params.get(name)
            if wanted and wanted.lower() not in values:
                what, remedy = f"{name} is {wanted[:40]!r}", f"Choose from {', '.join(values)}."
                raise InvalidInput.of(Problem(f"bad_{name}", what, remedy, path=name))
        for name in ("state", "model", "action"):
            if wanted := request.query_params.get(name):
                jobs = jobs.filter(**{name: storable(wanted)})
        if (wanted := request.query_params.get("interactive", "").lower()) in ("true", "false"):
            jobs = jobs.filter(interactive=wanted == "true")
        pages = NewestFirst()
        page = pages.paginate_queryset(jobs, request, view=self) or []
        sums = progress.chunk_sums([job.pk for job in page])
        return pages.get_paginated_response([present_job(job, sums.get(job.pk, []), whole=False) for job in page])

    @extend_schema(
        operation_id="jobs_submit",
        request=SUBMISSION_BODIES,
        parameters=[
            OpenApiParameter(
                "Idempotency-Key", str, OpenApiParameter.HEADER, description="Same key and body, same job."
            ),
            *RAW_FIELDS,
        ],
        responses={
            202: docs.JobBody,
            400: docs.ErrorBody,
            401: docs.ErrorBody,
            409: docs.ErrorBody,
            413: docs.ErrorBody,
            415: docs.ErrorBody,
            429: docs.ErrorBody,
        },
    )
    def post(self, request: Request) -> Response:
        """Submit a library of any size. Answers 202 with the job once every record has been read and queued."""
        # Before the body is read: a user whose quota is used up need not send it.
        quota_look(user_id=self.owner().pk, key=request.headers.get("Idempotency-Key"))
        job, _ = job_submit(owner=self.owner(), submission=read_submission(request))
        body = present_job(job)
        headers = {"Location": body["url"], "Retry-After": str(RETRY_AFTER_SECONDS)}
        return Response(body, status=202, headers=headers)


class JobDetail(JobView):
    @extend_schema(operation_id="jobs_show", responses={200: docs.JobBody, **COMMON_ERRORS})
    def get(self, request: Request, job_id: UUID) -> Response:
        """One job: state, counts that add up, rate, time to go, queue position and its reason."""
        return self.show(job_id)

    @extend_schema(
        operation_id="jobs_rename",
        request=docs.JobChange,
        responses={200: docs.JobBody, 400: docs.ErrorBody, **COMMON_ERRORS},
    )
    def patch(self, request: Request, job_id: UUID) -> Response:
        """Change the job's name; nothing else of a job can be changed."""
        data: Any = request.data
        problems = Problems()
        unknown = [name[:SHOWN_NAME] for name in data if name != "name"]
        problems.each(unknown, lambda n: Problem("unknown_field", f"{n!r} cannot be changed", "Choose name.", path=n))
        if problems:
            raise problems.refusal()
        if "name" not in data:
            raise InvalidInput.of(Problem("missing_field", "the field name is missing", path="name"))
        lifecycle.job_rename(job_id=self.job(job_id).pk, name=data["name"])
        return self.show(job_id)

    @extend_schema(operation_id="jobs_delete", responses={204: None, 409: docs.ErrorBody, **COMMON_ERRORS})
    def delete(self, request: Request, job_id: UUID) -> Response:
        """Remove a job with all its results. The header E1-Freed-Bytes says how much storage is free again."""
        freed = lifecycle.job_delete(job_id=self.job(job_id).pk)
        return Response(status=204, headers={"E1-Freed-Bytes": str(freed)})


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


class JobKeep(JobView):
    @extend_schema(
        operation_id="jobs_keep", request=None, responses={200: docs.JobBody, 409: docs.ErrorBody, **COMMON_ERRORS}
    )
    def post(self, request: Request, job_id: UUID) -> Response:
        """Keep the results of a closed job for a full term from now; as often as you like."""
        job_keep(job_id=self.job(job_id).pk)
        return self.show(job_id)


class JobRetry(JobView):
    @extend_schema(
        operation_id="jobs_retry",
        request=None,
        responses={
            202: docs.JobBody,
            409: docs.ErrorBody,
            413: docs.ErrorBody,
            429: docs.ErrorBody,
            **COMMON_ERRORS,
        },
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
        responses={200: docs.ItemPage, 400: docs.ErrorBody, **ROW_ERRORS},
    )
    def get(self, request: Request, job_id: UUID) -> Response:
        """The records of the input in order, each with line, name, state, code and reason."""
        items = selectors.items_of(self.job_with_rows(job_id)).select_related("chunk")
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


class JobItem(JobView):
    @extend_schema(operation_id="jobs_item", responses={200: docs.ItemDetail, 413: docs.ErrorBody, **ROW_ERRORS})
    def get(self, request: Request, job_id: UUID, index: int) -> Response:
        """One record of the input with its sequence and context, and its result where it has one; 413 where that is
        too large for one answer, and is downloaded.
        """
        job = self.job_with_rows(job_id)
        item = selectors.item_of(job, index)
        if item is None:
            raise NotFound(f"job {job_id} has no item {index}")
        body = present_item(item)
        body["sequence"] = item.sequence
        body["context_sequences"] = item.context.sequences if item.context else []
        body["result"] = result_of(job, item) if body["state"] == ItemState.SUCCEEDED else None
        return Response(body)


class JobResults(JobView):
    @extend_schema(
        operation_id="jobs_results",
        parameters=[OpenApiParameter("format", str, enum=list(FORMATS), default="jsonl")],
        responses={
            200: OpenApiResponse(OpenApiTypes.BINARY, "The results in input order, as an attachment."),
            202: docs.ArtefactBody,
            400: docs.ErrorBody,
            500: docs.ErrorBody,
            **ROW_ERRORS,
        },
    )
    def get(self, request: Request, job_id: UUID) -> Response | StreamingHttpResponse:
        """Download the results; while the job runs, the rows that are finished so far. HDF5 (h5) is built in the
        background first: 202 until it is ready.
        """
        job, format = self.job_with_rows(job_id), request.query_params.get("format", "jsonl")
        if format_of(format).blocks is None:
            return artefact_response(job, artefact_request(job=job, kind=format))
        export = export_open(job, format)
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
