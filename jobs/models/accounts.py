"""API tokens, and people who sign in elsewhere."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from knox.models import AbstractAuthToken


class ApiToken(AbstractAuthToken):  # type: ignore[misc]
    """A key for programs. Only its digest is stored; users see the key once."""

    name = models.CharField(max_length=100, default="", blank=True)
    last_used = models.DateTimeField(null=True, blank=True)


class OutsideLogin(models.Model):
    """A person as a provider of OpenID Connect knows them."""

    user = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="outside_login")
    issuer = models.CharField(max_length=300)
    subject = models.CharField(max_length=255)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["issuer", "subject"], name="outside_login_once")]
