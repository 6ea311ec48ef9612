"""API tokens: `Authorization: Token KEY`."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

from django.utils import timezone
from knox.auth import TokenAuthentication
from knox.crypto import hash_token
from rest_framework.exceptions import AuthenticationFailed

from jobs.errors import TooManyRequests
from jobs.models import ApiToken
from jobs.web.places import request_begun

NOTE_USE_EVERY = timedelta(minutes=1)
KEY = re.compile(rb"[0-9a-f]{64}")


class ApiTokenAuthentication(TokenAuthentication):  # type: ignore[misc]
    """Authentication with the header and the digests of knox. The last use is recorded at most once a minute.

    An expired token stays until its owner deletes it, so that the page of tokens explains why a program is refused.
    The lookup of knox itself would delete it, and would read all tokens of the user at every request.
    """

    def authenticate(self, request: Any) -> tuple[Any, ApiToken] | None:
        """Return the user and the token of a request, which takes a place among the user's requests.

        Raises AuthenticationFailed, TooManyRequests.
        """
        found: tuple[Any, ApiToken] | None = super().authenticate(request)
        if found is not None:
            try:
                request_begun(found[0].pk)
            except TooManyRequests:
                # Otherwise the answer to this refusal would authenticate again.
                request.user = None
                raise
        return found

    def authenticate_credentials(self, token: bytes) -> tuple[Any, ApiToken]:
        """Return the user and the token of this key. Raises AuthenticationFailed, the same for every reason."""
        if not KEY.fullmatch(token):
            raise AuthenticationFailed("Invalid token.")
        now = timezone.now()
        found = ApiToken.objects.select_related("user").filter(digest=hash_token(token.decode("ascii"))).first()
        if found is None or (found.expiry is not None and found.expiry <= now) or not found.user.is_active:
            raise AuthenticationFailed("Invalid token.")
        if found.last_used is None or now - found.last_used > NOTE_USE_EVERY:
            # Of several requests at once only one writes: the others no longer match last_used.
            ApiToken.objects.filter(pk=found.pk, last_used=found.last_used).update(last_used=now)
        return found.user, found
