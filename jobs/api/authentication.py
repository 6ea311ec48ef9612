"""API tokens: `Authorization: Token KEY`."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.utils import timezone
from knox.auth import TokenAuthentication

from jobs.models import ApiToken

NOTE_USE_EVERY = timedelta(minutes=1)


class ApiTokenAuthentication(TokenAuthentication):  # type: ignore[misc]
    """knox's check of the digest, and a note of the last use, written at most once a minute."""

    def authenticate_credentials(self, token: bytes) -> tuple[Any, ApiToken]:
        user, auth = super().authenticate_credentials(token)
        now = timezone.now()
        if auth.last_used is None or now - auth.last_used > NOTE_USE_EVERY:
            ApiToken.objects.filter(pk=auth.pk).update(last_used=now)
        return user, auth
