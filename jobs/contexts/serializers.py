"""Shapes of requests and responses about contexts and alignments, for the OpenAPI document."""

from __future__ import annotations

from rest_framework import serializers as s

from jobs.actions import SCORERS


class ContextSetSubmission(s.Serializer):  # type: ignore[type-arg]
    name = s.CharField(max_length=100, help_text="Letters, digits and . - + _")
    contexts = s.ListField(
        child=s.ListField(child=s.CharField()), required=False, help_text="Contexts, each a list of sequences."
    )
    sequences = s.ListField(child=s.CharField(), required=False, help_text="The sequences of a single context.")


class ContextSetUpload(s.Serializer):  # type: ignore[type-arg]
    file = s.FileField(help_text="Plain homologs, FASTA or FASTA.gz: the sequences of a single context.")
    name = s.CharField(required=False, help_text="Else the file's name.")


class ContextFacts(s.Serializer):  # type: ignore[type-arg]
    digest = s.CharField(help_text="SHA-256 of the sequences, joined by commas.")
    sequences = s.IntegerField()
    residues = s.IntegerField()
    tokens = s.IntegerField()


class ContextSetSummary(s.Serializer):  # type: ignore[type-arg]
    name = s.CharField()
    url = s.CharField()
    source = s.CharField(help_text="sequences, fasta or alignment")  # type: ignore[assignment]  # the field's name
    count = s.IntegerField(help_text="Contexts in the set.")
    tokens = s.IntegerField(help_text="Tokens of all contexts.")
    created_at = s.DateTimeField()


class ContextSetBody(ContextSetSummary):
    contexts = ContextFacts(many=True)
    provenance = s.DictField(help_text="Digest of the alignment, settings and row numbers of sampled contexts.")


class ContextSetDetail(ContextSetBody):
    sequences = s.ListField(
        child=s.ListField(child=s.CharField()),
        help_text="The letters of each context, where asked for.",
        required=False,
    )


class ContextSetPage(s.Serializer):  # type: ignore[type-arg]
    next = s.CharField(allow_null=True)
    previous = s.CharField(allow_null=True)
    results = ContextSetSummary(many=True)


class AlignmentUpload(s.Serializer):  # type: ignore[type-arg]
    file = s.FileField(help_text="A3M, Stockholm or aligned FASTA, gzip or not.")
    parent = s.CharField(required=False, help_text="The sequence that the first row must be, also as a FASTA file.")  # type: ignore[assignment]  # the field's name
    add_parent = s.BooleanField(required=False, help_text="Make the parent the first row where that is plain.")
    skip_empty = s.BooleanField(required=False, help_text="Leave rows of gaps out instead of refusing the file.")
    name = s.CharField(required=False, help_text="Else the file's name.")


class Bin(s.Serializer):  # type: ignore[type-arg]
    low = s.FloatField()
    high = s.FloatField(help_text="Not included, but in the last bin.")
    count = s.IntegerField()


class AlignmentSummary(s.Serializer):  # type: ignore[type-arg]
    id = s.UUIDField()
    url = s.CharField()
    name = s.CharField()
    source = s.ChoiceField(["upload", "search"])  # type: ignore[assignment]  # the field's name
    digest = s.CharField(help_text="SHA-256 of the names, columns and sequences of all rows.")
    depth = s.IntegerField(help_text="Rows, the parent included.")
    columns = s.IntegerField(help_text="Residues of the parent.")
    skipped_count = s.IntegerField()
    created_at = s.DateTimeField()


class AlignmentBody(AlignmentSummary):
    state = s.ChoiceField(
        ["counting", "ready", "failed"], help_text="Contexts can be drawn once the neighbours are counted."
    )
    progress = s.FloatField(help_text="Of counting, from 0 to 1.")
    reason = s.CharField(required=False)
    effective_depth = s.FloatField(allow_null=True, help_text="Sum over the rows of 1 / neighbours at 0.8.")
    histogram = Bin(many=True, help_text="Homologs by their similarity to the parent.")
    skipped = s.ListField(child=s.DictField(), help_text="The first rows that were left out, with reasons.")
    parent = s.CharField()  # type: ignore[assignment]  # the field's name


class AlignmentPage(s.Serializer):  # type: ignore[type-arg]
    next = s.CharField(allow_null=True)
    previous = s.CharField(allow_null=True)
    results = AlignmentSummary(many=True)


class SamplingBody(s.Serializer):  # type: ignore[type-arg]
    max_residues = s.IntegerField(required=False, help_text="Default 12288.")
    max_similarity = s.FloatField(required=False, help_text="To the parent, from 0 to 1. Default 1.")
    min_similarity = s.FloatField(required=False, help_text="Default 0.")
    max_sequences = s.IntegerField(required=False, help_text="Default and limit 511.")
    neighbour_threshold = s.FloatField(required=False, help_text="Default 0.8.")
    seed = s.IntegerField(required=False, help_text="Default: the request's seed plus the place in the list.")


class SampleRequest(s.Serializer):  # type: ignore[type-arg]
    preset = s.ChoiceField(["published_ensemble"], required=False, allow_null=True)
    samplings = s.ListField(child=SamplingBody(), required=False, help_text="Instead of a preset.")
    seed = s.IntegerField(required=False)
    name = s.CharField(required=False, help_text="Of the context set. Not needed for a preview.")
    preview = s.BooleanField(required=False)
    model = s.CharField(required=False, help_text="Whose measured rate the cost is given at.")
    action = s.ChoiceField(SCORERS, required=False)


class CostBody(s.Serializer):  # type: ignore[type-arg]
    model = s.CharField()
    action = s.CharField()
    passes = s.IntegerField()
    chunks = s.IntegerField()
    tokens = s.IntegerField()
    tokens_per_second = s.FloatField(allow_null=True)
    seconds = s.FloatField(allow_null=True)


class DrawnBody(s.Serializer):  # type: ignore[type-arg]
    sampling = SamplingBody()
    eligible = s.IntegerField(help_text="Rows within the window of similarity.")
    rows = s.ListField(child=s.IntegerField(), help_text="Of the alignment, 0 is the parent, in drawn order.")
    sequences = s.IntegerField()
    residues = s.IntegerField()
    tokens = s.IntegerField()


class SamplePreview(s.Serializer):  # type: ignore[type-arg]
    alignment = s.CharField()
    depth = s.IntegerField()
    columns = s.IntegerField()
    effective_depth = s.FloatField()
    histogram = Bin(many=True)
    contexts = DrawnBody(many=True)
    cost = CostBody()


class Counting(s.Serializer):  # type: ignore[type-arg]
    state = s.CharField()
    progress = s.FloatField()
    retry_after = s.IntegerField()
    reason = s.CharField(required=False, help_text="Why the last count failed; it is made again.")
