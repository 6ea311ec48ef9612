"""Webhooks: create them, record events for them, deliver the events, and switch off webhooks that fail for a day.

Postgres is the outbox. The transaction that ends a job writes its deliveries. A service worker leases them from there,
so a delivery that dies with its worker is repeated. An event can therefore arrive twice, with the same id.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import logging
import secrets
import ssl
import time
from collections import defaultdict
from collections.abc import Collection, Mapping
from datetime import timedelta
from http.client import HTTPException
from types import MappingProxyType
from uuid import UUID

import orjson
from celery import current_app
from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import F, Min, QuerySet
from django.db.models.functions import Now
from django.utils import timezone

from e1protocol import SERVICE_QUEUE, TASK_WEBHOOKS
from jobs.errors import Conflict, InvalidInput, NotFound
from jobs.models import Delivery, Job, Webhook
from jobs.models.states import JobState
from jobs.queue.dispatch import BROKER_ERRORS
from jobs.web.addresses import address_outside_requests
from jobs.web.places import LOOK_UPS
from jobs.webhooks.outside import Refused, checked_address, post, target_of

log = logging.getLogger(__name__)

EVENTS = tuple(
    f"job.{state.value}" for state in (JobState.SUCCEEDED, JobState.PARTIAL, JobState.FAILED, JobState.CANCELLED)
)
MOST_WEBHOOKS = 10
"""Webhooks of one user. Each costs a request whenever a job ends."""
LEASE = timedelta(seconds=60)
PAUSES = (10, 60, 300, 1800, 7200, 21_600, 43_200, 86_400)
"""Seconds between attempts, about two days in all. After the last attempt the delivery is given up."""
BUDGET_SECONDS = 60
"""Time for one task, which occupies a process of the service worker."""
DEAD_AFTER = timedelta(days=1)
KEPT = timedelta(days=30)
GONE = 410


def webhooks_of(owner: User) -> QuerySet[Webhook]:
    return Webhook.objects.filter(owner=owner).order_by("created_at", "id")


def webhook_of(owner: User, webhook_id: UUID) -> Webhook:
    """Return the owner's webhook. Raises NotFound, also for another person's."""
    found = webhooks_of(owner).filter(pk=webhook_id).first()
    if found is None:
        raise NotFound(f"there is no webhook {webhook_id}")
    return found


def webhook_create(*, owner: User, url: object, events: object = None) -> Webhook:
    """Create a webhook and its secret.

    Raises InvalidInput `bad_url`, `bad_events`, Conflict `too_many_webhooks`, TooManyRequests `too_many_look_ups`.
    """
    wanted = check_events(list(EVENTS) if events is None else events)
    if not isinstance(url, str):
        raise InvalidInput.one("bad_url", "url is missing", "Give an address with https.", path="url")
    _check_room(owner)
    allowed = settings.E1_WEBHOOK_ALLOW
    try:
        target = target_of(url, allowed)
        LOOK_UPS.take(owner.pk)
        checked_address(target, allowed, ended=lambda: LOOK_UPS.give_back(owner.pk))
    except Refused as error:
        remedy = "Give a public address with https; an administrator can allow others (E1_WEBHOOK_ALLOW)."
        raise InvalidInput.one("bad_url", str(error), remedy, path="url") from None
    with transaction.atomic():
        User.objects.select_for_update().get(pk=owner.pk)
        _check_room(owner)
        secret = "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()
        made = Webhook.objects.create(owner=owner, url=url, secret=secret, events=wanted)
    made.refresh_from_db()
    return made


def _check_room(owner: User) -> None:
    """Raise Conflict `too_many_webhooks` if the owner may have no other webhook."""
    if Webhook.objects.filter(owner=owner).count() >= MOST_WEBHOOKS:
        raise Conflict(f"you have {MOST_WEBHOOKS} webhooks; delete one first", code="too_many_webhooks")


def check_events(events: object) -> list[str]:
    """Return the events, sorted. Raises InvalidInput `bad_events`."""
    if not isinstance(events, list) or not events or any(event not in EVENTS for event in events):
        choice = f"Choose from {', '.join(EVENTS)}."
        raise InvalidInput.one("bad_events", "events is not a list of events", choice, path="events")
    return sorted(set(events))


def webhook_activate(*, webhook: Webhook, active: bool) -> None:
    """Switch a webhook on, which clears its failures, or off."""
    Webhook.objects.filter(pk=webhook.pk).update(
        active=active, failing_since=None, reason="" if active else "switched off by its owner"
    )
    if not active:
        _give_up(webhook)


def webhooks_record(job: Job) -> None:
    """Write the deliveries of a job that ends. Call this in the transaction that ends the job."""
    event = f"job.{job.state}"
    hooks = [one for one in Webhook.objects.filter(owner_id=job.owner_id, active=True) if event in one.events]
    if not hooks:
        return
    data = {"id": str(job.pk), "name": job.name, "model": job.model, "action": job.action, "state": str(job.state)}
    data["url"] = address_outside_requests("job-detail", job.pk)
    body = orjson.dumps({"type": event, "timestamp": timezone.now().isoformat(), "data": data}).decode()
    Delivery.objects.bulk_create(Delivery(webhook=hook, event=event, body=body) for hook in hooks)
    transaction.on_commit(_publish)


def _publish() -> None:
    """Notify a worker that deliveries are due. Beat does so every few seconds, so a lost message costs only seconds."""
    try:
        current_app.send_task(TASK_WEBHOOKS, queue=SERVICE_QUEUE, retry=False, expires=60)
    except BROKER_ERRORS as error:
        log.warning("cannot publish deliveries, Redis does not answer: %s", error)


def signature(secret: str, event_id: str, timestamp: int, body: bytes) -> str:
    """Return the signature of Standard Webhooks: HMAC-SHA256 of id, timestamp and body, joined by dots."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = b".".join([event_id.encode(), str(timestamp).encode(), body])
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


