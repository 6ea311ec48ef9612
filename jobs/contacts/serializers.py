"""Split out of jobs/api/serializers_attachments.py."""

from __future__ import annotations

from rest_framework import serializers as s


class StructureUpload(s.Serializer):  # type: ignore[type-arg]
    file = s.FileField(help_text="PDB or mmCIF, plain or gzip.")
    chain = s.CharField(required=False, help_text="Else the one that suits the sequence best.")
    item = s.IntegerField(required=False, help_text="The item, counted from 0; else the first.")


class StructurePrecision(s.Serializer):  # type: ignore[type-arg]
    value = s.FloatField(allow_null=True)
    hits = s.IntegerField()
    pairs = s.IntegerField()
    contacts = s.IntegerField(help_text="Long-range contacts of the structure.")


class StructureBody(s.Serializer):  # type: ignore[type-arg]
    id = s.IntegerField()
    url = s.CharField()
    name = s.CharField()
    sha256 = s.CharField()
    item = s.IntegerField()
    chain = s.CharField()
    resolved = s.IntegerField(help_text="Positions of the sequence that have coordinates.")
    aligned = s.IntegerField()
    identical = s.IntegerField()
    created_at = s.DateTimeField()
    precision = StructurePrecision(
        allow_null=True, help_text="Long-range precision at L; null before the map is there."
    )


class StructureDetail(StructureBody):
    contacts = s.ListField(
        child=s.ListField(child=s.IntegerField(), min_length=2, max_length=2),
        help_text="Pairs of positions, from 1, with C-beta atoms less than 8 Angstrom apart.",
    )
    unresolved = s.ListField(child=s.IntegerField())


class StructurePage(s.Serializer):  # type: ignore[type-arg]
    results = StructureBody(many=True)
