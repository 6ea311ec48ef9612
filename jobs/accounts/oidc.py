"""Sign-in by OpenID Connect (E1_OIDC_ISSUER), with mozilla-django-oidc. Imported only if it is configured.

A person is known by issuer and subject (jobs/accounts/outside.py). No claim makes an administrator.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from typing import Any

import jwt
import requests
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.models import User
from django.core.exceptions import SuspiciousOperation
from django.http import HttpRequest
from django.shortcuts import redirect
from django.urls import reverse
from mozilla_django_oidc.auth import OIDCAuthenticationBackend
from mozilla_django_oidc.views import OIDCAuthenticationCallbackView, OIDCAuthenticationRequestView

from jobs.accounts.outside import NotAdmitted, follow_cost_centres, follow_details, outside_user

log = logging.getLogger(__name__)

FAILED = "The sign-in failed at the provider. Try again; the service's log has the reason."
REMEMBERED_SECONDS = 3600
_known: dict[str, tuple[dict[str, Any], float]] = {}
"""What each provider says of itself, and when it was asked."""


def discovered() -> dict[str, Any]:
    """Return what the provider says of itself. Raises RequestException, or SuspiciousOperation if it is another one."""
    issuer = settings.E1_OIDC_ISSUER
    found, at = _known.get(issuer, ({}, 0.0))
    if not found or time.monotonic() - at > REMEMBERED_SECONDS:
        address = f"{issuer.rstrip('/')}/.well-known/openid-configuration"
        answer = requests.get(address, timeout=settings.OIDC_TIMEOUT)
        answer.raise_for_status()
        found = answer.json()
        if found.get("issuer") != issuer:
            raise SuspiciousOperation(f"the provider calls itself {found.get('issuer')!r}, not {issuer!r}")
        _known[issuer] = found, time.monotonic()
    return found


class OidcBackend(OIDCAuthenticationBackend):  # type: ignore[misc]
    """The authentication backend. Making one asks nothing, because password logins make one too."""

    OIDC_OP_TOKEN_ENDPOINT = property(lambda self: discovered()["token_endpoint"])
    OIDC_OP_USER_ENDPOINT = property(lambda self: discovered()["userinfo_endpoint"])
    OIDC_OP_JWKS_ENDPOINT = property(lambda self: discovered()["jwks_uri"])
    OIDC_RP_IDP_SIGN_KEY = None

    def __init__(self) -> None:
        self.UserModel = User
        self.OIDC_RP_CLIENT_ID = settings.OIDC_RP_CLIENT_ID
        self.OIDC_RP_CLIENT_SECRET = settings.OIDC_RP_CLIENT_SECRET
        self.OIDC_RP_SIGN_ALGO = settings.OIDC_RP_SIGN_ALGO

    def authenticate(self, request: HttpRequest | None, **kwargs: Any) -> User | None:
        """Return the user of a callback, or None with a message for the login page."""
        if request is None or "nonce" not in kwargs:
            return None
        try:
            found: User | None = super().authenticate(request, **kwargs)
        except NotAdmitted as refused:
            messages.add_message(request, messages.ERROR, str(refused), "problem")
            return None
        except (requests.RequestException, jwt.InvalidTokenError, SuspiciousOperation, KeyError) as error:
            log.warning("a sign-in by OpenID Connect failed: %s: %s", type(error).__name__, error)
            messages.add_message(request, messages.ERROR, FAILED, "problem")
            return None
        return found

    def verify_token(self, token: str, **kwargs: Any) -> dict[str, Any]:
        """Check issuer and audience as well, which the library leaves out. Raises SuspiciousOperation."""
        payload: dict[str, Any] = super().verify_token(token, **kwargs)
        audience = payload.get("aud")
        audiences = audience if isinstance(audience, list) else [audience]
        if payload.get("iss") != settings.E1_OIDC_ISSUER or self.OIDC_RP_CLIENT_ID not in audiences:
            raise SuspiciousOperation("the token is of another issuer, or for another client")
        return payload

    def get_or_create_user(self, access_token: str, id_token: str, payload: Mapping[str, Any]) -> User:
        """Return the user of the token's subject, created on the first sign-in. Raises NotAdmitted."""
        told = self.get_userinfo(access_token, id_token, payload)
        if told.get("sub") != payload["sub"]:
            log.warning("a sign-in by OpenID Connect failed: the answer about the user is about another one")
            raise NotAdmitted(FAILED)
        claims = {**payload, **told}
        name = str(claims.get(settings.E1_OIDC_USERNAME) or claims.get("email") or "")
        user = outside_user(
            issuer=settings.E1_OIDC_ISSUER, subject=str(payload["sub"]), name=name, link=settings.E1_OIDC_LINK
        )
        _follow(user, claims)
        return user


def _follow(user: User, claims: Mapping[str, Any]) -> None:
    """Take over the address, and the groups with a cost centre if a claim for groups is set."""
    email = claims.get("email")
    if isinstance(email, str) and claims.get("email_verified") is not False:
        follow_details(user, email=email)
    if settings.E1_OIDC_GROUPS:
        given = claims.get(settings.E1_OIDC_GROUPS)
        names = [name for name in given if isinstance(name, str)] if isinstance(given, list) else []
        follow_cost_centres(user, names=names)


class Begin(OIDCAuthenticationRequestView):  # type: ignore[misc]
    """The redirect to the provider."""

    def __init__(self, **kwargs: Any) -> None:
        # The base reads the endpoint from the settings when the view is made.
        super(OIDCAuthenticationRequestView, self).__init__(**kwargs)
        self.OIDC_RP_CLIENT_ID = settings.OIDC_RP_CLIENT_ID

    OIDC_OP_AUTH_ENDPOINT = property(lambda self: discovered()["authorization_endpoint"])

    def get(self, request: HttpRequest) -> Any:
        try:
            return super().get(request)
        except (requests.RequestException, SuspiciousOperation, KeyError) as error:
            log.warning("the provider of OpenID Connect does not answer: %s", error)
            text = "The provider of the sign-in does not answer. Try again, or log in with a password of this service."
            messages.add_message(request, messages.ERROR, text, "problem")
            return redirect("login")


class Callback(OIDCAuthenticationCallbackView):  # type: ignore[misc]
    """The return from the provider. A failure leads to the login page, which has the message."""

    @property
    def failure_url(self) -> str:
        return reverse("login")
