"""Files that are built of results. `jobs.models` imports these, as Django looks for models there."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from jobs.models.states import ArtefactState

ANALYSES = ("neighbours", "clusters", "map")
"""Kinds of artefacts that are computed; the others are files of results."""


class Artefact(models.Model):
    """A file that a service worker builds of a job's results, because it cannot be written while it is sent.

    `params` are those of an analysis, empty for a file of results; `fingerprint` stands for them and for the results
    that it was asked for, so that an unchanged job is not built again. `build` is the token of the attempt that holds
    the lease or, once ready, of the blocks that count (docs/adr/0004). `fraction` and `stage`, a number up to 1 and
    words, say how far that attempt is. A build may give several files: `files` has for each its format, size, digest
    and the number of its first block; `size` is that of all, `sha256` of the first. `facts` is what lists say of a
    ready analysis.
    """

    job = models.ForeignKey("jobs.Job", on_delete=models.CASCADE, related_name="artefacts", db_index=False)
    kind = models.CharField(max_length=20)
    params = models.JSONField(default=dict, db_default={})
    fingerprint = models.CharField(max_length=64)
    state = models.CharField(max_length=9, choices=ArtefactState.choices, default=ArtefactState.WAITING)
    fraction = models.FloatField(default=0.0, db_default=0.0)
    stage = models.CharField(max_length=60, default="", db_default="", blank=True)
    reason = models.CharField(max_length=500, default="", blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    build = models.UUIDField(null=True, blank=True)
    lease_end = models.DateTimeField(null=True, blank=True)
    published_at = models.DateTimeField(null=True, blank=True)
    size = models.BigIntegerField(default=0)
    sha256 = models.CharField(max_length=64, default="", blank=True)
    files = models.JSONField(default=list, db_default=[])
    facts = models.JSONField(default=dict, db_default={})
    created_at = models.DateTimeField(db_default=Now())
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            # Two requests at once for the same file meet in one row.
            models.UniqueConstraint(fields=["job", "kind", "fingerprint"], name="artefact_once"),
            models.CheckConstraint(condition=Q(state__in=ArtefactState.values), name="artefact_state_known"),
        ]
        indexes = [
            # The safety net looks for unfinished ones only.
            models.Index(
                fields=["lease_end"],
                condition=Q(state__in=[s.value for s in ArtefactState.unfinished()]),
                name="artefact_unfinished",
            ),
        ]


class ArtefactBlock(models.Model):
    """A piece of an artefact, raw with EXTERNAL storage. Blocks of a build that lost its lease count for nothing."""

    artefact = models.ForeignKey(Artefact, on_delete=models.CASCADE, related_name="blocks", db_index=False)
    build = models.UUIDField()
    number = models.PositiveIntegerField()
    data = models.BinaryField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["artefact", "build", "number"], name="artefact_block_once"),
        ]
