"""Bodies of the REST interface about alignments, sampling, and homolog searches."""

from __future__ import annotations

from typing import Any

from django.urls import reverse
from rest_framework import serializers as s

from e1protocol import NEIGHBOUR_THRESHOLD, SAMPLED_RESIDUES, SAMPLED_SEQUENCES
from jobs.actions import SCORERS
from jobs.alignments.selectors import bins_of
from jobs.models.states import WorkState
from jobs.web.rest.fields import ListPage, Rows, Shape, Share, Url


class AlignmentUpload(Shape):
    file = s.FileField(help_text="A3M, aligned FASTA, Clustal, PIR or Stockholm, gzip or not.")
    parent = s.CharField(required=False, help_text="The sequence that the first row must be, also as a FASTA file.")  # type: ignore[assignment]  # the field's name
    add_parent = s.BooleanField(required=False, help_text="Make the parent the first row if its place is clear.")
    skip_empty = s.BooleanField(
        required=False, help_text="Leave out rows without letters instead of refusing the file."
    )
    name = s.CharField(required=False, help_text="If absent, the file's name.")


class Bin(Shape):
    low = s.FloatField()
    high = s.FloatField(help_text="Excluded, except in the last bin.")
    count = s.IntegerField()


class Bins(Rows):
    """A stored histogram with the borders of its bins."""

    def to_representation(self, data: list[int]) -> list[dict[str, float]]:
        return bins_of(data)


class AlignmentSummary(Shape):
    id = s.UUIDField(source="pk")
    url = Url("alignment-detail", "pk")
    name = s.CharField()
    source = s.ChoiceField(["upload", "search"])  # type: ignore[assignment]  # the field's name
    digest = s.CharField(help_text="SHA-256 of the names, columns and sequences of all rows.")
    depth = s.IntegerField(help_text="Rows, the parent included.")
    columns = s.IntegerField(help_text="Residues of the parent.")
    skipped_count = s.IntegerField()
    created_at = s.DateTimeField()


class CountState(s.ChoiceField):
    """The state of a count of neighbours, as that of its alignment."""

    def to_representation(self, value: str) -> str:
        return {WorkState.DONE: "ready", WorkState.FAILED: "failed"}.get(WorkState(value), "counting")


class CountBody(Shape):
    """A `NeighbourCount`."""

    state = CountState(
        ["counting", "ready", "failed"], help_text="Contexts can be drawn once the neighbours are counted."
    )
    progress = Share(help_text="Of counting, from 0 to 1.")
    reason = s.CharField(required=False)
    effective_depth = s.FloatField(
        allow_null=True, help_text=f"Sum over the rows of 1 / neighbours at {NEIGHBOUR_THRESHOLD}."
    )


class AlignmentFigures(AlignmentSummary):
    histogram = Bins(child=Bin(), help_text="Homologs by their similarity to the parent.")
    skipped = Rows(child=s.DictField(), help_text="The first rows that were left out, with reasons.")
    notes = Rows(child=s.DictField(), help_text="What else was changed in the file that was sent last, with counts.")
    parent = s.CharField()  # type: ignore[assignment]  # the field's name


class AlignmentBody(AlignmentFigures, CountBody):
    """An alignment with its count of neighbours at the published threshold."""


class AlignmentPage(ListPage):
    results = AlignmentSummary(many=True)


class SamplingBody(Shape):
    max_residues = s.IntegerField(required=False, help_text=f"Default {SAMPLED_RESIDUES}.")
    max_similarity = s.FloatField(required=False, help_text="To the parent, from 0 to 1. Default 1.")
    min_similarity = s.FloatField(required=False, help_text="Default 0.")
    max_sequences = s.IntegerField(required=False, help_text=f"Default and limit {SAMPLED_SEQUENCES}.")
    neighbour_threshold = s.FloatField(required=False, help_text=f"Default {NEIGHBOUR_THRESHOLD}.")
    seed = s.IntegerField(required=False, help_text="Default: the request's seed plus the place in the list.")


