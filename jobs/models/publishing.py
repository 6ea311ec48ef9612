"""Public links, which show a result, a project or a campaign to people without an account."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now


class PublicLink(models.Model):
    """The public link of one job, project or campaign. `digest` is the SHA-256 of its token, which is stored nowhere.

    It goes with the rows of what it opens: when they are deleted, or when a job's results expire.
    """

    job = models.OneToOneField("jobs.Job", null=True, on_delete=models.CASCADE, related_name="public_link")
    project = models.OneToOneField("jobs.Project", null=True, on_delete=models.CASCADE, related_name="public_link")
    campaign = models.OneToOneField("jobs.Campaign", null=True, on_delete=models.CASCADE, related_name="public_link")
    digest = models.CharField(max_length=64, unique=True)
    created_at = models.DateTimeField(db_default=Now())
    expires_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            # A link without a thing would open nothing, and one with two would show more than its owner was told.
            models.CheckConstraint(
                condition=Q(job__isnull=False, project__isnull=True, campaign__isnull=True)
                | Q(job__isnull=True, project__isnull=False, campaign__isnull=True)
                | Q(job__isnull=True, project__isnull=True, campaign__isnull=False),
                name="public_link_opens_one_thing",
            )
        ]
