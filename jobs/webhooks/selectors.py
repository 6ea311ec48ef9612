"""Reading webhooks."""

from __future__ import annotations

from uuid import UUID

from django.contrib.auth.models import User
from django.db.models import QuerySet

from jobs.errors import NotFound
from jobs.models import Webhook


def webhooks_of(owner: User) -> QuerySet[Webhook]:
    return Webhook.objects.filter(owner=owner).order_by("created_at", "id")


def webhook_of(owner: User, webhook_id: UUID) -> Webhook:
    """The owner's webhook; NotFound where it is not there or somebody else's."""
    found = webhooks_of(owner).filter(pk=webhook_id).first()
    if found is None:
        raise NotFound(f"there is no webhook {webhook_id}")
    return found
