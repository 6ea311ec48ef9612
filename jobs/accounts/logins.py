"""Attempts to log in, counted before their passwords are tried.

django-axes counts an attempt once its password was wrong, so guesses that are sent at the same time are all tried. Here
each is counted first, and taken back by a success. Attempts of one name from one address are counted one at a time.
"""

from __future__ import annotations

import logging
from typing import Any

from axes.backends import AxesStandaloneBackend
from axes.handlers.database import AxesDatabaseHandler
from axes.handlers.proxy import AxesProxyHandler
from axes.models import AccessAttempt
from django.contrib.auth import authenticate
from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import F
from django.http import HttpRequest

from jobs import database
from jobs.web.access import client_address
from jobs.web.turns import PASSWORDS

log = logging.getLogger(__name__)

REFUSED = "login_refused"
"""Attribute of a request: why an authentication backend refused a person, in words for them."""

MAX_USER_NAME = 150
"""Characters of a user's name in Django's column."""


class CountingBackend(AxesStandaloneBackend):  # type: ignore[misc]
    """The first authentication backend, which refuses an attempt or counts it. Others try the password."""

    def authenticate(
        self, request: HttpRequest, username: str | None = None, password: str | None = None, **kwargs: Any
    ) -> None:
        AxesProxyHandler.update_request(request)
        if username is None and password is None:
            return  # a sign-in at a provider, where no password can be guessed
        handler = AxesProxyHandler.get_implementation()
        name = name_tried(request, {"username": username})
        with transaction.atomic():
            key = f"{name} {request.axes_ip_address}"  # type: ignore[attr-defined]
            database.execute("SELECT pg_advisory_xact_lock(hashtext('e1-login'), hashtext(%s))", [key])
            super().authenticate(request, username=username, password=password, **kwargs)
            handler.count(request, name)


class PasswordBackend(ModelBackend):
    """The backend that tries passwords, a few at a time, because each takes a quarter of a second of a core."""

    def authenticate(
        self, request: HttpRequest | None, username: str | None = None, password: str | None = None, **kwargs: Any
    ) -> User | None:
        with PASSWORDS.turn(client_address(request) if request else None):
            return super().authenticate(request, username=username, password=password, **kwargs)


class CountedAttempts(AxesDatabaseHandler):  # type: ignore[misc]
    """The handler of django-axes, without its count after the attempt."""

    def count(self, request: Any, name: str) -> None:
        """Count an attempt of this name as failed."""
        self.clean_expired_user_attempts(request)
        made = {"path_info": request.axes_path_info, "http_accept": request.axes_http_accept}
        attempt, new = AccessAttempt.objects.select_for_update().get_or_create(
            username=name,
            ip_address=request.axes_ip_address,
            user_agent=request.axes_user_agent,
            defaults={**made, "attempt_time": request.axes_attempt_time, "failures_since_start": 1},
        )
        if not new:
            attempt.failures_since_start = F("failures_since_start") + 1
            attempt.attempt_time = request.axes_attempt_time
            attempt.save(update_fields=["failures_since_start", "attempt_time"])

    def user_login_failed(self, sender: Any, credentials: dict[str, Any], request: Any = None, **kwargs: Any) -> None:
        """Lock the name out at this address if this was the last attempt. It is counted already."""
        if not request.axes_locked_out:
            request.axes_locked_out = self.is_locked(request, credentials)
        request.axes_credentials = credentials
        log.warning("a login failed%s", ", and its name is locked at its address" * request.axes_locked_out)


def name_tried(request: HttpRequest, credentials: dict[str, Any] | None = None) -> str:
    """Return the user name of a login attempt, shortened to the length of a column. django-axes calls this."""
    found = credentials.get("username") if credentials else request.POST.get("username")
    return str(found or "")[:MAX_USER_NAME]


def password_is_right(request: HttpRequest, user: User, password: str) -> bool:
    """Return whether this is the user's password. A wrong one counts as a failed login."""
    credentials = {"username": user.get_username()}
    if authenticate(request, password=password, **credentials) != user:
        return False
    AxesProxyHandler.get_implementation().reset_user_attempts(request, credentials)
    return True
