"""Bodies of the REST interface about context sets."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers as s

from jobs.contexts.selectors import members_of
from jobs.parsing.asked import LAYOUTS
from jobs.web.rest.fields import ListPage, Shape, Url


class ContextSetSubmission(Shape):
    name = s.CharField(max_length=100, help_text="Letters, digits and . - + _")
    contexts = s.ListField(
        child=s.ListField(child=s.CharField()), required=False, help_text="Contexts, each a list of sequences."
    )
    sequences = s.ListField(child=s.CharField(), required=False, help_text="The sequences of a single context.")


class ContextSetUpload(Shape):
    file = s.FileField(
        help_text="Plain homologs, or an alignment, which is read without gaps: the sequences of a single context."
    )
    name = s.CharField(required=False, help_text="If absent, the file's name.")
    context_layout = s.ChoiceField(LAYOUTS, required=False, help_text="What bare lines are: one sequence, or several.")


class ContextFacts(Shape):
    digest = s.CharField(help_text="SHA-256 of the sequences, joined by commas.")
    sequences = s.IntegerField()
    residues = s.IntegerField()
    tokens = s.IntegerField()


class Members(s.ListField):
    """The contexts of a `ContextSet`."""

    def to_representation(self, one: Any) -> Any:
        return ContextFacts(members_of(one), many=True).data


class Source(s.CharField):
    """The source in the provenance of a set."""

    def to_representation(self, value: Any) -> Any:
        return value.get("source", "sequences")


class Notes(s.ListField):
    """The notes in the provenance of a set."""

    def to_representation(self, value: Any) -> Any:
        return value.get("notes", [])


class ContextSetSummary(Shape):
    """A set of `context_sets_of`."""

    name = s.CharField()
    url = Url("context-detail", "name")
    source = Source(source="provenance", help_text="sequences, fasta or alignment")  # type: ignore[assignment]  # the field's name
    count = s.IntegerField(source="contexts", help_text="Contexts in the set.")
    tokens = s.IntegerField(help_text="Tokens of all contexts.")
    created_at = s.DateTimeField()


class ContextSetBody(ContextSetSummary):
    contexts = Members(child=ContextFacts(), source="*")
    notes = Notes(
        child=s.DictField(), source="provenance", help_text="What was changed or left out in a file, with counts."
    )
    provenance = s.DictField(help_text="Digest of the alignment, settings and row numbers of sampled contexts.")


class ContextSetDetail(ContextSetBody):
    sequences = s.ListField(
        child=s.ListField(child=s.CharField()),
        help_text="The letters of each context, if requested.",
        required=False,
    )


class ContextSetPage(ListPage):
    results = ContextSetSummary(many=True)
