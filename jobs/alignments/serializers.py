"""Shapes of requests and responses about searches, for the OpenAPI document."""

from __future__ import annotations

from rest_framework import serializers as s

from jobs.models.states import WorkState


class DatabaseBody(s.Serializer):  # type: ignore[type-arg]
    name = s.CharField()
    sequences = s.IntegerField()
    residues = s.IntegerField()
    digest = s.CharField()
    created_at = s.DateTimeField()


class DatabasePage(s.Serializer):  # type: ignore[type-arg]
    results = DatabaseBody(many=True)


class SearchSettingsBody(s.Serializer):  # type: ignore[type-arg]
    tool = s.ChoiceField(["hmmer", "mmseqs2"], required=False, help_text="Default hmmer.")
    iterations = s.IntegerField(required=False, help_text="1 is phmmer, more is jackhmmer. Default 3.")
    evalue = s.FloatField(required=False, help_text="The largest at which a homolog is taken. Default 0.001.")
    min_coverage = s.FloatField(required=False, help_text="Least share of the parent that a row covers. Default 0.5.")
    max_homologs = s.IntegerField(required=False, help_text="Sequences taken, the best first. Default 10000.")


class SearchRequest(SearchSettingsBody):
    database = s.CharField(help_text="The name of a library.")
    parent = s.CharField(help_text="A sequence, or a FASTA record.")  # type: ignore[assignment]  # the field's name
    name = s.CharField(required=False, help_text="Of the search and of its alignment.")


class SearchedDatabase(s.Serializer):  # type: ignore[type-arg]
    name = s.CharField()
    digest = s.CharField()


class SearchBody(s.Serializer):  # type: ignore[type-arg]
    id = s.UUIDField()
    url = s.CharField()
    name = s.CharField()
    state = s.ChoiceField(WorkState.choices)
    progress = s.FloatField(help_text="Over all iterations, from 0 to 1.")
    iteration = s.IntegerField(help_text="The one that runs, or was the last.")
    database = SearchedDatabase()
    parent = s.CharField()  # type: ignore[assignment]  # the field's name
    settings = SearchSettingsBody()
    hits = s.IntegerField(allow_null=True, help_text="Sequences at or below the E-value.")
    converged = s.BooleanField(allow_null=True, help_text="Whether the last iteration found nothing new.")
    alignment = s.CharField(allow_null=True, help_text="The URL of the alignment, once it is done.")
    created_at = s.DateTimeField()
    started_at = s.DateTimeField(allow_null=True)
    finished_at = s.DateTimeField(allow_null=True)
    reason = s.CharField(required=False)
    links = s.DictField(child=s.CharField())


class SearchPage(s.Serializer):  # type: ignore[type-arg]
    next = s.CharField(allow_null=True)
    previous = s.CharField(allow_null=True)
    results = SearchBody(many=True)
