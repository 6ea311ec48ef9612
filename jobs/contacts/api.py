"""Split out of jobs/api/attachments.py."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import numpy as np
from django.urls import reverse
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from jobs.contacts import serializers
from jobs.contacts.services import Judged, judged, structure_add, structure_of, structures_of
from jobs.files.pieces import iso
from jobs.library.attached import attachment_delete
from jobs.models import Structure
from jobs.science.contacts.structures import MAX_STRUCTURE_BYTES
from jobs.science.contacts.tables import ContactTable
from jobs.variants.api import REFUSED
from jobs.web.rest.bodies import MultipartBodyParser
from jobs.web.rest.forms import file_of, whole
from jobs.web.rest.views import ROW_ERRORS, JobView


class StructureList(JobView):
    parser_classes = [MultipartBodyParser]

    @extend_schema(operation_id="structures_list", responses={200: serializers.StructurePage, **ROW_ERRORS})
    def get(self, request: Request, job_id: UUID) -> Response:
        """The structures laid over this job's contact maps, newest first, with the precision of the maps."""
        return Response(
            {"results": [present_structure(judged(one)) for one in structures_of(self.job_with_rows(job_id))]}
        )

    @extend_schema(
        operation_id="structures_create",
        request={"multipart/form-data": serializers.StructureUpload},
        responses={201: serializers.StructureDetail, **REFUSED},
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
    @extend_schema(operation_id="structures_show", responses={200: serializers.StructureDetail, **ROW_ERRORS})
    def get(self, request: Request, job_id: UUID, structure_id: int) -> Response:
        """A structure: its contacts on the positions of the sequence, and the precision of the map."""
        return Response(present_structure(judged(structure_of(self.job_with_rows(job_id), structure_id)), whole=True))

    @extend_schema(operation_id="structures_delete", responses={204: None, **ROW_ERRORS})
    def delete(self, request: Request, job_id: UUID, structure_id: int) -> Response:
        """Take the structure away again."""
        attachment_delete(attachment=structure_of(self.job_with_rows(job_id), structure_id))
        return Response(status=204)


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
