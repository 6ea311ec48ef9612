"""Shapes of requests and responses about contexts and alignments, for the OpenAPI document."""

from __future__ import annotations

from rest_framework import serializers as s


class ContextSetSubmission(s.Serializer):  # type: ignore[type-arg]
    name = s.CharField(max_length=100, help_text="Letters, digits and . - + _")
    contexts = s.ListField(  # type: ignore[assignment]
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
    source = s.CharField(help_text="sequences, fasta or alignment")
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
