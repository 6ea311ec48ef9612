"""Shapes of what is asked and answered about analyses and columns, for the OpenAPI document."""

from __future__ import annotations

from rest_framework import serializers as s

from jobs.maps.params import FORMATS
from jobs.models.artefacts import ANALYSES as KINDS
from jobs.models.states import ArtefactState


class AnalysisRequest(s.Serializer):  # type: ignore[type-arg]
    kind = s.ChoiceField(KINDS)
    params = s.DictField(
        required=False,
        help_text="neighbours: k, layer, against (a job's id), queries (item indices). "
        "clusters: method (auto, louvain, hdbscan, kmeans), layer, seed, neighbours, resolution, min_size, count. "
        "map: method (umap, pca), layer, seed, neighbours, min_dist, clusters.",
    )


class AnalysisFile(s.Serializer):  # type: ignore[type-arg]
    format = s.ChoiceField(list(FORMATS))
    url = s.CharField()
    bytes = s.IntegerField()
    sha256 = s.CharField()


class AnalysisBody(s.Serializer):  # type: ignore[type-arg]
    id = s.IntegerField()
    url = s.CharField()
    kind = s.ChoiceField(KINDS)
    params = s.DictField()
    state = s.ChoiceField(ArtefactState.choices)
    fraction = s.FloatField(help_text="How far the build is, up to 1.")
    stage = s.CharField(help_text="What the build is doing.")
    reason = s.CharField(help_text="Why it failed.")
    facts = s.DictField(help_text="Of a ready one: items, and what else can be said in a few numbers.")
    behind = s.BooleanField(help_text="Whether the job has other results by now.")
    files = AnalysisFile(many=True)
    created_at = s.DateTimeField()
    finished_at = s.DateTimeField(allow_null=True)


class AnalysisList(s.Serializer):  # type: ignore[type-arg]
    results = AnalysisBody(many=True)


class NeighboursQuery(s.Serializer):  # type: ignore[type-arg]
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


class NeighbourRow(s.Serializer):  # type: ignore[type-arg]
    index = s.IntegerField()
    name = s.CharField()
    similarity = s.FloatField(help_text="Cosine, -1 to 1.")


class NeighboursAnswer(s.Serializer):  # type: ignore[type-arg]
    job = s.UUIDField(help_text="The job whose items these are.")
    layer = s.IntegerField()
    compared = s.IntegerField(help_text="How many items were compared.")
    neighbours = NeighbourRow(many=True)


class ColumnBody(s.Serializer):  # type: ignore[type-arg]
    id = s.IntegerField()
    url = s.CharField()
    name = s.CharField()
    kind = s.CharField(help_text="numeric or categorical.")
    categories = s.ListField(child=s.CharField())
    items = s.IntegerField()
    filled = s.IntegerField(help_text="Items with a value.")


class ColumnList(s.Serializer):  # type: ignore[type-arg]
    results = ColumnBody(many=True)


class ColumnValues(ColumnBody):
    values = s.ListField(child=s.FloatField(allow_null=True))


class ColumnsUpload(s.Serializer):  # type: ignore[type-arg]
    file = s.FileField(help_text="CSV with a column name or index, and columns of values.")
    kinds = s.CharField(required=False, help_text='JSON object as text, such as {"class": "categorical"}.')


class Listed(s.Serializer):  # type: ignore[type-arg]
    count = s.IntegerField()
    examples = s.ListField(child=s.CharField())


class TakenAsWords(s.Serializer):  # type: ignore[type-arg]
    column = s.CharField()
    because = s.CharField(help_text="The first cell that is no number.")
    line = s.IntegerField(help_text="Its line in the file, from 1.")


class MatchingBody(s.Serializer):  # type: ignore[type-arg]
    by = s.CharField(help_text="name or index.")
    rows = s.IntegerField()
    matched_rows = s.IntegerField()
    items = s.IntegerField()
    matched_items = s.IntegerField()
    unmatched = Listed(help_text="Rows that are about no item of the job.")
    duplicated = Listed(help_text="Further rows of an item that has one: the first counts.")
    shared = Listed(help_text="Names that several items have: each got the value.")
    taken_as_words = TakenAsWords(many=True, help_text="Columns with numbers and words; `kinds` makes that a choice.")


class ColumnsReport(s.Serializer):  # type: ignore[type-arg]
    columns = ColumnBody(many=True)
    matching = MatchingBody()
