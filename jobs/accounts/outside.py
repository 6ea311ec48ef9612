"""People who are known elsewhere, at a provider or in a directory, and the users that they are here.

A person is known by an issuer and a lasting id there, never by a name or an address, which may go to someone else.
Nothing from outside makes an administrator.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

from django.contrib.auth.models import Group, User
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import CharField, Q

from jobs import database
from jobs.models import OutsideLogin


class NotAdmitted(Exception):
    """A person who is known elsewhere and whom this service does not admit; the text is for them."""


def outside_user(*, issuer: str, subject: str, name: str, link: bool) -> User:
    """Return the active user of this person, created on the first sign-in. Raises NotAdmitted.

    `name` is for a new user. With `link` the person takes over the user of that name, unless it is an administrator.
    """
    with transaction.atomic():
        # Two first sign-ins at the same time make one user.
        database.execute("SELECT pg_advisory_xact_lock(hashtext('e1-outside'), hashtext(%s))", [subject])
        known = OutsideLogin.objects.select_related("user").filter(issuer=issuer, subject=subject).first()
        user = known.user if known else _first_time(name, link=link)
        if known is None:
            OutsideLogin.objects.create(user=user, issuer=issuer, subject=subject)
        if not user.is_active:
            raise NotAdmitted("This account is deactivated. Ask an administrator of the service.")
    return user


def _first_time(name: str, *, link: bool) -> User:
    found = User.objects.filter(username=name).first()
    if found is not None:
        if OutsideLogin.objects.filter(user=found).exists():
            raise NotAdmitted(f"The account {name} here is of someone else elsewhere. Ask an administrator.")
        if link and not found.is_superuser:
            return found
        raise NotAdmitted(f"There is an account {name} here already, with a password. Ask an administrator.")
    user = User(username=name)
    user.set_unusable_password()
    try:
        user.clean_fields(exclude=["password"])
    except ValidationError:
        raise NotAdmitted(f"Your name there is {name[:80]!r}, which no account can have here.") from None
    user.save()
    return user


def follow_details(user: User, **details: str) -> None:
    """Take over an address or names, shortened to their columns."""
    changed = []
    for field, value in details.items():
        column = cast("CharField[str, str]", User._meta.get_field(field))
        short = value[: column.max_length]
        if short != getattr(user, field):
            setattr(user, field, short)
            changed.append(field)
    if changed:
        user.save(update_fields=changed)


def follow_cost_centres(user: User, *, names: Iterable[str] = (), codes: Iterable[str] = ()) -> None:
    """Set the membership in groups that have a cost centre, by their names or codes. Other groups are left alone."""
    charged = Group.objects.filter(cost_centre__isnull=False)
    given = charged.filter(Q(name__in=list(names)) | Q(cost_centre__code__in=list(codes)))
    user.groups.remove(*charged.exclude(pk__in=given))
    user.groups.add(*given)
