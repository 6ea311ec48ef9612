"""Webhooks and their deliveries."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now


class Webhook(models.Model):
    """A user's address that receives events of jobs.

    `secret` signs them, so it is stored in clear; users see it once. `failing_since` is the first failure since the
    last success. `reason` is why an inactive webhook was switched off.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="webhooks")
    url = models.CharField(max_length=500)
    secret = models.CharField(max_length=100)
    events = models.JSONField()
    active = models.BooleanField(default=True)
    reason = models.CharField(max_length=200, default="", blank=True)
    failing_since = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(db_default=Now())


class Delivery(models.Model):
    """One event for one webhook: the outbox and the log. Open while `next_attempt_at` is set."""

    webhook = models.ForeignKey(Webhook, on_delete=models.CASCADE, related_name="deliveries")
    event_id = models.UUIDField(default=uuid.uuid4, unique=True)
    event = models.CharField(max_length=20)
    body = models.TextField()
    attempts = models.PositiveSmallIntegerField(default=0)
    delivered = models.BooleanField(default=False)
    status = models.PositiveSmallIntegerField(null=True, blank=True)
    reason = models.CharField(max_length=200, default="", blank=True)
    next_attempt_at = models.DateTimeField(null=True, blank=True, db_default=Now())
    created_at = models.DateTimeField(db_default=Now())
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [
            # The deliverer reads due deliveries only, which are few.
            models.Index(fields=["next_attempt_at"], condition=Q(next_attempt_at__isnull=False), name="delivery_due"),
        ]
