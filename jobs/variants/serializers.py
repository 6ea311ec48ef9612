"""Shapes of assays and structures, for the OpenAPI document."""

from __future__ import annotations

from rest_framework import serializers as s

from jobs.web.rest.serializers import ProblemBody


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
