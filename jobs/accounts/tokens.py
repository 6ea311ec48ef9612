"""API tokens. A key is shown once, and only its digest is stored."""

from __future__ import annotations

from datetime import timedelta

from django.contrib.auth.models import User

from jobs.errors import Conflict, InvalidInput
from jobs.models import ApiToken

MOST_TOKENS = 100
"""Tokens of one user: enough for every machine and script, and short enough to read as a list."""


def token_create(*, owner: User, name: str, days: int | None) -> str:
    """Create a token and return its key. It expires after `days`, or never. Raises InvalidInput, Conflict."""
    name = name.strip()
    if not name or len(name) > 100 or not name.isprintable():
        text = "the token needs a name of at most 100 printable characters"
        raise InvalidInput.one("bad_name", text, "Name what will use it, such as notebook.", path="name")
    if ApiToken.objects.filter(user=owner).count() >= MOST_TOKENS:
        raise Conflict(f"you have {MOST_TOKENS} tokens; revoke some that are not in use", code="too_many_tokens")
    _, key = ApiToken.objects.create(user=owner, expiry=None if days is None else timedelta(days=days), name=name)
    return str(key)


def token_revoke(*, owner: User, digest: str) -> bool:
    """Revoke a token of this owner. Returns whether it existed."""
    deleted, _ = ApiToken.objects.filter(user=owner, digest=digest).delete()
    return bool(deleted)


def tokens_revoke(*, owner: User) -> int:
    """Revoke all tokens of this owner, and return how many there were."""
    return int(ApiToken.objects.filter(user=owner).delete()[0])
