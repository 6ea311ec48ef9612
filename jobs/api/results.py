"""The items and results of a job, as pages of JSON and as files. A file that must be built answers 202 until then."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from uuid import UUID

from django.http import StreamingHttpResponse
from django.urls import reverse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from jobs.actions import get_action
from jobs.api import serializers as shapes
from jobs.api.presenters import present_item
from jobs.background.artefacts import artefact_request, artefact_retry
from jobs.background.blocks import ArtefactFailed, file_blocks, files_of
from jobs.errors import Conflict, InvalidInput, NotFound
from jobs.files.names import attachment
from jobs.library import selectors
from jobs.maps.params import FORMATS as ANALYSIS_FORMATS
from jobs.maps.services import analysis_of
from jobs.models import Artefact, Item, Job
from jobs.models.artefacts import ANALYSES
from jobs.models.states import ArtefactState, ItemState, WorkState
from jobs.results.export import FORMATS, Part, export_open, filename_of, format_of
from jobs.results.export.bad_records import FORMATS as RECORD_FORMATS
from jobs.results.export.bad_records import bad_record_blocks
from jobs.results.export.ledger import ledger_blocks
from jobs.results.export.names import job_file
from jobs.results.items import result_of
from jobs.results.manifest import manifest_of
from jobs.web.rest.paging import Pages
from jobs.web.rest.views import COMMON_ERRORS, ROW_ERRORS, JobView, refusals

RETRY_AFTER_SECONDS = 2
BOM_PARAMETER = OpenApiParameter(
    "bom", bool, default=False, description="Of csv: begin with the mark by which Excel recognises UTF-8."
)


class ItemPages(Pages):
    page_size = 100
    max_page_size = 1000
    ordering = "index"


class JobItems(JobView):
    @extend_schema(
        operation_id="jobs_items",
        parameters=[
            OpenApiParameter("state", str, enum=ItemState.values, description="Only items in this state."),
            OpenApiParameter("cursor", str),
            OpenApiParameter("page_size", int),
        ],
        responses={200: shapes.ItemPage, **refusals(400), **ROW_ERRORS},
    )
    def get(self, request: Request, job_id: UUID) -> Response:
        """List the records of the input in order, each with line, name, state, code and reason."""
        job = self.job_with_rows(job_id)
        items = selectors.items_of(job).select_related("chunk")
        if wanted := request.query_params.get("state"):
            if wanted not in ItemState.values:
                choice = f"Choose from {', '.join(ItemState.values)}."
                raise InvalidInput.one("bad_state", f"there is no item state {wanted!r}", choice, path="state")
            items = selectors.items_in_state(items, ItemState(wanted))
        pages = ItemPages()
        page: list[Item] = pages.paginate_queryset(items, request, view=self) or []
        of_variants = get_action(job.action).takes_variants
        return pages.get_paginated_response([present_item(item, of_variants=of_variants) for item in page])


class JobItem(JobView):
    @extend_schema(operation_id="jobs_item", responses={200: shapes.ItemDetail, **refusals(413), **ROW_ERRORS})
    def get(self, request: Request, job_id: UUID, index: int) -> Response:
        """Show a record with its sequence, context and result. A result too large for one answer is 413."""
        job = self.job_with_rows(job_id)
        item = selectors.item_of(job, index)
        if item is None:
            raise NotFound(f"job {job_id} has no item {index}")
        body = present_item(item, of_variants=get_action(job.action).takes_variants)
        body["sequence"] = item.sequence
        body["context_sequences"] = item.context.sequences if item.context else []
        body["result"] = result_of(job, item) if body["state"] == ItemState.SUCCEEDED else None
        return Response(body)


class JobResults(JobView):
    @extend_schema(
        operation_id="jobs_results",
        parameters=[
            OpenApiParameter("format", str, enum=list(FORMATS), default="jsonl"),
            OpenApiParameter("table", str, description="Of csv and xlsx: one of the job's tables, such as logits."),
            BOM_PARAMETER,
        ],
        responses={
            200: OpenApiResponse(OpenApiTypes.BINARY, "The results in input order, as an attachment."),
            202: shapes.ArtefactBody,
            **refusals(400, 500),
            **ROW_ERRORS,
        },
    )
    def get(self, request: Request, job_id: UUID) -> Response | StreamingHttpResponse:
        """Download the results, or the rows so far while the job runs.

        HDF5 (h5) is built in the background: 202 until it is ready.
        """
        job, format = self.job_with_rows(job_id), request.query_params.get("format", "jsonl")
        if format_of(format).blocks is None:
            return artefact_response(job, artefact_request(job=job, kind=format, by=self.owner()))
        asked = request.query_params
        export = export_open(job, format, Part(asked.get("table", ""), bom=_bom(request)))
        return _attachment(export.blocks, export.content_type, export.filename)


class JobManifest(JobView):
    @extend_schema(operation_id="jobs_manifest", responses={200: OpenApiTypes.OBJECT, **COMMON_ERRORS})
    def get(self, request: Request, job_id: UUID) -> Response:
        """Show the origin of the numbers: checkpoint, code, precision, device, parameters, counts, checksums."""
        return Response(manifest_of(self.job(job_id)))


class JobLedger(JobView):
    @extend_schema(
        operation_id="jobs_ledger",
        parameters=[BOM_PARAMETER],
        responses={
            (200, "text/csv"): OpenApiResponse(OpenApiTypes.STR, "One line per item, as an attachment."),
            **ROW_ERRORS,
        },
    )
    def get(self, request: Request, job_id: UUID) -> StreamingHttpResponse:
        """Download every item of the job as CSV: index, name, state, code, reason, attempts, worker, checksum."""
        job = self.job_with_rows(job_id)
        return _attachment(
            ledger_blocks(job, bom=_bom(request)), "text/csv; charset=utf-8", job_file(job, "ledger", suffix="csv")
        )


class JobBadRecords(JobView):
    @extend_schema(
        operation_id="jobs_bad_records",
        parameters=[OpenApiParameter("format", str, enum=list(RECORD_FORMATS), default="fasta"), BOM_PARAMETER],
        responses={
            (200, "text/x-fasta"): OpenApiResponse(OpenApiTypes.STR, "The skipped records, as an attachment."),
            (200, "text/csv"): OpenApiResponse(OpenApiTypes.STR, "The same, with the reasons in columns."),
            **refusals(400),
            **ROW_ERRORS,
        },
    )
    def get(self, request: Request, job_id: UUID) -> StreamingHttpResponse:
        """Download the records that were skipped as invalid, with the reason of each, to mend and send again."""
        job, format = self.job_with_rows(job_id), request.query_params.get("format", "fasta")
        blocks = bad_record_blocks(job, format, bom=_bom(request))
        return _attachment(blocks, RECORD_FORMATS[format], job_file(job, "bad-records", suffix=format))


class JobArtefact(JobView):
    @extend_schema(
        operation_id="jobs_artefact",
        parameters=[
            OpenApiParameter(
                "format", str, description="Of an analysis: json (the default) or npz.", enum=list(ANALYSIS_FORMATS)
            )
        ],
        responses={
            200: OpenApiResponse(OpenApiTypes.BINARY, "The file, as an attachment, with its digest in Repr-Digest."),
            202: shapes.ArtefactBody,
            **refusals(400, 409, 500),
            **ROW_ERRORS,
        },
    )
    def get(self, request: Request, job_id: UUID, artefact_id: int) -> Response | StreamingHttpResponse:
        """Download a file that is built in the background: 202 until it is ready."""
        job = self.job_with_rows(job_id)
        artefact = Artefact.objects.filter(job=job, pk=artefact_id).first()
        if artefact is not None and artefact.kind in ANALYSES:
            artefact = analysis_of(job, self.owner(), artefact_id)
        if artefact is None:
            raise NotFound(f"job {job_id} has no file {artefact_id}; ask for its results again")
        return artefact_response(job, artefact, request.query_params.get("format"))


def _bom(request: Request) -> bool:
    return request.query_params.get("bom", "").lower() == "true"


def artefact_response(job: Job, artefact: Artefact, format: str | None = None) -> Response | StreamingHttpResponse:
    """Return the file in a format, the first by default, or 202 while the file is built.

    Raises Conflict for a cancelled build, and ArtefactFailed for a failed one. A failure is reported once and retried.
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
    files = files_of(artefact)
    chosen = next(iter(files)) if format is None else format
    if chosen not in files:
        choice = f"Choose from {', '.join(files)}."
        raise InvalidInput.one("unknown_format", f"there is no file of format {chosen!r}", choice, path="format")
    content_type, filename = _described(job, artefact, chosen)
    file = files[chosen]
    digest = base64.b64encode(bytes.fromhex(file.sha256)).decode()
    headers = {"Content-Length": str(file.size), "Repr-Digest": f"sha-256=:{digest}:"}
    return _attachment(file_blocks(artefact, chosen), content_type, filename, headers)


def _described(job: Job, artefact: Artefact, format: str) -> tuple[str, str]:
    """Return content type and file name."""
    if artefact.kind in ANALYSES:
        return ANALYSIS_FORMATS[format], job_file(job, artefact.kind, str(artefact.pk), suffix=format)
    return format_of(format).content_type, filename_of(job, format)


def _attachment(
    blocks: Iterable[bytes], content_type: str, filename: str, more: Mapping[str, str] = MappingProxyType({})
) -> StreamingHttpResponse:
    # X-Accel-Buffering keeps nginx from collecting a download before it sends it on.
    headers = {"Content-Disposition": attachment(filename), "X-Accel-Buffering": "no", **more}
    return StreamingHttpResponse(blocks, content_type=content_type, headers=headers)
