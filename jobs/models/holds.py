"""What one process at a time may do, and when the safety nets were last done."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now


class Hold(models.Model):
    """A right that one process has until `lease_end`, by the database's clock (`jobs.holds`).

    A lock of a database session would do the same, but a pool of connections gives a session to other clients.
    """

    name = models.CharField(max_length=320, primary_key=True)
    token = models.UUIDField()
    lease_end = models.DateTimeField()

    class Meta:
        indexes = [
            # A process renews what it holds by token.
            models.Index(fields=["token"], name="hold_by_token"),
        ]


class Duty(models.Model):
    """Work that beat repeats: when it was last done, and the time from which its absence counts."""

    name = models.CharField(max_length=40, primary_key=True)
    done_at = models.DateTimeField(null=True, blank=True)
    counted_from = models.DateTimeField(db_default=Now())
