"""Public links of results: making, revoking and following them. `jobs.pages.public` has the pages.

The setting E1_PUBLIC_LINKS allows them. Without it no link is made, and those that were made lead nowhere.
"""

from __future__ import annotations

import hashlib
import secrets
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db.models import Q, QuerySet
from django.db.models.functions import Now

from jobs.errors import Conflict, Forbidden, InvalidInput, NotFound
from jobs.models import Job, PublicLink
from jobs.models.states import JobState
from jobs.parsing.numbers import whole

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


def public_link_make(job: Job, *, days: int | None) -> str:
    """Return the token of a new public link of a job, which ends an earlier one. The caller owns the job.

    Raises Forbidden `public_links_off`, and Conflict `job_not_finished`.
    """
    if not settings.E1_PUBLIC_LINKS:
        what = "public links are not allowed here; an administrator allows them with E1_PUBLIC_LINKS"
        raise Forbidden(what, code="public_links_off")
    if job.state not in JobState.final() or job.state == JobState.EXPIRED or job.interactive:
        what = "only a finished job with results can have a public link; wait until it ends"
        raise Conflict(what, code="job_not_finished")
    token = secrets.token_urlsafe(TOKEN_BYTES)
    end = None if days is None else Now() + timedelta(days=days)
    fresh = {"digest": _digest(token), "created_at": Now(), "expires_at": end}
    PublicLink.objects.update_or_create(job=job, defaults=fresh)
    return token


def public_link_revoke(job: Job) -> None:
    """End the public link of a job at once. Repeating is harmless."""
    PublicLink.objects.filter(job=job).delete()


def public_link_of(job: Job) -> PublicLink | None:
    """Return the link of a job if it leads somewhere now. Its token is not known."""
    return _open().filter(job=job).first()


def published_job(token: str) -> Job:
    """Return the job that a token opens to everybody.

    Raises NotFound `no_such_link` if it is wrong, revoked or over, if its owner is deactivated, or if public links are
    not allowed.
    """
    found = _open().filter(digest=_digest(token)).select_related("job").first() if len(token) <= 100 else None
    if found is None:
        raise NotFound("this link leads nowhere: it is wrong, has ended, or was revoked", code="no_such_link")
    return found.job


def _open() -> QuerySet[PublicLink]:
    if not settings.E1_PUBLIC_LINKS:
        return PublicLink.objects.none()
    runs = Q(expires_at__isnull=True) | Q(expires_at__gt=Now())
    return PublicLink.objects.filter(runs, job__owner__is_active=True).exclude(job__state=JobState.EXPIRED)


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode(errors="surrogatepass")).hexdigest()
