"""Contexts, the jobs computed under them, and named sets of them."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now


class Context(models.Model):
    """Context sequences, stored once per owner however many items name them.

    A context that nothing names any more is deleted (`jobs.library.contexts`). `unused_since` marks candidates.
    """

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE)
    digest = models.CharField(max_length=64)
    sequences = models.JSONField()
    tokens = models.PositiveIntegerField()
    unused_since = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            # Two uploads at once with the same homologs share one row. The sum of an owner's tokens, which counts
            # towards the quota of stored bytes, needs this index only.
            models.UniqueConstraint(fields=["owner", "digest"], include=["tokens"], name="context_once_per_owner"),
        ]
        indexes = [
            models.Index(fields=["id"], condition=Q(unused_since__isnull=False), name="context_to_look_at"),
        ]


class JobContext(models.Model):
    """A context that every item of the job is computed under, with its position."""

    job = models.ForeignKey("jobs.Job", on_delete=models.CASCADE, related_name="contexts", db_index=False)
    position = models.PositiveSmallIntegerField()
    context = models.ForeignKey(Context, on_delete=models.PROTECT, db_index=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["job", "position"], name="job_context_once"),
        ]
        indexes = [models.Index(fields=["context"], name="job_context_named")]


class ContextSet(models.Model):
    """A named, ordered set of contexts, for an ensemble of scores.

    `provenance` has their `source` ("sequences", "fasta" or "alignment"). For sampled ones it also has the alignment's
    digest and, for each context, its settings and the numbers of its rows.
    """

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="context_sets")
    project = models.ForeignKey(
        "jobs.Project", null=True, blank=True, on_delete=models.SET_NULL, related_name="context_sets", db_index=False
    )
    name = models.CharField(max_length=100)
    provenance = models.JSONField(default=dict)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            # A job names a set by its name alone.
            models.UniqueConstraint(fields=["owner", "name"], name="context_set_once_per_name"),
        ]
        indexes = [
            models.Index(fields=["owner", "-created_at", "-id"], name="context_set_by_owner"),
            # What a project holds. Most rows are in none.
            models.Index(
                fields=["project", "-created_at", "-id"],
                condition=Q(project__isnull=False),
                name="context_set_by_project",
            ),
        ]


class ContextSetMember(models.Model):
    """A context of a set, with its position. A set may hold a context twice: two samples can be equal."""

    set = models.ForeignKey(ContextSet, on_delete=models.CASCADE, related_name="members", db_index=False)
    position = models.PositiveSmallIntegerField()
    context = models.ForeignKey(Context, on_delete=models.RESTRICT, related_name="+")

    class Meta:
        constraints = [
            # One context at each position; the index also reads a set in order.
            models.UniqueConstraint(fields=["set", "position"], name="context_set_member_once"),
        ]
