"""Alignments, the databases they are searched in, and the background work for them."""

from __future__ import annotations

import re
import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from jobs.models.background import BackgroundWork

_ENDING = re.compile(r"(\.(a2m|a3m|aln|clustal|clw|fa|fasta|pir|sth|sto|stockholm|txt))?(\.gz)?$", re.IGNORECASE)
_UNSAFE = re.compile(r"[^A-Za-z0-9._+-]+")
"""What a name of a context set does not take."""


class Alignment(models.Model):
    """Homologs aligned to a parent (`jobs.science.alignments.reading.Alignment`), packed in blocks.

    `digest` covers names, columns and sequences of all rows. `histogram` counts the homologs by their similarity to the
    parent, in bins of equal width from 0 to 1. `skipped` holds the first rows that were left out, with reasons. `notes`
    says what else was changed. Both are about the file that was sent last.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="alignments")
    project = models.ForeignKey(
        "jobs.Project", null=True, blank=True, on_delete=models.SET_NULL, related_name="alignments", db_index=False
    )
    name = models.CharField(max_length=200)
    source = models.CharField(max_length=10)
    digest = models.CharField(max_length=64)
    parent = models.TextField()
    depth = models.PositiveIntegerField()
    columns = models.PositiveIntegerField()
    histogram = models.JSONField()
    skipped = models.JSONField(default=list)
    skipped_count = models.PositiveIntegerField(default=0)
    notes = models.JSONField(default=list, db_default=[])
    size = models.BigIntegerField(default=0)
    created_at = models.DateTimeField(db_default=Now())

    @property
    def stem(self) -> str:
        """The name as one word without the ending of a file; names what is made from the alignment, such as a set."""
        name = _ENDING.sub("", self.name)
        return _UNSAFE.sub("-", name).strip("-._+")[:90] or "alignment"

    class Meta:
        constraints = [
            # Uploading a file again returns the existing alignment.
            models.UniqueConstraint(fields=["owner", "digest"], name="alignment_once_per_owner"),
        ]
        indexes = [
            models.Index(fields=["owner", "-created_at", "-id"], name="alignment_by_owner"),
            # What a project holds. Most rows are in none.
            models.Index(
                fields=["project", "-created_at", "-id"],
                condition=Q(project__isnull=False),
                name="alignment_by_project",
            ),
        ]


class AlignmentBlock(models.Model):
    """A piece of an alignment's packed rows, raw with EXTERNAL storage."""

    alignment = models.ForeignKey(Alignment, on_delete=models.CASCADE, related_name="blocks", db_index=False)
    number = models.PositiveIntegerField()
    data = models.BinaryField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["alignment", "number"], name="alignment_block_once")]


class NeighbourCount(BackgroundWork):
    """How many rows resemble each row of an alignment at one threshold. Contexts are sampled by these counts.

    `counts` holds little-endian 32-bit numbers, one for each row, compressed with zlib.
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
    """A library of sequences that an administrator has installed for all users (`jobs.science.alignments.libraries`).

    `folder` is in the folder E1_DATABASES of the machines that search it.
    """

    name = models.CharField(max_length=60, unique=True)
    folder = models.CharField(max_length=100)
    digest = models.CharField(max_length=64)
    sequences = models.BigIntegerField()
    residues = models.BigIntegerField()
    created_at = models.DateTimeField(db_default=Now())


class HomologSearch(BackgroundWork):
    """A search for homologs of a parent in a database. Its result is an alignment.

    `database_name` and `database_digest` remain after the database is removed.
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
