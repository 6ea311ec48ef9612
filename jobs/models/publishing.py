"""Public links, which show the result of a job to people without an account."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now


class PublicLink(models.Model):
    """The public link of a job. `digest` is the SHA-256 of its token, which is stored nowhere.

    It goes with the job's rows: when the job is deleted, or when its results expire.
    """

    job = models.OneToOneField("jobs.Job", on_delete=models.CASCADE, related_name="public_link")
    digest = models.CharField(max_length=64, unique=True)
    created_at = models.DateTimeField(db_default=Now())
    expires_at = models.DateTimeField(null=True, blank=True)
