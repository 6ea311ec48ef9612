"""Contexts by name. `jobs.models` imports these, as Django looks for models there."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models.functions import Now


class ContextSet(models.Model):
    """Contexts in an order, under a name of their owner's: what an ensemble of scores is computed with.

    `provenance` says where they came from: `source` ("sequences", "fasta", "alignment"), and for sampled ones the
    digest of the alignment with, for each context, its settings and the numbers of its rows.
    """

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="context_sets")
    name = models.CharField(max_length=100)
    provenance = models.JSONField(default=dict)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            # A job names a set by its name alone.
            models.UniqueConstraint(fields=["owner", "name"], name="context_set_once_per_name"),
        ]
        indexes = [models.Index(fields=["owner", "-created_at", "-id"], name="context_set_by_owner")]


class ContextSetMember(models.Model):
    """A context in its place. A set may hold the same context twice: two draws can agree."""

    set = models.ForeignKey(ContextSet, on_delete=models.CASCADE, related_name="members", db_index=False)
    position = models.PositiveSmallIntegerField()
    context = models.ForeignKey("jobs.Context", on_delete=models.RESTRICT, related_name="+")

    class Meta:
        constraints = [
            # One context in each place; the index also reads a set in its order.
            models.UniqueConstraint(fields=["set", "position"], name="context_set_member_once"),
        ]
