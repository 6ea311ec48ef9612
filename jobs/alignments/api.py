"""REST of alignments of homologs, and of the contexts drawn from them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any
from uuid import UUID

from django.conf import settings
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from jobs.actions import SCORERS, Scan
from jobs.alignments import serializers as shapes
from jobs.alignments.bodies import read_upload, upload_store
from jobs.alignments.draws import context_set_sample, contexts_of, cost_of, samplings_of
from jobs.alignments.selectors import alignment_of, alignments_of, bins_of, published_count
from jobs.alignments.services import alignment_delete
from jobs.contexts.selectors import context_set_of
from jobs.contexts.serializers import ContextSetBody
from jobs.contexts.services import check_set_name
from jobs.errors import Problem
from jobs.intake.requests import enabled_model
from jobs.library.sharing import Right
from jobs.models import Alignment, NeighbourCount
from jobs.parsing.bodies import unknown_fields
from jobs.science.alignments.sampling import Drawn, Sampler
from jobs.web.rest.bodies import STREAMED, MultipartBodyParser, stream_parser
from jobs.web.rest.paging import NewestFirst
from jobs.web.rest.views import COMMON_ERRORS, JobView, refusals

RETRY_AFTER_SECONDS = 2
_FIELDS = ("preset", "samplings", "seed", "name", "preview", "model", "action")


class AlignmentList(JobView):
    parser_classes = [MultipartBodyParser, *map(stream_parser, ("text/x-a3m", "text/x-stockholm")), *STREAMED]

    @extend_schema(
        operation_id="alignments_list",
        parameters=[OpenApiParameter("cursor", str), OpenApiParameter("page_size", int)],
        responses={200: shapes.AlignmentPage, **refusals(401)},
    )
    def get(self, request: Request) -> Response:
        """Return your alignments, newest first."""
        return NewestFirst().answer(alignments_of(self.owner()), self, shapes.AlignmentSummary)

    @extend_schema(
        operation_id="alignments_create",
        request={
            "multipart/form-data": shapes.AlignmentUpload,
            "text/x-a3m": OpenApiTypes.BINARY,
            "text/x-stockholm": OpenApiTypes.BINARY,
            "text/x-fasta": OpenApiTypes.BINARY,
            "application/gzip": OpenApiTypes.BINARY,
        },
        parameters=[
            OpenApiParameter(name, str, description="With a raw body only.")
            for name in ("parent", "add_parent", "skip_empty", "name")
        ],
        responses={201: shapes.AlignmentBody, **refusals(400, 401, 413, 415)},
    )
    def post(self, request: Request) -> Response:
        """Store an alignment whose first row is the parent. The same rows again return the same alignment."""
        stored = upload_store(self.owner(), read_upload(request))
        body = alignment_body(stored)
        return Response(body, status=201, headers={"Location": body["url"]})


class AlignmentDetail(JobView):
    @extend_schema(operation_id="alignments_show", responses={200: shapes.AlignmentBody, **COMMON_ERRORS})
    def get(self, request: Request, alignment_id: UUID) -> Response:
        """Return an alignment: depth, columns, effective depth, similarities to the parent, and rows left out."""
        return Response(alignment_body(alignment_of(self.owner(), alignment_id)))

    @extend_schema(operation_id="alignments_delete", responses={204: None, **COMMON_ERRORS})
    def delete(self, request: Request, alignment_id: UUID) -> Response:
        """Delete an alignment. Context sets that were drawn from it stay."""
        alignment_delete(alignment_id=alignment_of(self.owner(), alignment_id, Right.OWN).pk)
        return Response(status=204)


class AlignmentSample(JobView):
    @extend_schema(
        operation_id="alignments_sample",
        request=shapes.SampleRequest,
        responses={
            200: shapes.SamplePreview,
            201: ContextSetBody,
            202: shapes.Counting,
            **refusals(400, 401, 403, 404, 409),
        },
    )
    def post(self, request: Request, alignment_id: UUID) -> Response:
        """Draw contexts and store them as a context set (201), or return their cost if `preview` is true (200).

        The answer is 202 while the neighbours of a deep alignment are counted; repeat the request then.
        """
        stored = alignment_of(self.owner(), alignment_id, Right.EDIT)
        data: Any = request.data
        asked = _asked(data)
        samplings = samplings_of(data.get("preset"), data.get("samplings"), data.get("seed", 0))
        if not asked["preview"]:
            check_set_name(data.get("name"))
        found = contexts_of(stored, samplings)
        if isinstance(found, NeighbourCount):
            return counting_response(found)
        sampler, drawn = found
        if asked["preview"]:
            for_whom: dict[str, Any] = {"model": asked["model"], "action": asked["action"], "user_id": self.owner().pk}
            return Response(present_preview(stored, sampler, drawn, **for_whom))
        made = context_set_sample(
            owner=self.owner(),
            name=data["name"],
            alignment=stored,
            drawn=drawn,
            preset=data.get("preset"),
            seed=data.get("seed", 0),
        )
        body = ContextSetBody(context_set_of(self.owner(), made.name)).data
        return Response(body, status=201, headers={"Location": body["url"]})


def _asked(data: dict[str, Any]) -> dict[str, Any]:
    """Return the fields beside the sampling, checked. Raises InvalidInput."""
    problems = unknown_fields(data, _FIELDS)
    preview, action = data.get("preview", False), data.get("action") or Scan.name
    if not isinstance(preview, bool):
        problems.add(Problem("wrong_type", f"preview is {preview!r}", "Give true or false.", path="preview"))
    if action not in SCORERS:
        what = f"there is no cost of the action {action!r}"
        problems.add(Problem("unknown_action", what, f"Choose from {', '.join(SCORERS)}.", path="action"))
    if problems:
        raise problems.refusal()
    model = enabled_model(str(data.get("model") or settings.E1_MODELS[0])).slug
    return {"preview": preview, "action": action, "model": model}


def counting_response(count: NeighbourCount) -> Response:
    """Return 202 while neighbours are counted."""
    body = {"state": "counting", "progress": round(count.progress, 3), "retry_after": RETRY_AFTER_SECONDS}
    if count.reason:
        body["reason"] = f"{count.reason}; it is tried again"
    return Response(body, status=202, headers={"Retry-After": str(RETRY_AFTER_SECONDS)})


def alignment_body(stored: Alignment) -> dict[str, Any]:
    """Return the body of an alignment with its figures."""
    count = published_count(stored) or NeighbourCount()
    return shapes.AlignmentFigures(stored).data | shapes.CountBody(count).data


def present_preview(
    stored: Alignment, sampler: Sampler, drawn: Sequence[Drawn], *, model: str, action: str, user_id: int
) -> dict[str, Any]:
    """Return the body of a preview for this user: the drawn contexts without their letters, and their cost."""
    threshold = drawn[0].sampling.neighbour_threshold
    return {
        "alignment": str(stored.pk),
        "depth": stored.depth,
        "columns": stored.columns,
        "effective_depth": float((1.0 / sampler.neighbours(threshold)).sum()),
        "histogram": bins_of(stored.histogram),
        "contexts": [
            {
                "sampling": asdict(one.sampling),
                "eligible": len(sampler.inside(one.sampling)),
                "rows": list(one.rows),
                "sequences": len(one.rows),
                "residues": one.residues,
                "tokens": one.tokens,
            }
            for one in drawn
        ],
        "cost": asdict(cost_of(drawn, stored.parent, model=model, action=action, user_id=user_id)),
    }
