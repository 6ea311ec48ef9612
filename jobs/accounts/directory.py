"""Passwords of a directory (E1_LDAP_URL), tried with django-auth-ldap. Imported only if a directory is configured.

A login searches the directory for the entry of the name, and binds as this entry with the password. A person is known
by a lasting attribute of the entry (jobs/accounts/outside.py), and nothing in the directory makes an administrator.
"""

from __future__ import annotations

import logging
import os
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import certifi
import ldap
import ldap.dn
from django.conf import settings
from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import User
from django.dispatch import receiver
from django.http import HttpRequest
from django_auth_ldap import backend, config

from jobs.accounts.directory_reach import reach
from jobs.accounts.directory_settings import BY_GROUPS, start_tls
from jobs.accounts.logins import REFUSED
from jobs.accounts.outside import NotAdmitted, follow_cost_centres, follow_details, outside_user
from jobs.web.access import client_address
from jobs.web.turns import DIRECTORY

log = logging.getLogger(__name__)

GROUP_TYPES = {
    "groupOfNames": config.GroupOfNamesType,
    "groupOfUniqueNames": config.GroupOfUniqueNamesType,
    "posixGroup": config.PosixGroupType,
    "activeDirectory": config.NestedActiveDirectoryGroupType,
}
SYSTEM_AUTHORITIES = Path("/etc/ssl/certs/ca-certificates.crt")


class DirectoryFailed(Exception):
    """A directory that could not be asked; the text is for the person at the login."""


class DirectoryBackend(backend.LDAPBackend):  # type: ignore[misc]
    """The authentication backend. It is the last one, so that accounts of this service never wait for a directory."""

    def __init__(self) -> None:
        self.settings = library_settings()

    def authenticate(
        self, request: HttpRequest | None, username: str | None = None, password: str | None = None, **kwargs: Any
    ) -> User | None:
        """Return the user of a right password, or None, with the reason in the request if the password is not it."""
        if not username or not password:
            return None
        try:
            with DIRECTORY.turn(client_address(request) if request else None):
                _reach()
                found: User | None = super().authenticate(request, username=username, password=password)
        except (NotAdmitted, DirectoryFailed) as refused:
            if request is not None:
                setattr(request, REFUSED, str(refused))
            return None
        return found

    def get_user(self, user_id: int) -> User | None:
        """Return the user of a session, or None once the user is deactivated, which the library does not ask."""
        user = ModelBackend().get_user(user_id)
        return user if isinstance(user, User) else None

    def get_or_build_user(self, username: str, ldap_user: Any) -> tuple[User, bool]:
        """Return the user of an entry whose password was right. Raises NotAdmitted."""
        entry: Mapping[str, list[Any]] = ldap_user.attrs
        required = settings.E1_LDAP_REQUIRED_GROUP
        if required and _normal(required) not in {_normal(dn) for dn in ldap_user.group_dns}:
            raise NotAdmitted(
                f"Your password is right, but you are not in the group that may use this service ({required})."
            )
        user = outside_user(
            issuer=f"ldap:{_normal(settings.E1_LDAP_BASE)}",
            subject=_lasting_id(entry, ldap_user.dn),
            name=_first(entry, settings.E1_LDAP_USERNAME) or username,
            link=settings.E1_LDAP_LINK,
        )
        details = {"email": settings.E1_LDAP_EMAIL, "first_name": "givenName", "last_name": "sn"}
        follow_details(user, **{field: value for field, name in details.items() if (value := _first(entry, name))})
        if settings.E1_LDAP_COST_CENTRES == BY_GROUPS:
            follow_cost_centres(user, names=ldap_user.group_names)
        elif settings.E1_LDAP_COST_CENTRES:
            follow_cost_centres(user, codes=[str(code) for code in entry.get(settings.E1_LDAP_COST_CENTRES, [])])
        return user, False


