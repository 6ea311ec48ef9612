"""A new person, added by an administrator."""

from __future__ import annotations

import secrets

from django.contrib.auth.models import User
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from jobs.errors import Conflict, InvalidInput

PASSWORD_BYTES = 18
"""24 letters, 144 bits."""


def user_add(*, name: str, email: str = "", password: str = "") -> tuple[User, str]:
    """Create an ordinary user, and return the user and a password that was made for them, empty if one was given.

    Raises InvalidInput `bad_user` or `bad_password`, Conflict `user_exists`.
    """
    made = "" if password else secrets.token_urlsafe(PASSWORD_BYTES)
    user = User(username=name, email=email)
    try:
        user.clean_fields(exclude=["password"])
    except ValidationError as error:
        field = "name" if "username" in error.message_dict else "email"
        text = " ".join(message for messages in error.message_dict.values() for message in messages)
        raise InvalidInput.one("bad_user", text.rstrip("."), path=field) from error
    if password:
        try:
            validate_password(password, user)
        except ValidationError as error:
            raise InvalidInput.one("bad_password", " ".join(error.messages).rstrip("."), path="password") from error
    user.set_password(password or made)
    try:
        with transaction.atomic():
            user.save()
    except IntegrityError as error:
        raise Conflict(f"there is a user {name!r} already; choose another name", code="user_exists") from error
    return user, made
