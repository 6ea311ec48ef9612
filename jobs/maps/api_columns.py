"""REST of uploaded columns: values of a job's items, by which the map is coloured."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import numpy as np
import orjson
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from jobs.errors import InvalidInput, TooLarge
from jobs.limits import MAX_COLUMNS_FILE
from jobs.maps import serializers as shapes
from jobs.maps.columns import column_of, column_values, columns_add, columns_of_job
from jobs.parsing.asked import skips_bad
from jobs.web.places import answer_in_turn
from jobs.web.rest.bodies import WORKBOOK, CsvBodyParser, JsonBodyParser, MultipartBodyParser, WorkbookBodyParser
from jobs.web.rest.forms import file_of
from jobs.web.rest.views import COMMON_ERRORS, JobView, refusals


class JobColumns(JobView):
    parser_classes = [MultipartBodyParser, CsvBodyParser, WorkbookBodyParser, JsonBodyParser]

    @extend_schema(operation_id="columns_list", responses={200: shapes.ColumnList, **COMMON_ERRORS})
    def get(self, request: Request, job_id: UUID) -> Response:
        """Return the job's uploaded columns without their values."""
        return Response(shapes.ColumnList({"results": columns_of_job(self.job(job_id))}).data)

    @extend_schema(
        operation_id="columns_upload",
        request={
            "multipart/form-data": shapes.ColumnsUpload,
            "text/csv": OpenApiTypes.BINARY,
            WORKBOOK: OpenApiTypes.BINARY,
        },
        parameters=[
            OpenApiParameter(name, str, description="With a raw body: as in the form.")
            for name in ("kinds", "sheet", "on_invalid")
        ],
        responses={201: shapes.ColumnsReport, **refusals(400, 401, 403, 404, 409, 410, 413)},
    )
    def post(self, request: Request, job_id: UUID) -> Response:
        """Upload a table with a column `name` or `index` and columns of values. Returns which items were found."""
        job = self.job_with_rows(job_id)
        data: Any = request.data
        if "stream" in data and "media_type" in data:
            content, asked = _streamed(data["stream"]), request.query_params
        else:
            content, _ = file_of(request.FILES, MAX_COLUMNS_FILE)
            asked = data
        kinds, sheet = (str(asked.get(name) or "") for name in ("kinds", "sheet"))
        stored, report = columns_add(
            job=job, data=content, kinds=_kinds(kinds), sheet=sheet, skip_bad=skips_bad(asked), by=self.owner()
        )
        return Response(shapes.ColumnsReport({"columns": stored, "matching": report}).data, status=201)


class JobColumnView(JobView):
    @extend_schema(operation_id="columns_show", responses={200: shapes.ColumnValues, **COMMON_ERRORS})
    def get(self, request: Request, job_id: UUID, column_id: int) -> Response:
        """Return one column with a value for each item in input order: a number, a place in `categories`, or null."""
        column = column_of(self.job(job_id), column_id)
        answer_in_turn(self.owner().pk, 8 * column.items)
        values = column_values(column)
        empty = np.isnan(values) if column.kind == "numeric" else values < 0
        listed = [None if none else value for value, none in zip(values.tolist(), empty.tolist(), strict=True)]
        return Response({**shapes.ColumnBody(column).data, "values": listed})

    @extend_schema(operation_id="columns_delete", responses={204: None, **COMMON_ERRORS})
    def delete(self, request: Request, job_id: UUID, column_id: int) -> Response:
        """Delete a column."""
        column_of(self.job(job_id), column_id).delete()
        return Response(status=204)


def _streamed(stream: Any) -> bytes:
    """Read a raw body into memory. Raises TooLarge."""
    content: bytes = stream.read(MAX_COLUMNS_FILE + 1)
    if len(content) > MAX_COLUMNS_FILE:
        raise TooLarge(f"the file of columns is larger than {MAX_COLUMNS_FILE:,} bytes; leave columns out")
    stream.check_whole()
    return content


def _kinds(text: str) -> dict[str, str]:
    if not text.strip():
        return {}
    try:
        kinds = orjson.loads(text)
    except orjson.JSONDecodeError:
        kinds = None
    if not isinstance(kinds, dict) or not all(isinstance(kind, str) for kind in kinds.values()):
        remedy = 'Give text such as {"class": "categorical"}.'
        raise InvalidInput.one("bad_kinds", "kinds is not a JSON object of texts", remedy, path="kinds")
    return kinds
