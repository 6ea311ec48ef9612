"""Creation of a user with a token, for the commands."""

from __future__ import annotations

import secrets

from django.contrib.auth import get_user_model

from jobs.models import ApiToken

PASSWORD_BYTES = 18
"""24 letters, 144 bits."""


def new_password() -> str:
    return secrets.token_urlsafe(PASSWORD_BYTES)


def create_user(name: str, *, password: str, superuser: bool, token_name: str) -> str:
    """Create a user with a token that does not expire, and return the token's key. Run it in a transaction."""
    manager = get_user_model().objects
    make = manager.create_superuser if superuser else manager.create_user
    user = make(username=name, password=password)
    _, key = ApiToken.objects.create(user=user, expiry=None, name=token_name)
    return str(key)
