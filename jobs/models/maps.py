"""Values of items that users upload."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now


class JobColumn(models.Model):
    """An uploaded value for each item of a job, to colour its map by.

    `values` is zlib-compressed little-endian numbers, one for each item in input order. A `numeric` column has float64,
    NaN for no value. A `categorical` one has int32 indices into `categories`, -1 for no value. It counts towards the
    quota of `added_by`, or of the job's owner if that is null.
    """

    job = models.ForeignKey("jobs.Job", on_delete=models.CASCADE, related_name="columns", db_index=False)
    added_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    name = models.CharField(max_length=100)
    kind = models.CharField(max_length=11)
    categories = models.JSONField(default=list)
    values = models.BinaryField()
    items = models.PositiveIntegerField()
    filled = models.PositiveIntegerField()
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            # A new upload of the same column replaces it.
            models.UniqueConstraint(fields=["job", "name"], name="job_column_once"),
            models.CheckConstraint(condition=Q(kind__in=["numeric", "categorical"]), name="job_column_kind_known"),
        ]