def library_settings() -> config.LDAPSettings:
    """Return the settings of django-auth-ldap that follow from E1_LDAP_..."""
    name = settings.E1_LDAP_USERNAME
    # The library fills in the name with its special characters escaped.
    query = f"(&{settings.E1_LDAP_FILTER.replace('%', '%%')}({name}=%(user)s))"
    # `entryUUID` is not among the attributes that a search returns by itself.
    wanted = ["*", settings.E1_LDAP_ID]
    given: dict[str, Any] = {
        "SERVER_URI": settings.E1_LDAP_URL,
        "START_TLS": start_tls(settings.E1_LDAP_URL),
        "BIND_DN": settings.E1_LDAP_BIND_DN,
        "BIND_PASSWORD": settings.E1_LDAP_BIND_PASSWORD,
        "CONNECTION_OPTIONS": connection_options(),
        "USER_SEARCH": config.LDAPSearch(settings.E1_LDAP_BASE, ldap.SCOPE_SUBTREE, query, wanted),
        # The backend writes details itself, and only those that changed.
        "ALWAYS_UPDATE_USER": False,
    }
    if settings.E1_LDAP_GROUPS:
        given["GROUP_SEARCH"] = config.LDAPSearch(settings.E1_LDAP_GROUPS, ldap.SCOPE_SUBTREE, "(objectClass=*)")
        given["GROUP_TYPE"] = GROUP_TYPES[settings.E1_LDAP_GROUP_KIND]()
    return config.LDAPSettings("E1_LDAP_LIBRARY_", given)


def connection_options() -> dict[int, Any]:
    """Return options of libldap, in the order in which they are set."""
    options: dict[int, Any] = {
        ldap.OPT_NETWORK_TIMEOUT: settings.E1_LDAP_SECONDS,
        ldap.OPT_TIMEOUT: settings.E1_LDAP_SECONDS,
        # Referrals of Active Directory lead to servers that the search would ask without a password.
        ldap.OPT_REFERRALS: 0,
    }
    if _uses_tls():
        options[ldap.OPT_X_TLS_CACERTFILE] = _authorities()
        options[ldap.OPT_X_TLS_REQUIRE_CERT] = ldap.OPT_X_TLS_DEMAND
        options[ldap.OPT_X_TLS_NEWCTX] = 0  # last: makes the ones before hold
    return options


def _authorities() -> str:
    """Return the file of certificate authorities. libldap has none by itself in an image."""
    for path in (settings.E1_LDAP_CA, os.environ.get("SSL_CERT_FILE"), ssl.get_default_verify_paths().cafile):
        if path:
            return str(path)
    return str(SYSTEM_AUTHORITIES) if SYSTEM_AUTHORITIES.exists() else certifi.where()


def _normal(dn: str) -> str:
    """Return a name of an entry in lower case and without spaces between its parts."""
    try:
        return str(ldap.dn.dn2str(ldap.dn.str2dn(dn.lower())))
    except ldap.DECODING_ERROR:
        return dn.lower()


def _first(entry: Mapping[str, list[Any]], name: str) -> str:
    """Return the first value of an attribute, empty if there is none that is text."""
    value = next(iter(entry.get(name, [])), "")
    return value if isinstance(value, str) else ""


def _lasting_id(entry: Mapping[str, list[Any]], dn: str) -> str:
    """Return what no other person will ever have. Raises NotAdmitted if the entry lacks it."""
    name = settings.E1_LDAP_ID
    value = next(iter(entry.get(name, [])), None)
    if not value:
        log.error(
            "the directory's entry %s has no %s; set E1_LDAP_ID to a lasting attribute (docs/sign-in.md)", dn, name
        )
        raise NotAdmitted(
            "The directory does not say who you are. Ask an administrator: the service's log has the reason."
        )
    if name.lower() == "objectguid":  # sixteen bytes, which the library decodes if they happen to be text
        return str((value.encode() if isinstance(value, str) else value).hex())
    return value if isinstance(value, str) else str(value.hex())


def _uses_tls() -> bool:
    return settings.E1_LDAP_URL.startswith("ldaps:") or start_tls(settings.E1_LDAP_URL)


def _reach() -> None:
    """Raise DirectoryFailed if a directory that needs TLS does not answer by TLS."""
    if not _uses_tls():
        return
    url, seconds = settings.E1_LDAP_URL, settings.E1_LDAP_SECONDS
    try:
        reach(url, start_tls=start_tls(url), authorities=_authorities(), seconds=seconds)
    except OSError as error:
        raise _failure("tls", error) from error


@receiver(backend.ldap_error, sender=DirectoryBackend)
def failed(exception: ldap.LDAPError, context: str, **_: Any) -> None:
    """Raise DirectoryFailed. The library would take a directory that is down for a wrong password."""
    raise _failure(context, exception) from exception


def _failure(context: str, error: Exception) -> DirectoryFailed:
    log.error("the directory at %s failed (%s): %r", settings.E1_LDAP_URL, context, error)
    return DirectoryFailed(
        f"Your password could not be checked, because {settings.E1_LDAP_TITLE} does not answer as it should. "
        "Try again later. Accounts of this service still work."
    )