def deliveries_send(*, allowed: Collection[str] | None = None) -> int:
    """Send due deliveries until none is left or the time is up. Returns the number of attempts.

    The owner who has used the least time is served next, so a slow address delays other owners only once. This call
    doesn't ask a webhook again that did not answer.
    """
    allowed = settings.E1_WEBHOOK_ALLOW if allowed is None else allowed
    Delivery.objects.filter(next_attempt_at__isnull=True, created_at__lt=Now() - KEPT).delete()
    taken: defaultdict[int, float] = defaultdict(float)
    silent: set[UUID] = set()
    started = before = time.monotonic()
    count = 0
    while before - started < BUDGET_SECONDS and (delivery := _claim(taken, silent)) is not None:
        count += 1
        status, reason = _attempt(delivery, allowed)
        _note(delivery, status, reason)
        if status is None:
            silent.add(delivery.webhook_id)
        now = time.monotonic()
        taken[delivery.webhook.owner_id] += now - before
        before = now
    return count


def _claim(taken: Mapping[int, float] = MappingProxyType({}), silent: Collection[UUID] = ()) -> Delivery | None:
    """Lease the oldest due delivery of the owner who has `taken` the fewest seconds. Skips webhooks in `silent`.

    Deliveries of deactivated users wait.
    """
    with transaction.atomic():
        due = Delivery.objects.filter(next_attempt_at__lte=Now(), webhook__owner__is_active=True)
        due = due.exclude(webhook__in=silent)
        owners = due.values_list("webhook__owner_id").annotate(first=Min("next_attempt_at")).order_by("first")
        owner = min((one for one, _ in owners), key=lambda one: taken.get(one, 0.0), default=None)
        due = due.filter(webhook__owner_id=owner).order_by("next_attempt_at")
        delivery = due.select_for_update(skip_locked=True, of=("self",)).select_related("webhook").first()
        if delivery is not None:
            Delivery.objects.filter(pk=delivery.pk).update(next_attempt_at=Now() + LEASE, attempts=F("attempts") + 1)
            delivery.attempts += 1
    return delivery


def _attempt(delivery: Delivery, allowed: Collection[str]) -> tuple[int | None, str]:
    """Send a delivery. Returns the status, if any, and the reason of a failure, empty on success."""
    event_id, moment, body = str(delivery.event_id), int(time.time()), delivery.body.encode()
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "e1-service",
        "webhook-id": event_id,
        "webhook-timestamp": str(moment),
        "webhook-signature": signature(delivery.webhook.secret, event_id, moment, body),
    }
    try:
        status = post(target_of(delivery.webhook.url, allowed), body, headers, allowed)
    except Refused as error:
        return None, str(error)
    except ssl.SSLError as error:
        return None, f"TLS failed: {error.reason or 'unknown reason'}"
    except TimeoutError:
        return None, "no answer in time"
    except (OSError, HTTPException) as error:
        return None, f"the connection failed: {type(error).__name__}"
    if 200 <= status < 300:
        return status, ""
    redirect = "with a redirect, which is not followed"
    return status, f"it answered {redirect if 300 <= status < 400 else status}"


def _note(delivery: Delivery, status: int | None, reason: str) -> None:
    """Record an attempt and the time of the next. Switch the webhook off if it has failed for too long."""
    mine = Delivery.objects.filter(pk=delivery.pk, attempts=delivery.attempts)
    hook = Webhook.objects.filter(pk=delivery.webhook_id)
    if not reason:
        mine.update(delivered=True, status=status, reason="", next_attempt_at=None, finished_at=Now())
        hook.update(failing_since=None)
        return
    hook.filter(failing_since__isnull=True).update(failing_since=Now())
    over = delivery.attempts > len(PAUSES) or status == GONE
    if not over:
        pause = timedelta(seconds=PAUSES[delivery.attempts - 1])
        mine.update(status=status, reason=reason[:200], next_attempt_at=Now() + pause)
        return
    mine.update(status=status, reason=reason[:200], next_attempt_at=None, finished_at=Now())
    failing = Webhook.objects.get(pk=delivery.webhook_id).failing_since
    if status == GONE or (failing is not None and timezone.now() - failing > DEAD_AFTER):
        text = "it answered that it is gone" if status == GONE else f"nothing got through for a day; last: {reason}"
        hook.update(active=False, reason=text[:200])
        _give_up(delivery.webhook)


def _give_up(webhook: Webhook) -> None:
    """End the open deliveries of a webhook that is off."""
    Delivery.objects.filter(webhook=webhook, next_attempt_at__isnull=False).update(
        next_attempt_at=None, finished_at=Now(), reason="the webhook was switched off"
    )
