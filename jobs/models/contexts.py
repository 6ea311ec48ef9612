"""Contexts, their names, and the alignments they are drawn from; `jobs.models` imports them for Django."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now


class Context(models.Model):
    """Context sequences, stored once per owner however many items name them.

    Once nothing names it any more it goes (`jobs.library.contexts`): `unused_since` marks those to look at.
    """

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE)
    digest = models.CharField(max_length=64)
    sequences = models.JSONField()
    tokens = models.PositiveIntegerField()
    unused_since = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            # Two uploads at once with the same homologs meet here, not in two rows. The sum of an owner's tokens, which
            # counts against the quota of stored bytes, is read from it alone.
            models.UniqueConstraint(fields=["owner", "digest"], include=["tokens"], name="context_once_per_owner"),
        ]
        indexes = [
            models.Index(fields=["id"], condition=Q(unused_since__isnull=False), name="context_to_look_at"),
        ]


class JobContext(models.Model):
    """A context that every item of the job is computed under, in its place."""

    job = models.ForeignKey("jobs.Job", on_delete=models.CASCADE, related_name="contexts", db_index=False)
    position = models.PositiveSmallIntegerField()
    context = models.ForeignKey(Context, on_delete=models.PROTECT, db_index=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["job", "position"], name="job_context_once"),
        ]
        indexes = [models.Index(fields=["context"], name="job_context_named")]


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
    context = models.ForeignKey(Context, on_delete=models.RESTRICT, related_name="+")

    class Meta:
        constraints = [
            # One context in each place; the index also reads a set in its order.
            models.UniqueConstraint(fields=["set", "position"], name="context_set_member_once"),
        ]
