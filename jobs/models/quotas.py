"""Limits of single users."""

from __future__ import annotations

from django.conf import settings
from django.db import models


class Quota(models.Model):
    """Limits of one user: None means the setting, 0 no limit.

    The row is also the lock under which the user's submissions take turns. `jobs.quotas.admission` creates it.
    """

    user = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, primary_key=True)
    active_jobs = models.PositiveIntegerField(
        null=True, blank=True, help_text="Unfinished jobs; empty: as the service."
    )
    sync_requests = models.PositiveIntegerField(
        null=True, blank=True, help_text="Synchronous requests at once; empty: as the service."
    )
    queued_tokens = models.PositiveBigIntegerField(
        null=True, blank=True, help_text="Tokens that wait or are being computed; empty: as the service."
    )
    stored_bytes = models.PositiveBigIntegerField(
        null=True, blank=True, help_text="Bytes of libraries, results and files; empty: as the service."
    )
    budget = models.DecimalField(
        max_digits=12,
        decimal_places=2,
        null=True,
        blank=True,
        help_text="What the user may spend in a month, by the price list (E1_PRICES); empty: as the service.",
    )

    def __str__(self) -> str:
        return f"limits of {self.user.get_username()}"
