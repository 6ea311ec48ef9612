"""Campaigns: properties, measurements, models that learn from them, files of their predictions, and rounds."""

from __future__ import annotations

import uuid
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from jobs.models.background import BackgroundWork

ROLES = ("variant", "wild_type", "dead", "blank")
ROUND_STATES = ("proposed", "ordered", "measured")


class Campaign(models.Model):
    """A parent whose variants are measured round by round. Only its project changes, so that rounds can be repeated.

    `numbering` has the form of `jobs.science.variants.numbering_forms`. `excluded` are positions from 1, and `exclude`
    are the ranges that the user wrote.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="campaigns")
    project = models.ForeignKey(
        "jobs.Project", null=True, blank=True, on_delete=models.SET_NULL, related_name="campaigns", db_index=False
    )
    name = models.CharField(max_length=200)
    parent = models.TextField()
    model = models.CharField(max_length=40)
    context_set = models.CharField(max_length=200, default="", blank=True)
    alignment = models.ForeignKey(
        "jobs.Alignment", null=True, blank=True, on_delete=models.SET_NULL, related_name="campaigns"
    )
    numbering = models.JSONField()
    cds = models.TextField(default="", blank=True)
    host = models.CharField(max_length=40, default="", blank=True)
    exclude = models.JSONField(default=list)
    excluded = models.JSONField(default=list)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        indexes = [
            models.Index(fields=["owner", "-created_at", "-id"], name="campaign_by_owner"),
            # What a project holds. Most rows are in none.
            models.Index(
                fields=["project", "-created_at", "-id"],
                condition=Q(project__isnull=False),
                name="campaign_by_project",
            ),
        ]

    def added_by(self, user_id: int) -> int | None:
        """Return what `added_by_id` holds in a row of this campaign: the user who adds it, or None for the owner."""
        return None if user_id == self.owner_id else user_id


def _adder() -> models.ForeignKey[Any, Any]:
    """Return the member of a project who added a row, whose quota it counts towards. Null is the campaign's owner."""
    return models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+", db_index=False
    )


def _by_adder(name: str) -> models.Index:
    # Quotas sum up what a user added, and few rows are a member's.
    return models.Index(fields=["added_by"], condition=Q(added_by__isnull=False), name=name)


class Property(models.Model):
    """What is measured. `limit_low` and `limit_high` are the detection limits, in the unit of the file."""

    campaign = models.ForeignKey(Campaign, on_delete=models.CASCADE, related_name="properties", db_index=False)
    name = models.CharField(max_length=100)
    unit = models.CharField(max_length=40, default="", blank=True)
    higher_is_better = models.BooleanField()
    log = models.BooleanField(default=False)
    limit_low = models.FloatField(null=True, blank=True)
    limit_high = models.FloatField(null=True, blank=True)
    threshold = models.FloatField(null=True, blank=True)
    normalisation = models.CharField(max_length=20, default="none")
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        # A column of a file means one property.
        constraints = [models.UniqueConstraint(fields=["campaign", "name"], name="property_once_per_campaign")]


class Measurement(models.Model):
    """One well and one property. Rows are only added: a correction is a later row of the same well.

    `variant` is a code by position, "" for a blank or a dead control without a variant. `digest` is the SHA-256 of the
    sequence. `value` is None if the well failed. `censored` is -1 for a true value below `value`, 1 for one above.
    `written` is the cell as it was sent, and `upload` the SHA-256 of the file.
    """

    property = models.ForeignKey(Property, on_delete=models.CASCADE, related_name="measurements", db_index=False)
    variant = models.TextField(default="", blank=True)
    digest = models.CharField(max_length=64, default="", blank=True)
    round = models.PositiveIntegerField(null=True, blank=True)
    plate = models.CharField(max_length=60, default="", blank=True)
    well = models.CharField(max_length=10, default="", blank=True)
    replicate = models.CharField(max_length=20, default="", blank=True)
    role = models.CharField(max_length=9, default="variant")
    value = models.FloatField(null=True, blank=True)
    censored = models.SmallIntegerField(default=0)
    failed = models.BooleanField(default=False)
    written = models.CharField(max_length=40, default="", blank=True)
    upload = models.CharField(max_length=64)
    added_by = _adder()
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(role__in=ROLES), name="measurement_role_known"),
            models.CheckConstraint(
                condition=Q(failed=True, value__isnull=True) | Q(failed=False, value__isnull=False),
                name="measurement_has_a_value_or_failed",
            ),
        ]
        # The rows of a property are read in the order in which they came.
        indexes = [
            models.Index(fields=["property", "id"], name="measurement_by_property"),
            _by_adder("measurement_by_adder"),
        ]


