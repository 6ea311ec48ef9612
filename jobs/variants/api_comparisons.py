"""REST of the comparison of two runs."""

from __future__ import annotations

from uuid import UUID

import numpy as np
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from e1protocol import CANONICAL
from jobs.errors import InvalidInput
from jobs.library.selectors import require_rows
from jobs.parsing.numbers import whole
from jobs.science.variants.numbering_forms import numbering_of
from jobs.variants import serializers as shapes
from jobs.variants.comparisons import Side, compare, facts_of, rows_of, second_side
from jobs.web.rest.views import JobView, refusals


class JobComparison(JobView):
    @extend_schema(
        operation_id="jobs_compare",
        parameters=[
            OpenApiParameter("with", str, required=True, description="The id of the other job."),
            OpenApiParameter("item", int, description="Of a scan: the item of this job, counted from 0."),
            OpenApiParameter("with_item", int, description="Of a scan: the item of the other job, counted from 0."),
        ],
        responses={200: shapes.ComparisonBody, **refusals(400, 401, 404, 409, 410)},
    )
    def get(self, request: Request, job_id: UUID) -> Response:
        """Compare the scores of two jobs of the same parent: rank correlation with an interval, and differences."""
        job = self.job_with_rows(job_id)
        query = request.query_params
        first = Side(job, whole(query.get("item")) or 0)
        second = second_side(self.owner(), query.get("with", ""), whole(query.get("with_item")) or 0)
        if second is None:
            what = "there is no other job to compare with"
            raise InvalidInput.one("no_other_job", what, "Name one of your jobs as with=ID.", path="with")
        require_rows(second.job)
        found = compare(first, second)
        positions, differences = found.by_position()
        numbering = numbering_of(job.params)
        return Response(
            {
                "first": _side(first),
                "second": _side(second),
                **facts_of(found),
                "parent": found.parent,
                "positions": positions,
                "numbers": [str(numbering.label(position)) for position in positions],
                "vocab_tokens": list(CANONICAL),
                "differences": [[None if np.isnan(one) else one for one in row] for row in differences.tolist()],
                "variants": list(rows_of(found, job.params)),
            }
        )


def _side(side: Side) -> dict[str, object]:
    job = side.job
    contexts = len(job.params.get("contexts") or ())
    return {
        "job": str(job.pk),
        "item": side.item,
        "name": job.name,
        "action": job.action,
        "model": job.model,
        "contexts": contexts,
    }
