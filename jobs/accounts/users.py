"""Users: deactivation, activation and new passwords, by an administrator."""

from __future__ import annotations

from axes.utils import reset
from django.contrib.auth.models import User
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import transaction

from jobs.accounts.tokens import tokens_revoke
from jobs.errors import Conflict, InvalidInput, NotFound


def user_named(name: str) -> User:
    """Return the user of this name. Raises NotFound."""
    found = User.objects.filter(username=name).first()
    if found is None:
        raise NotFound(f"there is no user {name!r}; `e1 user list` lists them", code="unknown_user")
    return found


def user_deactivate(*, user: User) -> None:
    """Refuse the user's sessions and tokens, and pause their work (jobs.apps). Nothing is deleted.

    Raises Conflict for the only administrator who is active.
    """
    with transaction.atomic():
        # Locked in one order, so that two administrators can't deactivate each other at the same moment.
        active = User.objects.select_for_update().filter(is_superuser=True, is_active=True).order_by("pk")
        if [one.pk for one in active] == [user.pk]:
            raise Conflict(
                f"{user.get_username()} is the only administrator; make another one first", code="last_administrator"
            )
        user.is_active = False
        user.save(update_fields=["is_active"])


def user_activate(*, user: User) -> None:
    """Accept the user's sessions and tokens again, and resume what `user_deactivate` paused."""
    user.is_active = True
    user.save(update_fields=["is_active"])


def password_set(*, user: User, password: str, revoke: bool = False) -> int:
    """Set a password, which ends all sessions of the user, and remove locks of failed logins.

    With `revoke`, all API tokens are revoked too; returns how many. Raises InvalidInput for a weak password.
    """
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise InvalidInput(" ".join(error.messages), code="bad_password") from error
    with transaction.atomic():
        user.set_password(password)
        user.save(update_fields=["password"])
        revoked = tokens_revoke(owner=user) if revoke else 0
    reset(username=user.get_username())
    return revoked
