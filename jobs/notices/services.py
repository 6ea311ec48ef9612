"""E-mails about jobs that have ended, and the choice of their owners.

Postgres is the outbox, as for webhooks: the transaction that ends a job writes the mail, and a service worker sends it.
"""

from __future__ import annotations

import logging
import smtplib
import time
from datetime import timedelta
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth.models import User
from django.core.mail import EmailMessage
from django.db import transaction
from django.db.models import F
from django.db.models.functions import Now
from django.urls import reverse
from django.utils import timezone

from jobs.errors import InvalidInput
from jobs.models import Job, Mail, NoticeChoice
from jobs.models.notices import NoticeWhen
from jobs.models.states import JobState
from jobs.queue.progress import job_counts

log = logging.getLogger(__name__)

TOLD = (JobState.SUCCEEDED, JobState.PARTIAL, JobState.FAILED)
"""Ends that users are told. They know of a job that they cancelled."""
LONG = timedelta(minutes=5)
LEASE = timedelta(minutes=5)
PAUSES = (60, 300, 1800, 7200, 21_600, 86_400)
"""Seconds between attempts, about a day and a half in all."""
BUDGET_SECONDS = 30
"""Time for one call, which holds up the webhooks of everyone."""
KEPT = timedelta(days=30)


def choice_of(user: User) -> NoticeChoice:
    return NoticeChoice.objects.filter(pk=user.pk).first() or NoticeChoice(user=user)


def choice_set(*, user: User, email: str, browser: str) -> None:
    """Store when the user gets notices. Mails that wait are deleted if there are to be none. Raises InvalidInput."""
    for name, value in (("email", email), ("browser", browser)):
        if value not in NoticeWhen.values:
            choice = f"Choose from {', '.join(NoticeWhen.values)}."
            raise InvalidInput.one("bad_choice", f"{name} is {value[:40]!r}", choice, path=name)
    with transaction.atomic():
        NoticeChoice.objects.update_or_create(user=user, defaults={"email": email, "browser": browser})
        if email == NoticeWhen.OFF:
            Mail.objects.filter(owner=user, next_attempt_at__isnull=False).delete()


def mails_record(job: Job) -> None:
    """Write the mail about a job that ends, if its owner wants one. Call this in the transaction that ends the job."""
    if not settings.E1_EMAIL or job.interactive or job.state not in TOLD or not job.owner.email:
        return
    wanted = [NoticeWhen.ALL]
    if timezone.now() - job.touched_at >= LONG:
        wanted.append(NoticeWhen.LONG)
    if not NoticeChoice.objects.filter(pk=job.owner_id, email__in=wanted).exists():
        return
    name = job.name or f"Job {job.pk.hex[:8]}"
    counts = job_counts(job)
    items = ", ".join(f"{counts[state]:,} {state}" for state in ("succeeded", "failed", "skipped") if counts[state])
    body = (
        f"{name} ({job.action} by {job.model}) has ended: it is {job.state}.\n"
        f"{counts['total']:,} items: {items or 'none'}.\n\n"
        f"{_address(reverse('job-page', args=[job.pk]))}\n\n"
        f"You get this mail because you asked for it: {_address(reverse('notices-page'))}\n"
    )
    Mail.objects.create(owner_id=job.owner_id, subject=f"{name}: {job.state}"[:300], body=body)


def _address(path: str) -> str:
    """Return the public address of a page. The path has the prefix of the service already."""
    public = urlsplit(settings.E1_PUBLIC_URL)
    return f"{public.scheme}://{public.netloc}{path}"


def mails_send() -> int:
    """Send due mails until none is left or the time is up. Returns the number of attempts."""
    if not settings.E1_EMAIL:
        return 0
    Mail.objects.filter(next_attempt_at__isnull=True, created_at__lt=Now() - KEPT).delete()
    end, count = time.monotonic() + BUDGET_SECONDS, 0
    while time.monotonic() < end and (mail := _claim()) is not None:
        count += 1
        _note(mail, *_attempt(mail))
    return count


def _claim() -> Mail | None:
    """Lease the oldest due mail, so that another process does not send it too. Those of deactivated users wait."""
    with transaction.atomic():
        due = Mail.objects.filter(next_attempt_at__lte=Now(), owner__is_active=True).order_by("next_attempt_at")
        mail = due.select_for_update(skip_locked=True, of=("self",)).select_related("owner").first()
        if mail is not None:
            Mail.objects.filter(pk=mail.pk).update(next_attempt_at=Now() + LEASE, attempts=F("attempts") + 1)
            mail.attempts += 1
    return mail


def _attempt(mail: Mail) -> tuple[str, bool]:
    """Send a mail. Returns the reason of a failure, empty on success, and whether another attempt may help."""
    if not mail.owner.email:
        return "the user has no address any more", False
    host = urlsplit(settings.E1_PUBLIC_URL).hostname
    headers = {"Message-ID": f"<{mail.message_id}@{host}>", "Auto-Submitted": "auto-generated"}
    try:
        EmailMessage(mail.subject, mail.body, to=[mail.owner.email], headers=headers).send()
    except smtplib.SMTPRecipientsRefused as error:
        (code, said), *_ = error.recipients.values()
        return f"the address is refused: {code} {said.decode(errors='replace')}", code < 500
    except smtplib.SMTPResponseException as error:
        text = error.smtp_error if isinstance(error.smtp_error, str) else error.smtp_error.decode(errors="replace")
        return f"the mail server says {error.smtp_code} {text}", True
    except (OSError, smtplib.SMTPException) as error:
        return f"the mail server does not answer: {type(error).__name__}", True
    return "", False


def _note(mail: Mail, reason: str, again: bool) -> None:
    """Record an attempt and the time of the next."""
    mine = Mail.objects.filter(pk=mail.pk, attempts=mail.attempts)
    if not reason:
        mine.update(sent=True, reason="", next_attempt_at=None)
        return
    log.warning("a mail to user %s was not sent: %s", mail.owner_id, reason)
    if again and mail.attempts <= len(PAUSES):
        mine.update(reason=reason[:300], next_attempt_at=Now() + timedelta(seconds=PAUSES[mail.attempts - 1]))
    else:
        mine.update(reason=reason[:300], next_attempt_at=None)
