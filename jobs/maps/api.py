"""REST of analyses of a job, and of the neighbours of one query, which are found while the request waits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import numpy as np
from drf_spectacular.utils import extend_schema
from numpy.typing import NDArray
from rest_framework.request import Request
from rest_framework.response import Response

from e1protocol import MODELS
from jobs.actions.encode import Encode
from jobs.background.artefacts import artefact_cancel, artefact_delete
from jobs.errors import Conflict, InvalidInput, Problem
from jobs.library.sharing import Right
from jobs.maps import serializers as shapes
from jobs.maps.params import check_embeddings, check_job_id, check_layer
from jobs.maps.services import analyses_of, analysis_of, analysis_request, library_of
from jobs.maps.similar import similar_to, vector_of_item, vector_of_sequence
from jobs.models import Job
from jobs.models.states import ArtefactState, WorkState
from jobs.parsing import BadRecord, ItemReader, Record
from jobs.parsing.bodies import only_fields
from jobs.web.numbers import json_whole
from jobs.web.rest.views import COMMON_ERRORS, JobView, refusals

REFUSED = refusals(400, 401, 403, 404)
QUERIES = ("sequence", "vector", "index")
MOST = 1000
"""Most neighbours of one query."""


class JobAnalyses(JobView):
    @extend_schema(operation_id="analyses_list", responses={200: shapes.AnalysisList, **COMMON_ERRORS})
    def get(self, request: Request, job_id: UUID) -> Response:
        """Return the job's analyses, newest first, with their state and progress."""
        job = self.job(job_id)
        return Response(shapes.AnalysisList({"results": analyses_of(job, self.owner())}).data)

    @extend_schema(
        operation_id="analyses_ask",
        request=shapes.AnalysisRequest,
        responses={200: shapes.AnalysisBody, 202: shapes.AnalysisBody, **refusals(400, 401, 403, 404, 410)},
    )
    def post(self, request: Request, job_id: UUID) -> Response:
        """Request neighbours, clusters or a map of an encode job.

        The answer is 200 if it is ready and 202 if it is being built. The same request returns the same analysis.
        """
        job, data = self.job_with_rows(job_id), _body(request, "kind", "params")
        artefact = analysis_request(job=job, kind=data.get("kind"), params=data.get("params"), by=self.owner())
        body = shapes.AnalysisBody(artefact).data
        ready = artefact.state == WorkState.DONE
        return Response(body, status=200 if ready else 202, headers={"Location": body["url"]})


class JobAnalysis(JobView):
    @extend_schema(operation_id="analyses_show", responses={200: shapes.AnalysisBody, **COMMON_ERRORS})
    def get(self, request: Request, job_id: UUID, analysis_id: int) -> Response:
        """Return one analysis: its state, its progress and its files."""
        job = self.job(job_id)
        return Response(shapes.AnalysisBody(analysis_of(job, self.owner(), analysis_id)).data)

    @extend_schema(operation_id="analyses_delete", responses={204: None, **COMMON_ERRORS})
    def delete(self, request: Request, job_id: UUID, analysis_id: int) -> Response:
        """Delete an analysis with its files. If it is being built, the build stops."""
        artefact_delete(analysis_of(self.job(job_id), self.owner(), analysis_id))
        return Response(status=204)


class AnalysisCancel(JobView):
    @extend_schema(
        operation_id="analyses_cancel",
        request=None,
        responses={200: shapes.AnalysisBody, **refusals(401, 403, 404, 409)},
    )
    def post(self, request: Request, job_id: UUID, analysis_id: int) -> Response:
        """Stop building an analysis, within seconds."""
        job = self.job(job_id)
        artefact = analysis_of(job, self.owner(), analysis_id)
        if not artefact_cancel(artefact):
            raise Conflict(
                f"the analysis is {ArtefactState.of(artefact.state)}; only one on its way can be cancelled",
                code="not_building",
            )
        artefact.refresh_from_db()
        return Response(shapes.AnalysisBody(artefact).data)


class JobNeighbours(JobView):
    @extend_schema(
        operation_id="neighbours_of_query",
        request=shapes.NeighboursQuery,
        responses={200: shapes.NeighboursAnswer, **refusals(400, 401, 404, 409, 500, 503, 504)},
    )
    def post(self, request: Request, job_id: UUID) -> Response:
        """Return the items most similar to a sequence, a vector or an item, by exact cosine of mean embeddings."""
        job = self.job(job_id, Right.VIEW)
        check_embeddings(job)
        data = _body(request, *QUERIES, "context_sequences", "k", "layer", "against")
        given = [name for name in QUERIES if data.get(name) is not None]
        if len(given) != 1:
            found = "no query" if not given else f"more than one query ({', '.join(given)})"
            raise InvalidInput.one("bad_query", f"there is {found}", f"Give one of {', '.join(QUERIES)}.")
        layer = check_layer(job, data.get("layer"), path="layer")
        k = json_whole(data.get("k"), 10, 1, MOST, path="k")
        vector, index = self._query(job, given[0], data, layer)
        against = check_job_id(data.get("against"), path="against")
        found_in = library_of(job, self.owner(), against, layer, path="against") or job
        leave_out = index if found_in.pk == job.pk else None
        neighbours, compared = similar_to(found_in, vector, layer=layer, k=k, leave_out=leave_out)
        body = {"job": found_in.pk, "layer": layer, "compared": compared, "neighbours": neighbours}
        return Response(shapes.NeighboursAnswer(body).data)

    def _query(
        self, job: Job, kind: str, data: Mapping[str, Any], layer: int
    ) -> tuple[NDArray[np.floating[Any]], int | None]:
        """Return the vector to compare, and the index of its item if it is one."""
        if kind == "index":
            index = json_whole(data["index"], 0, 0, 2**31 - 1, path="index")
            return vector_of_item(job, index, layer), index
        if kind == "vector":
            return _numbers(data["vector"]), None
        return vector_of_sequence(owner=self.owner(), job=job, record=_record(job, data), layer=layer), None


def _body(request: Request, *fields: str) -> Mapping[str, Any]:
    """Return the body. Raises InvalidInput for fields that are none of these."""
    data: Any = request.data
    only_fields(data, fields)
    body: Mapping[str, Any] = data
    return body


def _numbers(raw: Any) -> NDArray[np.float64]:
    try:
        vector = np.asarray(raw, dtype=np.float64)
    except (TypeError, ValueError):
        vector = np.empty((0, 0))
    if vector.ndim != 1 or not len(vector) or not np.isfinite(vector).all():
        remedy = "Give a list of finite numbers, such as an embedding from the results."
        raise InvalidInput.one("bad_vector", "vector is not a list of numbers", remedy, path="vector")
    return vector


def _record(job: Job, data: Mapping[str, Any]) -> Record:
    """Return the sequence, read strictly. Raises InvalidInput with every problem."""
    model = MODELS[job.model]
    item = {name: data[name] for name in ("sequence", "context_sequences") if name in data}
    (record,) = ItemReader([item], Encode().rules(model), strict=True)
    if isinstance(record, BadRecord):
        problems = [
            Problem(one.code, one.message, one.remedy, path=(one.path or "sequence").removeprefix("items.0."))
            for one in record.problems
        ]
        raise InvalidInput.of(*problems)
    return record
