"""Files built from a job's results."""

from __future__ import annotations

from django.conf import settings
from django.db import models

from jobs.models.background import BackgroundWork

ANALYSES = ("neighbours", "clusters", "map")
"""Kinds of artefacts that are computed; the others are files of results."""


class Artefact(BackgroundWork):
    """One build from a job's results, with one or several files.

    - `params` are those of an analysis, empty for a file of results.
    - `added_by` asked for an analysis, which counts towards that user's quota; null: the job's owner.
    - `fingerprint` is a digest of `params` and of the results, so that an unchanged job is not built again.
    - `build` names the blocks of a finished build: the token of the attempt that wrote them (docs/adr/0004).
    - `stage` says in words what the attempt does.
    - `files` lists format, size, digest and number of the first block; `size` is the sum, `sha256` that of the first.
    - `facts` are what lists show of a finished analysis.
    """

    job = models.ForeignKey("jobs.Job", on_delete=models.CASCADE, related_name="artefacts", db_index=False)
    kind = models.CharField(max_length=20)
    added_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    params = models.JSONField(default=dict, db_default={})
    fingerprint = models.CharField(max_length=64)
    stage = models.CharField(max_length=60, default="", db_default="", blank=True)
    build = models.UUIDField(null=True, blank=True)
    size = models.BigIntegerField(default=0)
    sha256 = models.CharField(max_length=64, default="", blank=True)
    files = models.JSONField(default=list, db_default=[])
    facts = models.JSONField(default=dict, db_default={})

    class Meta(BackgroundWork.Meta):
        constraints = [
            *BackgroundWork.Meta.constraints,
            # Two requests at once for the same file meet in one row.
            models.UniqueConstraint(fields=["job", "kind", "fingerprint"], name="artefact_once"),
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
