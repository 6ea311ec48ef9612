"""Contexts, their names, and the alignments they are drawn from; `jobs.models` imports them for Django."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from jobs.states import WorkState


class Context(models.Model):
    """Context sequences, stored once per owner however many items name them.

    Once nothing names it any more it goes (`jobs.services.contexts`): `unused_since` marks those to look at.
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


class BackgroundWork(models.Model):
    """What the service worker does under a lease, with progress (`jobs.services.background`).

    `token` is that of the attempt that holds the lease. `progress` is a share from 0 to 1 of all there is to do.
    """

    state = models.CharField(max_length=9, choices=WorkState.choices, default=WorkState.WAITING)
    reason = models.CharField(max_length=500, default="", blank=True)
    progress = models.FloatField(default=0.0)
    attempts = models.PositiveSmallIntegerField(default=0)
    token = models.UUIDField(null=True, blank=True)
    lease_end = models.DateTimeField(null=True, blank=True)
    published_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(db_default=Now())
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        abstract = True
        constraints = [
            models.CheckConstraint(condition=Q(state__in=WorkState.values), name="%(class)s_state_known"),
            # A lease is a token and an end, and only what runs holds one.
            models.CheckConstraint(
                condition=Q(state=WorkState.RUNNING, token__isnull=False, lease_end__isnull=False)
                | (~Q(state=WorkState.RUNNING) & Q(token__isnull=True, lease_end__isnull=True)),
                name="%(class)s_lease_is_whole",
            ),
        ]
        indexes = [
            # The safety net looks for unfinished ones only.
            models.Index(
                fields=["lease_end"],
                condition=Q(state__in=[s.value for s in WorkState.unfinished()]),
                name="%(class)s_open",
            ),
        ]


class Alignment(models.Model):
    """Homologs aligned to a parent (`jobs.science.alignments.Alignment`), packed in blocks.

    `digest` stands for names, columns and sequences of all rows. `histogram` counts the homologs by their similarity
    to the parent in bins of equal width from 0 to 1. `skipped` holds the first rows that were left out and why.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="alignments")
    name = models.CharField(max_length=200)
    source = models.CharField(max_length=10)
    digest = models.CharField(max_length=64)
    parent = models.TextField()
    depth = models.PositiveIntegerField()
    columns = models.PositiveIntegerField()
    histogram = models.JSONField()
    skipped = models.JSONField(default=list)
    skipped_count = models.PositiveIntegerField(default=0)
    size = models.BigIntegerField(default=0)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            # Sending a file again gives the alignment that is there.
            models.UniqueConstraint(fields=["owner", "digest"], name="alignment_once_per_owner"),
        ]
        indexes = [models.Index(fields=["owner", "-created_at", "-id"], name="alignment_by_owner")]


class AlignmentBlock(models.Model):
    """A piece of an alignment's packed rows, raw with EXTERNAL storage."""

    alignment = models.ForeignKey(Alignment, on_delete=models.CASCADE, related_name="blocks", db_index=False)
    number = models.PositiveIntegerField()
    data = models.BinaryField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["alignment", "number"], name="alignment_block_once")]


class NeighbourCount(BackgroundWork):
    """How many rows resemble each row of an alignment at one threshold: what contexts are drawn by.

    `counts` holds little-endian 32-bit numbers, one for each row, packed with zlib.
    """

    alignment = models.ForeignKey(Alignment, on_delete=models.CASCADE, related_name="counts", db_index=False)
    threshold = models.FloatField()
    effective_depth = models.FloatField(null=True, blank=True)
    counts = models.BinaryField(default=b"")

    class Meta(BackgroundWork.Meta):
        constraints = [
            *BackgroundWork.Meta.constraints,
            models.UniqueConstraint(fields=["alignment", "threshold"], name="neighbour_count_once"),
        ]


class SequenceDatabase(models.Model):
    """A library of sequences that an administrator has installed (`jobs.science.libraries`), for all users.

    `folder` lies in the setting E1_DATABASES of the machines that search it.
    """

    name = models.CharField(max_length=60, unique=True)
    folder = models.CharField(max_length=100)
    digest = models.CharField(max_length=64)
    sequences = models.BigIntegerField()
    residues = models.BigIntegerField()
    created_at = models.DateTimeField(db_default=Now())


class HomologSearch(BackgroundWork):
    """A parent looked up in a database: what it finds becomes an alignment.

    `database_name` and `database_digest` say what was searched, also where the database is gone since.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="searches")
    name = models.CharField(max_length=200)
    database = models.ForeignKey(SequenceDatabase, null=True, on_delete=models.SET_NULL, related_name="+")
    database_name = models.CharField(max_length=60)
    database_digest = models.CharField(max_length=64)
    parent = models.TextField()
    settings = models.JSONField()
    iteration = models.PositiveSmallIntegerField(default=0)
    hits = models.PositiveIntegerField(null=True, blank=True)
    converged = models.BooleanField(null=True, blank=True)
    alignment = models.ForeignKey(Alignment, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")

    class Meta(BackgroundWork.Meta):
        indexes = [
            *BackgroundWork.Meta.indexes,
            models.Index(fields=["owner", "-created_at", "-id"], name="search_by_owner"),
        ]
