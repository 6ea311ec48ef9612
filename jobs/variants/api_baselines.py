"""REST of what is beside the scores of a job: percentiles, the profile of an alignment, BLOSUM62, measured values."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import numpy as np
from drf_spectacular.utils import OpenApiParameter, extend_schema
from numpy.typing import NDArray
from rest_framework.request import Request
from rest_framework.response import Response

from e1protocol import CANONICAL
from jobs.actions import SCORERS, get_action
from jobs.errors import Conflict, InvalidInput, NotFound
from jobs.library.selectors import item_of, parent_of, require_rows
from jobs.models import Job
from jobs.parsing.numbers import decimal, whole
from jobs.results.items import result_of
from jobs.science.variants.scans import ScanTable
from jobs.variants import serializers as shapes
from jobs.variants.assays import assay_of
from jobs.variants.baselines import Baselines, baselines_of
from jobs.variants.beside import COLUMNS, beside_variants, reference_of
from jobs.variants.comparisons import second_side
from jobs.variants.judged import judged, judgement_body
from jobs.variants.layers import layers_of
from jobs.variants.table import variant_table
from jobs.web.rest.views import JobView, refusals


class JobBaselines(JobView):
    @extend_schema(
        operation_id="jobs_baselines",
        parameters=[
            OpenApiParameter("item", int, description="Of a scan: the item, counted from 0. By default the first."),
            OpenApiParameter("alignment", str, description="Its id, or none. By default the deepest of the parent."),
            OpenApiParameter("assay", int, description="Of a scan: the measurements. By default the newest."),
        ],
        responses={200: shapes.BaselinesBody, **refusals(400, 401, 404, 409, 410, 413)},
    )
    def get(self, request: Request, job_id: UUID) -> Response:
        """Return the numbers beside the scores of a job: percentiles within a scan, and two baselines."""
        job = self.job_with_rows(job_id)
        if job.action not in SCORERS:
            what = f"baselines are those of scores of variants, and this job's action is {job.action}"
            raise Conflict(what, code="wrong_action")
        if get_action(job.action).takes_variants:
            return Response(self._of_variants(request, job))
        return Response(self._of_scan(request, job))

    def _of_scan(self, request: Request, job: Job) -> dict[str, Any]:
        index = whole(request.query_params.get("item")) or 0
        item = item_of(job, index)
        result = result_of(job, item) if item is not None else None
        if item is None or result is None:
            raise NotFound(f"job {job.pk} has no scan {index}")
        table = ScanTable.of(result, item.sequence)
        layers = layers_of(self.owner(), item, table, request.query_params, strict=True)
        return {
            **about_baselines(layers.baselines),
            "scan": {"job": str(job.pk), "item": index},
            "assay": None if layers.assay is None else layers.assay.pk,
            "positions": list(table.positions),
            "numbers": list(table.numbers),
            "vocab_tokens": list(CANONICAL),
            "matrices": {name: _nulled(matrix) for name, matrix in layers.matrices.items()},
            "variants": None,
        }

    def _of_variants(self, request: Request, job: Job) -> dict[str, Any]:
        table = variant_table(job)
        asked = request.query_params.get("alignment", "")
        baselines = baselines_of(self.owner(), table.parent, asked, strict=True)
        reference = reference_of(self.owner(), job)
        beside = beside_variants(table, baselines, reference)
        columns: dict[str, Any] = {"index": table.index.tolist(), "variant": table.codes, "score": table.score.tolist()}
        columns |= {name: _nulled(beside.columns[name]) for name in COLUMNS}
        return {
            **about_baselines(baselines),
            "scan": None if reference is None else {"job": str(reference.job.pk), "item": reference.item},
            "assay": None,
            "positions": None,
            "numbers": None,
            "vocab_tokens": None,
            "matrices": None,
            "variants": columns,
        }


class AssayMetrics(JobView):
    @extend_schema(
        operation_id="assays_metrics",
        parameters=[
            OpenApiParameter("alignment", str, description="Its id, or none. By default the deepest of the parent."),
            OpenApiParameter("threshold", float, description="The measurement from which a variant is a hit."),
            OpenApiParameter("with", str, description="The id of another job of the same parent."),
            OpenApiParameter("with_item", int, description="Of a scan: its item, counted from 0."),
        ],
        responses={200: shapes.JudgedBody, **refusals(400, 401, 404, 409, 410)},
    )
    def get(self, request: Request, job_id: UUID, assay_id: int) -> Response:
        """Judge the scores of the job by measurements, beside the baselines, with chance, best value and intervals."""
        job, query = self.job_with_rows(job_id), request.query_params
        assay = assay_of(job, assay_id)
        baselines = baselines_of(
            self.owner(), parent_of(job, assay.item_index), query.get("alignment", ""), strict=True
        )
        threshold = decimal(query.get("threshold"))
        if threshold is None and query.get("threshold"):
            what = f"{query['threshold'][:20]!r} is not a number"
            raise InvalidInput.one("bad_number", what, "Write a number such as 0.5.", path="threshold")
        other = None
        if asked := query.get("with", ""):
            other = second_side(self.owner(), asked, whole(query.get("with_item")) or 0)
            if other is None or other.job.action not in SCORERS:
                what = "there is no other job to compare with"
                raise InvalidInput.one("no_other_job", what, "Name one of your jobs as with=ID.", path="with")
            require_rows(other.job)
        found = judged(assay, baselines, threshold=threshold, other=other)
        return Response(about_baselines(baselines) | judgement_body(found, threshold))


def about_baselines(baselines: Baselines) -> dict[str, Any]:
    """Return the alignment of the profile, or why there is none."""
    chosen = baselines.alignment
    return {
        "alignment": None
        if chosen is None
        else {
            "id": str(chosen.pk),
            "name": chosen.name,
            "rows": chosen.depth,
            "neff": baselines.neff,
            "neff_per_residue": baselines.depth,
        },
        "no_profile": {"code": baselines.reason, "reason": baselines.reason_text} if baselines.reason else None,
    }


def _nulled(numbers: NDArray[np.float64]) -> list[Any]:
    """Return numbers as lists, with null for NaN."""
    found = numbers.astype(object)
    found[np.isnan(numbers)] = None
    return list(found.tolist())
