"""Public links of jobs, projects and campaigns: making, revoking and following them.

`jobs.publishing.contents` says what each of them shows. The setting E1_PUBLIC_LINKS allows them. Without it no link is
made, and those that were made lead nowhere.
"""

from __future__ import annotations

import hashlib
import secrets
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Q, QuerySet
from django.db.models.functions import Now

from jobs.errors import Conflict, Forbidden, InvalidInput, NotFound
from jobs.models import Campaign, Job, Project, PublicLink
from jobs.models.states import JobState
from jobs.parsing.numbers import whole

Publishable = Job | Project | Campaign
KINDS: dict[type[Publishable], str] = {Job: "job", Project: "project", Campaign: "campaign"}
"""What a link opens, by the column that names it."""
TOKEN_BYTES = 24
"""Random bytes of a token: 192 bits."""
LONGEST_DAYS = 3650


def checked_days(raw: Any) -> int | None:
    """Return the days after which a link ends, None for never. Raises InvalidInput `bad_days`."""
    if raw is None or raw == "":
        return None
    days = raw if isinstance(raw, int) and not isinstance(raw, bool) else whole(str(raw)[:20])
    if days is None or not 1 <= days <= LONGEST_DAYS:
        remedy = f"Give 1 to {LONGEST_DAYS}, or leave it out for a link without an end."
        raise InvalidInput.one("bad_days", f"days is {str(raw)[:40]!r}", remedy, path="days")
    return days


def public_link_make(thing: Publishable, *, days: int | None) -> str:
    """Return the token of a new public link, which ends an earlier one. The caller owns what it opens.

    Raises Forbidden `public_links_off`, and Conflict `job_not_finished` or `moved_meanwhile`.
    """
    if not settings.E1_PUBLIC_LINKS:
        what = "public links are not allowed here; an administrator allows them with E1_PUBLIC_LINKS"
        raise Forbidden(what, code="public_links_off")
    if isinstance(thing, Job) and not _has_a_result(thing):
        what = "only a finished job with results can have a public link; wait until it ends"
        raise Conflict(what, code="job_not_finished")
    token = secrets.token_urlsafe(TOKEN_BYTES)
    end = None if days is None else Now() + timedelta(days=days)
    fresh = {"digest": _digest(token), "created_at": Now(), "expires_at": end}
    with transaction.atomic():
        # A hand-over or a deletion that comes first has changed the row. One that comes later ends the link.
        there: dict[str, Any] = {"pk": thing.pk, "owner": thing.owner_id}
        if isinstance(thing, Project):
            there["deleted_at__isnull"] = True
        rows = type(thing)._default_manager.select_for_update(of=("self",)).filter(**there)
        if not rows.exists():
            raise Conflict("it was handed over or deleted meanwhile; look again", code="moved_meanwhile")
        PublicLink.objects.update_or_create(**_column(thing), defaults=fresh)
    return token


def public_link_revoke(thing: Publishable) -> None:
    """End the public link at once. Repeating is harmless."""
    PublicLink.objects.filter(**_column(thing)).delete()


def public_link_of(thing: Publishable) -> PublicLink | None:
    """Return the link if it leads somewhere now. Its token is not known."""
    return _open().filter(**_column(thing)).first()


def link_opened(token: str) -> PublicLink:
    """Return the link with this token, which opens one of `job`, `project` and `campaign` to everybody.

    Raises NotFound `no_such_link` if it is wrong, revoked or over, if the owner is deactivated, or if public links are
    not allowed.
    """
    found = None
    if len(token) <= 100:
        rows = _open().select_related("job", "project", "campaign__owner")
        found = rows.filter(digest=_digest(token)).first()
    if found is None:
        raise no_such_link()
    return found


def no_such_link() -> NotFound:
    """Return the refusal of what a link does not open."""
    return NotFound("this link leads nowhere: it is wrong, has ended, or was revoked", code="no_such_link")


def _has_a_result(job: Job) -> bool:
    return job.state in JobState.final() and job.state != JobState.EXPIRED and not job.interactive


def _column(thing: Publishable) -> dict[str, Any]:
    return {KINDS[type(thing)]: thing}


def _open() -> QuerySet[PublicLink]:
    if not settings.E1_PUBLIC_LINKS:
        return PublicLink.objects.none()
    runs = Q(expires_at__isnull=True) | Q(expires_at__gt=Now())
    of_job = Q(job__owner__is_active=True) & ~Q(job__state=JobState.EXPIRED)
    of_project = Q(project__owner__is_active=True, project__deleted_at__isnull=True)
    of_campaign = Q(campaign__owner__is_active=True)
    return PublicLink.objects.filter(runs, of_job | of_project | of_campaign)


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode(errors="surrogatepass")).hexdigest()
