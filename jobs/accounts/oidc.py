"""Sign-in by OpenID Connect (E1_OIDC_ISSUER), with mozilla-django-oidc. Imported only if it is configured.

A person is known by issuer and subject, never by a name or an address, which a provider may give to someone else. No
claim makes an administrator.
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
from django.contrib.auth.models import Group, User
from django.core.exceptions import SuspiciousOperation, ValidationError
from django.db import transaction
from django.http import HttpRequest
from django.shortcuts import redirect
from django.urls import reverse
from mozilla_django_oidc.auth import OIDCAuthenticationBackend
from mozilla_django_oidc.views import OIDCAuthenticationCallbackView, OIDCAuthenticationRequestView

from jobs.models import OutsideLogin

log = logging.getLogger(__name__)

FAILED = "The sign-in failed at the provider. Try again; the service's log has the reason."
REMEMBERED_SECONDS = 3600
_known: dict[str, tuple[dict[str, Any], float]] = {}
"""What each provider says of itself, and when it was asked."""


class NotAdmitted(Exception):
    """A person whom the provider knows and this service does not admit; the text is for them."""


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
        key = {"issuer": settings.E1_OIDC_ISSUER, "subject": str(payload["sub"])}
        with transaction.atomic():
            link = OutsideLogin.objects.select_related("user").filter(**key).first()
            user = link.user if link else _first_time(claims)
            if link is None:
                OutsideLogin.objects.create(user=user, **key)
            if not user.is_active:
                raise NotAdmitted("This account is deactivated. Ask an administrator of the service.")
            _follow(user, claims)
        return user


def _first_time(claims: Mapping[str, Any]) -> User:
    """Return a new user, or the existing one of this name if E1_OIDC_LINK allows it. Raises NotAdmitted."""
    name = str(claims.get(settings.E1_OIDC_USERNAME) or claims.get("email") or "")
    found = User.objects.filter(username=name).first()
    if found is not None:
        if settings.E1_OIDC_LINK and not found.is_superuser:
            return found
        raise NotAdmitted(f"There is an account {name} here already, with a password. Ask an administrator.")
    user = User(username=name)
    user.set_unusable_password()
    try:
        user.clean_fields(exclude=["password"])
    except ValidationError:
        raise NotAdmitted(f"The provider gives you the name {name[:80]!r}, which no account can have.") from None
    user.save()
    return user


def _follow(user: User, claims: Mapping[str, Any]) -> None:
    """Take over the address, and the groups with a cost centre if a claim for groups is set."""
    email = claims.get("email")
    if isinstance(email, str) and claims.get("email_verified") is not False and email != user.email:
        user.email = email[:254]
        user.save(update_fields=["email"])
    if settings.E1_OIDC_GROUPS:
        given = claims.get(settings.E1_OIDC_GROUPS)
        names = [name for name in given if isinstance(name, str)] if isinstance(given, list) else []
        charged = Group.objects.filter(cost_centre__isnull=False)
        user.groups.remove(*charged.exclude(name__in=names))
        user.groups.add(*charged.filter(name__in=names))


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
