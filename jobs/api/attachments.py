"""Measurements and structures that hang on a job."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import numpy as np
from django.urls import reverse
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from jobs.api import serializers as docs
from jobs.api import serializers_attachments as shapes
from jobs.api.base import ROW_ERRORS, JobView
from jobs.api.bodies import MultipartBodyParser
from jobs.errors import InvalidInput, Problem, TooLarge
from jobs.formats import iso
from jobs.limits import MAX_ASSAY_BYTES
from jobs.models import Assay, Structure
from jobs.science.contact_tables import ContactTable
from jobs.science.structures import MAX_STRUCTURE_BYTES
from jobs.selectors_attachments import (
    Judged,
    assay_of,
    assay_overlay,
    assays_of,
    judged,
    structure_of,
    structures_of,
)
from jobs.services.attachments import assay_add, attachment_delete, structure_add

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


class StructureList(JobView):
    parser_classes = [MultipartBodyParser]

    @extend_schema(operation_id="structures_list", responses={200: shapes.StructurePage, **ROW_ERRORS})
    def get(self, request: Request, job_id: UUID) -> Response:
        """The structures laid over this job's contact maps, newest first, with the precision of the maps."""
        return Response(
            {"results": [present_structure(judged(one)) for one in structures_of(self.job_with_rows(job_id))]}
        )

    @extend_schema(
        operation_id="structures_create",
        request={"multipart/form-data": shapes.StructureUpload},
        responses={201: shapes.StructureDetail, **REFUSED},
    )
    def post(self, request: Request, job_id: UUID) -> Response:
        """Lay a structure over the contact map of an item."""
        job = self.job_with_rows(job_id)
        data: Any = request.data
        content, name = file_of(request.FILES, MAX_STRUCTURE_BYTES)
        chain = str(data.get("chain", ""))
        made = structure_add(job=job, data=content, name=name, item_index=whole(data, "item") or 0, chain=chain)
        body = present_structure(judged(made), whole=True)
        return Response(body, status=201, headers={"Location": body["url"]})


class StructureDetail(JobView):
    @extend_schema(operation_id="structures_show", responses={200: shapes.StructureDetail, **ROW_ERRORS})
    def get(self, request: Request, job_id: UUID, structure_id: int) -> Response:
        """A structure: its contacts on the positions of the sequence, and the precision of the map."""
        return Response(present_structure(judged(structure_of(self.job_with_rows(job_id), structure_id)), whole=True))

    @extend_schema(operation_id="structures_delete", responses={204: None, **ROW_ERRORS})
    def delete(self, request: Request, job_id: UUID, structure_id: int) -> Response:
        """Take the structure away again."""
        attachment_delete(attachment=structure_of(self.job_with_rows(job_id), structure_id))
        return Response(status=204)


def file_of(files: Mapping[str, Any], limit: int) -> tuple[bytes, str]:
    """Content and name of the uploaded field `file`. Raises InvalidInput `no_file`, TooLarge."""
    file = files.get("file")
    if file is None:
        raise InvalidInput.of(
            Problem("no_file", "there is no file yet", "Choose one, in the field `file`.", path="file")
        )
    if file.size > limit:
        raise TooLarge.of(Problem("too_large", f"the file is larger than {limit:,} bytes", path="file"))
    return file.read(), file.name or ""


def whole(data: Any, name: str) -> int | None:
    """A whole number of a form; None where it is left out. Raises InvalidInput `bad_number`."""
    text = str(data.get(name, "")).strip().replace("\N{MINUS SIGN}", "-")
    if not text:
        return None
    try:
        number = int(text)
    except ValueError:
        number = 10**9
    if abs(number) > 10**8:
        raise InvalidInput.of(
            Problem("bad_number", f"{name} is {text[:40]!r}", "Give a whole number, such as 0 or 23.", path=name)
        )
    return number


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


def present_structure(found: Judged, *, whole: bool = False) -> dict[str, Any]:
    one: Structure = found.structure
    precision = found.precision
    body: dict[str, Any] = {
        "id": one.pk,
        "url": reverse("job-structure", args=[one.job_id, one.pk]),
        "name": one.name,
        "sha256": one.sha256,
        "item": one.item_index,
        "chain": one.chain,
        "resolved": one.residues,
        "aligned": one.aligned,
        "identical": one.identical,
        "created_at": iso(one.created_at),
        "precision": None
        if precision is None
        else {
            "value": precision.value if precision.pairs else None,
            "hits": precision.hits,
            "pairs": precision.pairs,
            "contacts": precision.contacts,
        },
    }
    if whole:
        table = ContactTable("X" * len(found.distances), np.zeros_like(found.distances), found.distances)
        body["contacts"] = table.true_pairs()
        body["unresolved"] = (np.flatnonzero(np.isnan(np.diagonal(found.distances))) + 1).tolist()
    return body
