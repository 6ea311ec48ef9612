"""Measurements and structures that hang on a job."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.urls import reverse
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from jobs.files.pieces import iso
from jobs.library.attached import attachment_delete
from jobs.limits import MAX_ASSAY_BYTES
from jobs.models import Assay
from jobs.variants import serializers as shapes
from jobs.variants.assays import assay_add
from jobs.variants.overlays import assay_of, assay_overlay, assays_of
from jobs.web.rest import serializers as docs
from jobs.web.rest.bodies import MultipartBodyParser
from jobs.web.rest.forms import file_of, whole
from jobs.web.rest.views import ROW_ERRORS, JobView

REFUSED = {400: docs.ErrorBody, 409: docs.ErrorBody, 413: docs.ErrorBody, **ROW_ERRORS}


class AssayList(JobView):
    parser_classes = [MultipartBodyParser]

    @extend_schema(operation_id="assays_list", responses={200: shapes.AssayPage, **ROW_ERRORS})
    def get(self, request: Request, job_id: UUID) -> Response:
        """The measurements laid over this job's scores, newest first."""
        return Response({"results": [present_assay(one) for one in assays_of(self.job_with_rows(job_id))]})

    @extend_schema(
        operation_id="assays_create",
        request={"multipart/form-data": shapes.AssayUpload},
        responses={201: shapes.AssayDetail, **REFUSED},
    )
    def post(self, request: Request, job_id: UUID) -> Response:
        """Lay measured values over the scores of a job of score or scan."""
        job = self.job_with_rows(job_id)
        data: Any = request.data
        content, name = file_of(request.FILES, MAX_ASSAY_BYTES)
        assay = assay_add(
            job=job,
            data=content,
            name=name,
            item_index=whole(data, "item") or 0,
            offset=whole(data, "offset"),
            variant_column=str(data.get("variant_column", "")),
            value_column=str(data.get("value_column", "")),
        )
        body = present_overlay(assay)
        return Response(body, status=201, headers={"Location": body["url"]})


class AssayDetail(JobView):
    @extend_schema(operation_id="assays_show", responses={200: shapes.AssayDetail, **ROW_ERRORS})
    def get(self, request: Request, job_id: UUID, assay_id: int) -> Response:
        """How well the scores rank the measurements, how the names map, and every point."""
        return Response(present_overlay(assay_of(self.job_with_rows(job_id), assay_id)))

    @extend_schema(operation_id="assays_delete", responses={204: None, **ROW_ERRORS})
    def delete(self, request: Request, job_id: UUID, assay_id: int) -> Response:
        """Take the measurements away again."""
        attachment_delete(attachment=assay_of(self.job_with_rows(job_id), assay_id))
        return Response(status=204)


def present_assay(assay: Assay) -> dict[str, Any]:
    return {
        "id": assay.pk,
        "url": reverse("job-assay", args=[assay.job_id, assay.pk]),
        "name": assay.name,
        "sha256": assay.sha256,
        "item": assay.item_index,
        "variant_column": assay.variant_column,
        "value_column": assay.value_column,
        "offset": assay.offset,
        "created_at": iso(assay.created_at),
    }


def present_overlay(assay: Assay) -> dict[str, Any]:
    """An assay with everything that follows from it."""
    found = assay_overlay(assay)
    counts = ("rows", "matched", "duplicates", "without_score", "without_measurement", "unreadable")
    return present_assay(assay) | {
        "counts": {name: getattr(found, name) for name in counts},
        "metrics": {"spearman": found.spearman, "ndcg": found.ndcg, "top_recall": found.top_recall},
        "points": found.points,
        "unreadable_examples": [problem.as_dict() for problem in found.examples],
        "without_score_examples": list(found.unscored),
    }
