"""API tokens."""

from __future__ import annotations

from django.db import models
from knox.models import AbstractAuthToken


class ApiToken(AbstractAuthToken):  # type: ignore[misc]
    """A key for programs. Only its digest is stored; users see the key once."""

    name = models.CharField(max_length=100, default="", blank=True)
    last_used = models.DateTimeField(null=True, blank=True)
