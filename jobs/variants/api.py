"""REST of the measurements that are compared with the scores of a job."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import orjson
from django.contrib.auth.models import User
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from jobs.errors import InvalidInput
from jobs.intake.numbering import numbering_upload
from jobs.limits import MAX_ASSAY_BYTES
from jobs.models import Assay, Job
from jobs.parsing.asked import skips_bad
from jobs.science.variants.numbering_forms import REMEDY, numbering_of_texts
from jobs.variants import serializers as shapes
from jobs.variants.assays import assay_add, assay_of, assay_overlay, assays_of
from jobs.web.numbers import form_number
from jobs.web.rest.bodies import MultipartBodyParser
from jobs.web.rest.forms import file_of
from jobs.web.rest.views import ROW_ERRORS, JobView, refusals

REFUSED = refusals(400, 401, 403, 404, 409, 410, 413)


class AssayList(JobView):
    parser_classes = [MultipartBodyParser]

    @extend_schema(operation_id="assays_list", responses={200: shapes.AssayPage, **ROW_ERRORS})
    def get(self, request: Request, job_id: UUID) -> Response:
        """Return the measurements beside this job's scores, newest first."""
        return Response(shapes.AssayPage({"results": assays_of(self.job_with_rows(job_id))}).data)

    @extend_schema(
        operation_id="assays_create",
        request={"multipart/form-data": shapes.AssayUpload},
        responses={201: shapes.AssayDetail, **REFUSED},
    )
    def post(self, request: Request, job_id: UUID) -> Response:
        """Compare measured values with the scores of a job of score or scan."""
        job = self.job_with_rows(job_id)
        data: Any = request.data
        assay = assay_upload(job, self.owner(), data, request.FILES)
        body = assay_body(assay)
        return Response(body, status=201, headers={"Location": body["url"]})


class AssayDetail(JobView):
    @extend_schema(operation_id="assays_show", responses={200: shapes.AssayDetail, **ROW_ERRORS})
    def get(self, request: Request, job_id: UUID, assay_id: int) -> Response:
        """Return how well the scores rank the measurements, how the names map, and every point."""
        return Response(assay_body(assay_of(self.job_with_rows(job_id), assay_id)))

    @extend_schema(operation_id="assays_delete", responses={204: None, **ROW_ERRORS})
    def delete(self, request: Request, job_id: UUID, assay_id: int) -> Response:
        """Remove the measurements."""
        assay_of(self.job_with_rows(job_id), assay_id).delete()
        return Response(status=204)


def assay_body(assay: Assay) -> dict[str, Any]:
    """Return the body of an assay with its overlay."""
    return shapes.AssaySummary(assay).data | shapes.OverlayBody(assay_overlay(assay)).data


def numbering_fields(data: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the numbering in the fields of a form, or None if it has none. Raises InvalidInput.

    A request has `offset` or `numbering`, which is JSON; the page has `offset`, `skip` and `labels`.
    """
    offset, skip, labels, numbering = (str(data.get(name) or "") for name in ("offset", "skip", "labels", "numbering"))
    if numbering.strip():
        try:
            return {"offset": form_number(data, "offset"), "numbering": orjson.loads(numbering)}
        except orjson.JSONDecodeError as error:
            what = f"numbering is not JSON: {error.msg}"
            raise InvalidInput.one("bad_numbering", what, REMEDY, path="numbering") from error
    if skip.strip() or labels.strip():
        return numbering_of_texts(offset, skip, labels, prefix="")
    number = form_number(data, "offset")
    return None if number is None else {"offset": number}


def assay_upload(job: Job, user: User, data: Mapping[str, Any], files: Mapping[str, Any], *, first: int = 0) -> Assay:
    """Store the assay of a form, in which the job's first item has the number `first`. Raises ServiceError."""
    item = form_number(data, "item", low=first)
    content, name = file_of(files, MAX_ASSAY_BYTES)
    return assay_add(
        job=job,
        data=content,
        name=name,
        item_index=0 if item is None else item - first,
        numbering=numbering_upload(data, files) or numbering_fields(data),
        variant_column=str(data.get("variant_column", "")),
        value_column=str(data.get("value_column", "")),
        sheet=str(data.get("sheet", "")),
        skip_bad=skips_bad(data),
        by=user,
    )
