"""REST of annotation tracks beside a scan."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import serializers as s
from rest_framework.request import Request
from rest_framework.response import Response

from jobs.parsing.asked import skips_bad
from jobs.science.variants.features import MAX_BYTES
from jobs.variants.annotations import annotation_add, annotation_of, annotations_of, features_body
from jobs.web.numbers import form_number
from jobs.web.rest.bodies import MultipartBodyParser
from jobs.web.rest.fields import Rows, Shape, Url
from jobs.web.rest.forms import file_of
from jobs.web.rest.serializers import ProblemBody
from jobs.web.rest.views import ROW_ERRORS, JobView, refusals


class AnnotationUpload(Shape):
    file = s.FileField(help_text="CSV, TSV or XLSX with the columns start, end, name and kind.")
    item = s.IntegerField(required=False, help_text="The item, counted from 0. If absent, the first.")
    sheet = s.CharField(required=False, help_text="Of a workbook: the sheet to read.")
    on_invalid = s.ChoiceField(["reject", "skip"], required=False, help_text="What becomes of bad rows.")


class FeatureBody(Shape):
    start = s.IntegerField(help_text="Position in the sequence, from 1.")
    end = s.IntegerField()
    start_number = s.CharField(help_text="In the numbering of the job.")
    end_number = s.CharField()
    name = s.CharField()
    kind = s.CharField()


class FeatureRows(Rows):
    """The features of an annotation with their numbers in the job's numbering."""

    def to_representation(self, data: Any) -> list[dict[str, Any]]:
        return features_body(data)


class AnnotationBody(Shape):
    id = s.IntegerField(source="pk")
    url = Url("job-annotation", "job_id", "pk")
    name = s.CharField()
    sha256 = s.CharField()
    item = s.IntegerField(source="item_index")
    created_at = s.DateTimeField()
    notes = ProblemBody(many=True, help_text="What was changed in the file, or left out.")
    features = FeatureRows(child=FeatureBody(), source="*")


class AnnotationPage(Shape):
    results = AnnotationBody(many=True)


class AnnotationList(JobView):
    parser_classes = [MultipartBodyParser]

    @extend_schema(operation_id="annotations_list", responses={200: AnnotationPage, **ROW_ERRORS})
    def get(self, request: Request, job_id: UUID) -> Response:
        """Return the annotation tracks beside this job's scans, oldest first."""
        return Response(AnnotationPage({"results": annotations_of(self.job_with_rows(job_id))}).data)

    @extend_schema(
        operation_id="annotations_create",
        request={"multipart/form-data": AnnotationUpload},
        responses={201: AnnotationBody, **refusals(400, 401, 403, 404, 409, 410, 413)},
    )
    def post(self, request: Request, job_id: UUID) -> Response:
        """Lay a table of features over the scan of an item."""
        job = self.job_with_rows(job_id)
        data: Any = request.data
        content, name = file_of(request.FILES, MAX_BYTES)
        made = annotation_add(
            job=job,
            data=content,
            name=name,
            item_index=form_number(data, "item", low=0) or 0,
            sheet=str(data.get("sheet", "")),
            skip_bad=skips_bad(data),
            by=self.owner(),
        )
        body = AnnotationBody(made).data
        return Response(body, status=201, headers={"Location": body["url"]})


class AnnotationDetail(JobView):
    @extend_schema(operation_id="annotations_show", responses={200: AnnotationBody, **ROW_ERRORS})
    def get(self, request: Request, job_id: UUID, annotation_id: int) -> Response:
        """Return one annotation track."""
        return Response(AnnotationBody(annotation_of(self.job_with_rows(job_id), annotation_id)).data)

    @extend_schema(operation_id="annotations_delete", responses={204: None, **ROW_ERRORS})
    def delete(self, request: Request, job_id: UUID, annotation_id: int) -> Response:
        """Remove an annotation track."""
        annotation_of(self.job_with_rows(job_id), annotation_id).delete()
        return Response(status=204)
