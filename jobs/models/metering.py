"""What people have used, by month, model and project. These rows outlive jobs and users."""

from __future__ import annotations

from django.contrib.auth.models import Group
from django.db import models
from django.db.models.functions import Now


class UsageAccount(models.Model):
    """What one person used of one model in one month (UTC), for one cost centre and in one project.

    `owner_id` is no foreign key, so the row stays when the user is deleted. `model` is empty for bytes that belong to
    no model, such as alignments. `project` is the id of a project, empty for none, and no foreign key either. A core of
    a CPU that computes for a second is one `cpu_seconds`.
    """

    month = models.DateField()
    owner_id = models.IntegerField()
    owner_name = models.CharField(max_length=150)
    model = models.CharField(max_length=40, blank=True)
    cost_centre = models.CharField(max_length=100, default="", db_default="", blank=True)
    project = models.CharField(max_length=36, default="", db_default="", blank=True)
    project_name = models.CharField(max_length=100, default="", db_default="", blank=True)
    gpu_seconds = models.FloatField(default=0.0, db_default=0.0)
    cpu_seconds = models.FloatField(default=0.0, db_default=0.0)
    passes = models.BigIntegerField(default=0, db_default=0)
    residues = models.BigIntegerField(default=0, db_default=0)
    stored_byte_days = models.FloatField(default=0.0, db_default=0.0)

    class Meta:
        constraints = [
            # The target of the upsert. It begins with the columns that the budget of one person is read by.
            models.UniqueConstraint(
                fields=["owner_id", "month", "model", "cost_centre", "project"],
                name="usage_once_per_person_month_model",
            ),
        ]
        indexes = [models.Index(fields=["month"], name="usage_by_month")]


class StorageClock(models.Model):
    """Until when stored bytes are in the accounts. One row, which is also the lock of the sampling."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    sampled_at = models.DateTimeField(db_default=Now())


class CostCentre(models.Model):
    """The cost centre that a group's members charge, and whether only its own workers compute their work."""

    group = models.OneToOneField(Group, on_delete=models.CASCADE, primary_key=True, related_name="cost_centre")
    code = models.CharField(max_length=100)
    own_workers = models.BooleanField(
        "computed by its own workers",
        default=False,
        db_default=False,
        help_text="Only workers that were started for this cost centre compute the work of this group. "
        "Without such a worker its work waits.",
    )

    def __str__(self) -> str:
        return self.code
