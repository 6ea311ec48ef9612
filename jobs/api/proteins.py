"""REST: was this protein done before?"""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers as s
from rest_framework.request import Request
from rest_framework.response import Response

from jobs.library.proteins import MOST_ITEMS, earlier_work, protein_asked
from jobs.web.rest.bodies import JsonBodyParser
from jobs.web.rest.fields import Shape, Url
from jobs.web.rest.views import JobView, refusals


class ProteinQuery(Shape):
    sequence = s.CharField(help_text="Residues, or one record of FASTA.")


class WorkJob(Shape):
    id = s.UUIDField(source="job.pk")
    url = Url("job-detail", "job.pk")
    name = s.CharField(source="job.name")
    action = s.CharField(source="job.action")
    model = s.CharField(source="job.model")
    state = s.CharField(source="job.state")
    item = s.IntegerField(help_text="The first item that is the protein; 0 if it is the parent of all.")
    created_at = s.DateTimeField(source="job.created_at")


class WorkAlignment(Shape):
    id = s.UUIDField(source="pk")
    url = Url("alignment-detail", "pk")
    name = s.CharField()
    depth = s.IntegerField()
    created_at = s.DateTimeField()


class WorkCampaign(Shape):
    id = s.UUIDField(source="pk")
    url = Url("campaign-detail", "pk")
    name = s.CharField()
    created_at = s.DateTimeField()


class EarlierWorkBody(Shape):
    residues = s.IntegerField()
    jobs = WorkJob(many=True, help_text=f"Newest first, of jobs of at most {MOST_ITEMS:,} items.")
    jobs_searched = s.IntegerField()
    alignments = WorkAlignment(many=True)
    campaigns = WorkCampaign(many=True)


class Proteins(JobView):
    parser_classes = [JsonBodyParser]

    @extend_schema(
        operation_id="proteins_find",
        request=ProteinQuery,
        responses={200: EarlierWorkBody, **refusals(400, 401, 413, 415)},
    )
    def post(self, request: Request) -> Response:
        """Return earlier work on exactly this sequence: jobs, alignments and campaigns that the user may see."""
        data: Any = request.data
        found = earlier_work(self.owner(), protein_asked(data.get("sequence")))
        return Response(EarlierWorkBody({"residues": len(found.sequence), **_parts(found)}).data)


def _parts(found: Any) -> dict[str, Any]:
    return {name: getattr(found, name) for name in ("jobs", "jobs_searched", "alignments", "campaigns")}