class SampleRequest(Shape):
    preset = s.ChoiceField(["published_ensemble"], required=False, allow_null=True)
    samplings = s.ListField(child=SamplingBody(), required=False, help_text="Instead of a preset.")
    seed = s.IntegerField(required=False)
    name = s.CharField(required=False, help_text="Of the context set. Not needed for a preview.")
    preview = s.BooleanField(required=False)
    model = s.CharField(required=False, help_text="The model whose measured rate the cost assumes.")
    action = s.ChoiceField(SCORERS, required=False)


class CostBody(Shape):
    model = s.CharField()
    action = s.CharField()
    passes = s.IntegerField()
    chunks = s.IntegerField()
    tokens = s.IntegerField()
    tokens_per_second = s.FloatField(allow_null=True)
    seconds = s.FloatField(allow_null=True)
    seconds_range = s.ListField(child=s.FloatField(), allow_null=True, help_text="The limits of the time.")


class DrawnBody(Shape):
    sampling = SamplingBody()
    eligible = s.IntegerField(help_text="Rows within the window of similarity.")
    rows = s.ListField(child=s.IntegerField(), help_text="Of the alignment, 0 is the parent, in drawn order.")
    sequences = s.IntegerField()
    residues = s.IntegerField()
    tokens = s.IntegerField()


class SamplePreview(Shape):
    alignment = s.CharField()
    depth = s.IntegerField()
    columns = s.IntegerField()
    effective_depth = s.FloatField()
    histogram = Bin(many=True)
    contexts = DrawnBody(many=True)
    cost = CostBody()


class Counting(Shape):
    state = s.CharField()
    progress = s.FloatField()
    retry_after = s.IntegerField()
    reason = s.CharField(required=False, help_text="Why the last count failed. It is tried again.")


class DatabaseBody(Shape):
    name = s.CharField()
    sequences = s.IntegerField()
    residues = s.IntegerField()
    digest = s.CharField()
    created_at = s.DateTimeField()


class DatabasePage(Shape):
    results = DatabaseBody(many=True)


class SearchSettingsBody(Shape):
    tool = s.ChoiceField(["hmmer", "mmseqs2"], required=False, help_text="Default hmmer.")
    iterations = s.IntegerField(required=False, help_text="1 is phmmer, more is jackhmmer. Default 3.")
    evalue = s.FloatField(required=False, help_text="The largest E-value of a homolog. Default 0.001.")
    min_coverage = s.FloatField(required=False, help_text="Least share of the parent that a row covers. Default 0.5.")
    max_homologs = s.IntegerField(required=False, help_text="Most homologs, the best first. Default 10000.")


class SearchRequest(SearchSettingsBody):
    database = s.CharField(help_text="The name of a library.")
    parent = s.CharField(help_text="A sequence, or a FASTA record.")  # type: ignore[assignment]  # the field's name
    name = s.CharField(required=False, help_text="Of the search and of its alignment.")


class SearchedDatabase(Shape):
    name = s.CharField(source="database_name")
    digest = s.CharField(source="database_digest")


class SearchLinks(s.DictField):
    def to_representation(self, search: Any) -> dict[str, Any]:
        return {"cancel": reverse("search-cancel", args=[search.pk])}


class SearchBody(Shape):
    id = s.UUIDField(source="pk")
    url = Url("search-detail", "pk")
    name = s.CharField()
    state = s.ChoiceField(WorkState.choices)
    progress = Share(help_text="Over all iterations, from 0 to 1.")
    iteration = s.IntegerField(help_text="The iteration that runs, or ran last.")
    database = SearchedDatabase(source="*")
    parent = s.CharField()  # type: ignore[assignment]  # the field's name
    settings = SearchSettingsBody()
    hits = s.IntegerField(allow_null=True, help_text="Sequences at or below the E-value.")
    converged = s.BooleanField(allow_null=True, help_text="Whether the last iteration found nothing new.")
    alignment = Url(
        "alignment-detail", "alignment_id", allow_null=True, help_text="The URL of the alignment, once it is done."
    )
    created_at = s.DateTimeField()
    started_at = s.DateTimeField(allow_null=True)
    finished_at = s.DateTimeField(allow_null=True)
    reason = s.CharField(required=False)
    links = SearchLinks(child=s.CharField(), source="*")


class SearchPage(ListPage):
    results = SearchBody(many=True)
