"""Bodies of the REST interface about analyses, neighbours and columns."""

from __future__ import annotations

from typing import Any

from django.urls import reverse
from rest_framework import serializers as s

from jobs.background.blocks import files_of
from jobs.maps.params import FORMATS
from jobs.maps.services import is_behind
from jobs.models.artefacts import ANALYSES as KINDS
from jobs.models.states import ArtefactState, WorkState
from jobs.web.rest.fields import Rows, Shape, Share, Url
from jobs.web.rest.serializers import ProblemBody


class AnalysisRequest(Shape):
    kind = s.ChoiceField(KINDS)
    params = s.DictField(
        required=False,
        help_text="neighbours: k, layer, against (a job's id), queries (item indices). "
        "clusters: method (auto, louvain, hdbscan, kmeans), layer, seed, neighbours, resolution, min_size, count. "
        "map: method (umap, pca), layer, seed, neighbours, min_dist, clusters.",
    )


class AnalysisFile(Shape):
    format = s.ChoiceField(list(FORMATS))
    url = s.CharField()
    bytes = s.IntegerField()
    sha256 = s.CharField()


class AnalysisFiles(s.ListField):
    """The files of a ready analysis."""

    def to_representation(self, artefact: Any) -> list[dict[str, Any]]:
        if artefact.state != WorkState.DONE:
            return []
        address = reverse("job-artefact", args=[artefact.job_id, artefact.pk])
        return [
            {"format": one.format, "url": f"{address}?format={one.format}", "bytes": one.size, "sha256": one.sha256}
            for one in files_of(artefact).values()
        ]


class AnalysisState(s.ChoiceField):
    def to_representation(self, value: str) -> str:
        return ArtefactState.of(value)


class Behind(s.BooleanField):
    def to_representation(self, artefact: Any) -> bool:
        return is_behind(artefact)


class AnalysisBody(Shape):
    """An artefact that is an analysis."""

    id = s.IntegerField(source="pk")
    url = Url("job-analysis", "job_id", "pk")
    kind = s.ChoiceField(KINDS)
    params = s.DictField()
    state = AnalysisState(ArtefactState.choices)
    fraction = Share(source="progress", help_text="Progress of the build, up to 1.")
    stage = s.CharField(help_text="The step of the build.")
    reason = s.CharField(help_text="Why it failed.")
    facts = s.DictField(help_text="Figures of a ready analysis: items, and others that depend on its kind.")
    behind = Behind(source="*", help_text="Whether the job has newer results.")
    files = AnalysisFiles(child=AnalysisFile(), source="*")
    created_at = s.DateTimeField()
    finished_at = s.DateTimeField(allow_null=True)


class AnalysisList(Shape):
    results = AnalysisBody(many=True)


class NeighboursQuery(Shape):
    sequence = s.CharField(required=False, help_text="Encoded by the job's model first.")
    context_sequences = s.ListField(child=s.CharField(), required=False, help_text="Context of that sequence.")
    vector = s.ListField(
        child=s.FloatField(), required=False, help_text="A mean embedding of the same model and layer."
    )
    index = s.IntegerField(required=False, help_text="An item of the job; it is not among its own neighbours.")
    k = s.IntegerField(required=False, default=10, min_value=1, max_value=1000)
    layer = s.IntegerField(required=False, help_text="The job's last layer unless named.")
    against = s.CharField(
        required=False, help_text="Id of another encode job of the same model, whose items are searched."
    )


class NeighbourRow(Shape):
    index = s.IntegerField()
    name = s.CharField()
    similarity = s.FloatField(help_text="Cosine, -1 to 1.")


class NeighboursAnswer(Shape):
    job = s.UUIDField(help_text="The job whose items these are.")
    layer = s.IntegerField()
    compared = s.IntegerField(help_text="How many items were compared.")
    neighbours = NeighbourRow(many=True)


class ColumnBody(Shape):
    """A `JobColumn` without its values."""

    id = s.IntegerField(source="pk")
    url = Url("job-column", "job_id", "pk")
    name = s.CharField()
    kind = s.CharField(help_text="numeric or categorical.")
    categories = s.ListField(child=s.CharField())
    items = s.IntegerField()
    filled = s.IntegerField(help_text="Items with a value.")


class ColumnList(Shape):
    results = ColumnBody(many=True)


class ColumnValues(ColumnBody):
    values = Rows(child=s.FloatField(allow_null=True))


class ColumnsUpload(Shape):
    file = s.FileField(help_text="CSV or XLSX with a column name or index, and columns of values.")
    sheet = s.CharField(required=False, help_text="Of a workbook: the sheet to read. If absent, the first visible one.")
    kinds = s.CharField(required=False, help_text='JSON object as text, such as {"class": "categorical"}.')
    on_invalid = s.ChoiceField(
        ["reject", "skip"],
        required=False,
        help_text="Whether bad rows refuse the file, or are left out.",
    )


class Listed(Shape):
    count = s.IntegerField()
    examples = s.ListField(child=s.CharField())


class TakenAsWords(Shape):
    column = s.CharField()
    because = s.CharField(source="text", help_text="The first cell that is not a number.")
    line = s.IntegerField(help_text="Its line in the file, from 1.")


class MatchingBody(Shape):
    """A `jobs.maps.column_files.Matching`."""

    by = s.CharField(help_text="name or index.")
    column = s.CharField(help_text="The column that identifies items.")
    rows = s.IntegerField()
    matched_rows = s.IntegerField()
    items = s.IntegerField()
    matched_items = s.IntegerField()
    unmatched = Listed(help_text="Rows about no item of the job.")
    duplicated = Listed(help_text="Further rows about an item: the first counts.")
    shared = Listed(help_text="Names of several items: each got the value.")
    taken_as_words = TakenAsWords(
        many=True, source="words", help_text="Columns with numbers and words. `kinds` overrides the choice."
    )
    warnings = ProblemBody(many=True, help_text="What was left out of the file, and what was changed.")


class ColumnsReport(Shape):
    columns = ColumnBody(many=True)
    matching = MatchingBody()
