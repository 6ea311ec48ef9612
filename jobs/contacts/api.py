"""REST of structures that are compared with contact maps."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import StreamingHttpResponse
from django.utils.http import content_disposition_header
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from jobs.contacts import serializers as shapes
from jobs.contacts.services import judged, structure_add, structure_drawn, structure_file, structure_of, structures_of
from jobs.errors import NotFound
from jobs.science.contacts.chains import MAX_STRUCTURE_BYTES
from jobs.variants.api import REFUSED
from jobs.web.numbers import form_number
from jobs.web.rest.bodies import MultipartBodyParser
from jobs.web.rest.forms import file_of
from jobs.web.rest.views import ROW_ERRORS, JobView, refusals


class StructureList(JobView):
    parser_classes = [MultipartBodyParser]

    @extend_schema(operation_id="structures_list", responses={200: shapes.StructurePage, **ROW_ERRORS})
    def get(self, request: Request, job_id: UUID) -> Response:
        """Return the structures beside this job's contact maps, newest first, with the precision of the maps."""
        found = [judged(one) for one in structures_of(self.job_with_rows(job_id))]
        return Response(shapes.StructurePage({"results": found}).data)

    @extend_schema(
        operation_id="structures_create",
        request={"multipart/form-data": shapes.StructureUpload},
        responses={201: shapes.StructureDetail, **REFUSED},
    )
    def post(self, request: Request, job_id: UUID) -> Response:
        """Compare a structure with the contact map of an item."""
        job = self.job_with_rows(job_id)
        data: Any = request.data
        content, name = file_of(request.FILES, MAX_STRUCTURE_BYTES)
        chain = str(data.get("chain", ""))
        item = form_number(data, "item", low=0) or 0
        made = structure_add(job=job, data=content, name=name, item_index=item, chain=chain, by=self.owner())
        body = shapes.StructureDetail(judged(made)).data
        return Response(body, status=201, headers={"Location": body["url"]})


class StructureDetail(JobView):
    @extend_schema(operation_id="structures_show", responses={200: shapes.StructureDetail, **ROW_ERRORS})
    def get(self, request: Request, job_id: UUID, structure_id: int) -> Response:
        """Return a structure: its contacts on the positions of the sequence, and the precision of the map."""
        return Response(shapes.StructureDetail(judged(structure_of(self.job_with_rows(job_id), structure_id))).data)

    @extend_schema(operation_id="structures_delete", responses={204: None, **ROW_ERRORS})
    def delete(self, request: Request, job_id: UUID, structure_id: int) -> Response:
        """Remove a structure."""
        structure_of(self.job_with_rows(job_id), structure_id).delete()
        return Response(status=204)


class StructureModel(JobView):
    @extend_schema(
        operation_id="structures_model", responses={200: shapes.StructureModel, **refusals(400), **ROW_ERRORS}
    )
    def get(self, request: Request, job_id: UUID, structure_id: int) -> Response:
        """Return the chain of a structure for a drawing: atoms, and the position of each residue in the sequence."""
        structure = structure_of(self.job_with_rows(job_id), structure_id)
        return Response(shapes.StructureModel(structure_drawn(structure, self.owner())).data)


class StructureFile(JobView):
    @extend_schema(
        operation_id="structures_file",
        responses={
            200: OpenApiResponse(OpenApiTypes.BINARY, description="The file under its own name."),
            **ROW_ERRORS,
        },
    )
    def get(self, request: Request, job_id: UUID, structure_id: int) -> StreamingHttpResponse:
        """Return the structure's file as it was sent."""
        structure = structure_of(self.job_with_rows(job_id), structure_id)
        if not structure.file_size:
            raise NotFound("the structure was sent before files were kept; only its distances are there")
        headers = {
            "Content-Disposition": content_disposition_header(as_attachment=True, filename=structure.name)
            or "attachment",
            "Content-Length": str(structure.file_size),
            "X-Accel-Buffering": "no",  # nginx sends on what it gets
        }
        return StreamingHttpResponse(
            structure_file(structure), content_type="application/octet-stream", headers=headers
        )
