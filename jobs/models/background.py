"""What every kind of background work shares."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from jobs.models.states import WorkState


class BackgroundWork(models.Model):
    """Work that a service worker does under a lease (`jobs.background.leases`).

    `token` belongs to the attempt that holds the lease. `progress` is a share from 0 to 1.
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
            # A lease is a token and an end; only running work holds one.
            models.CheckConstraint(
                condition=Q(state=WorkState.RUNNING, token__isnull=False, lease_end__isnull=False)
                | (~Q(state=WorkState.RUNNING) & Q(token__isnull=True, lease_end__isnull=True)),
                name="%(class)s_lease_is_whole",
            ),
        ]
        indexes = [
            # The safety net looks for unfinished rows only.
            models.Index(
                fields=["lease_end"],
                condition=Q(state__in=[s.value for s in WorkState.unfinished()]),
                name="%(class)s_open",
            ),
        ]
