"""Shapes of assays and structures, for the OpenAPI document."""

from __future__ import annotations

from rest_framework import serializers as s

from jobs.api.serializers import ProblemBody


class AssayUpload(s.Serializer):  # type: ignore[type-arg]
    file = s.FileField(help_text="CSV with a column of variants and one of measurements.")
    variant_column = s.CharField(
        required=False, help_text="Else the first of mutant, variant, name and mutated_sequence that is there."
    )
    value_column = s.CharField(
        required=False,
        help_text="Else the first of DMS_score, score, fitness, measured, measurement and value that is there, or the "
        "only one with numbers.",
    )
    offset = s.IntegerField(
        required=False, help_text="What the names' numbers are ahead of the parent; else the job's own."
    )
    item = s.IntegerField(required=False, help_text="Of a scan: the item, counted from 0.")


class AssaySummary(s.Serializer):  # type: ignore[type-arg]
    id = s.IntegerField()
    url = s.CharField()
    name = s.CharField()
    sha256 = s.CharField()
    item = s.IntegerField()
    variant_column = s.CharField()
    value_column = s.CharField()
    offset = s.IntegerField()
    created_at = s.DateTimeField()


class AssayCounts(s.Serializer):  # type: ignore[type-arg]
    rows = s.IntegerField()
    matched = s.IntegerField()
    duplicates = s.IntegerField(help_text="Rows of a variant that an earlier row names; the mean is used.")
    without_score = s.IntegerField()
    without_measurement = s.IntegerField()
    unreadable = s.IntegerField(help_text="Rows whose name is no variant of the parent.")


class AssayMetrics(s.Serializer):  # type: ignore[type-arg]
    spearman = s.FloatField(allow_null=True)
    ndcg = s.FloatField(allow_null=True, help_text="Over the best-scored tenth.")
    top_recall = s.FloatField(allow_null=True, help_text="Of the best-measured tenth among the best-scored tenth.")


class AssayPoint(s.Serializer):  # type: ignore[type-arg]
    variant = s.CharField()
    score = s.FloatField()
    measured = s.FloatField()


class AssayDetail(AssaySummary):
    counts = AssayCounts()
    metrics = AssayMetrics()
    points = AssayPoint(many=True)
    unreadable_examples = ProblemBody(many=True)
    without_score_examples = s.ListField(child=s.CharField())


class AssayPage(s.Serializer):  # type: ignore[type-arg]
    results = AssaySummary(many=True)


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