class PropertyModel(BackgroundWork):
    """A model of one property, with all that is needed to repeat it. `number` counts from 1 in the campaign.

    `training` is a list of [code, value, wells, censored wells, round], frozen when the model is requested. `tables`
    are the prior, and the profile if there is one, as `jobs.learning.priors` packs them. `fits` has the settings of the
    fitted models, and the predictions of held-out variants. `card` is the part of the answer that is computed. A model
    on embeddings waits for `features_job`, which computes them; it is None if that job was deleted.
    """

    campaign = models.ForeignKey(Campaign, on_delete=models.CASCADE, related_name="models", db_index=False)
    property = models.ForeignKey(Property, on_delete=models.CASCADE, related_name="models")
    number = models.PositiveIntegerField()
    prior = models.CharField(max_length=20)
    features = models.CharField(max_length=20)
    seed = models.PositiveBigIntegerField(default=0)
    training = models.JSONField(default=list)
    counts = models.JSONField(default=dict)
    tables = models.BinaryField(default=b"")
    fits = models.JSONField(default=dict)
    card = models.JSONField(default=dict)
    digest = models.CharField(max_length=64, default="", blank=True)
    added_by = _adder()
    features_job = models.ForeignKey(
        "jobs.Job", null=True, blank=True, on_delete=models.SET_NULL, related_name="property_models"
    )

    class Meta(BackgroundWork.Meta):
        indexes = [*BackgroundWork.Meta.indexes, _by_adder("property_model_by_adder")]
        constraints = [
            *BackgroundWork.Meta.constraints,
            models.UniqueConstraint(fields=["campaign", "number"], name="property_model_once"),
        ]


class PredictionFile(BackgroundWork):
    """Predictions of many variants by one model, stored as files.

    `kind` is `all_singles`, `combinations` or `variants`, and `asked` the request with codes by position, which may be
    long. `fingerprint` is a digest of it and of the model, so that the same request gets the same file. `count` are its
    variants. `build` names
    the blocks of the finished file, and `files` lists format, size, digest and number of the first block.
    """

    model = models.ForeignKey(PropertyModel, on_delete=models.CASCADE, related_name="predictions", db_index=False)
    kind = models.CharField(max_length=12)
    asked = models.JSONField()
    fingerprint = models.CharField(max_length=64)
    count = models.PositiveIntegerField()
    build = models.UUIDField(null=True, blank=True)
    size = models.BigIntegerField(default=0)
    sha256 = models.CharField(max_length=64, default="", blank=True)
    files = models.JSONField(default=list)
    added_by = _adder()

    class Meta(BackgroundWork.Meta):
        indexes = [*BackgroundWork.Meta.indexes, _by_adder("prediction_file_by_adder")]
        constraints = [
            *BackgroundWork.Meta.constraints,
            # Two requests at once for the same predictions meet in one row.
            models.UniqueConstraint(fields=["model", "fingerprint"], name="prediction_file_once"),
        ]


class PredictionBlock(models.Model):
    """A piece of a file of predictions, as `ArtefactBlock` is of an artefact."""

    file = models.ForeignKey(PredictionFile, on_delete=models.CASCADE, related_name="blocks", db_index=False)
    build = models.UUIDField()
    number = models.PositiveIntegerField()
    data = models.BinaryField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["file", "build", "number"], name="prediction_block_once"),
        ]


class Round(models.Model):
    """A proposed plate, and what became of it. `frozen` is JSON text that never changes; `digest` is its SHA-256."""

    campaign = models.ForeignKey(Campaign, on_delete=models.CASCADE, related_name="rounds", db_index=False)
    number = models.PositiveIntegerField()
    state = models.CharField(max_length=8, default="proposed")
    frozen = models.TextField()
    digest = models.CharField(max_length=64)
    added_by = _adder()
    created_at = models.DateTimeField(db_default=Now())
    ordered_at = models.DateTimeField(null=True, blank=True)
    measured_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["campaign", "number"], name="round_once_per_campaign"),
            models.CheckConstraint(condition=Q(state__in=ROUND_STATES), name="round_state_known"),
        ]
        indexes = [_by_adder("round_by_adder")]
