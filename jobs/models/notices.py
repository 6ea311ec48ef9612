"""What tells users that their jobs have ended, beside webhooks."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now


class NoticeWhen(models.TextChoices):
    OFF = "off", "never"
    LONG = "long", "for jobs that take five minutes or more"
    ALL = "all", "for every job"


class NoticeChoice(models.Model):
    """When a user gets notices, by e-mail and in open browsers. No row means never."""

    user = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, primary_key=True)
    email = models.CharField(max_length=4, choices=NoticeWhen.choices, default=NoticeWhen.OFF)
    browser = models.CharField(max_length=4, choices=NoticeWhen.choices, default=NoticeWhen.OFF)


class Mail(models.Model):
    """One e-mail: the outbox and the log. Open while `next_attempt_at` is set.

    Every attempt has the same `message_id`, so that a mail that arrives twice is shown once.
    """

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="mails")
    message_id = models.UUIDField(default=uuid.uuid4, unique=True)
    subject = models.CharField(max_length=300)
    body = models.TextField()
    attempts = models.PositiveSmallIntegerField(default=0)
    sent = models.BooleanField(default=False)
    reason = models.CharField(max_length=300, default="", blank=True)
    next_attempt_at = models.DateTimeField(null=True, blank=True, db_default=Now())
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        indexes = [
            # The sender looks for open ones only.
            models.Index(fields=["next_attempt_at"], condition=Q(next_attempt_at__isnull=False), name="mail_open"),
        ]
