"""Bodies of the REST interface about webhooks and their deliveries."""

from __future__ import annotations

from rest_framework import serializers as s

from jobs.web.rest.fields import ListPage, Shape, Url
from jobs.webhooks.services import EVENTS


class WebhookBody(Shape):
    """A `Webhook` without its secret."""

    id = s.UUIDField()
    url = s.CharField()
    events = s.ListField(child=s.ChoiceField(EVENTS))
    active = s.BooleanField()
    reason = s.CharField(help_text="Why the webhook is off.")
    failing_since = s.DateTimeField(allow_null=True)
    created_at = s.DateTimeField()
    deliveries = Url("webhook-deliveries", "pk", help_text="The address of the log of deliveries.")


class NewWebhookBody(WebhookBody):
    secret = s.CharField(help_text="Signs deliveries. This answer alone shows it.")


class WebhookList(Shape):
    results = WebhookBody(many=True)


class WebhookSubmission(Shape):
    url = s.CharField(max_length=500)
    events = s.ListField(child=s.ChoiceField(EVENTS), required=False, min_length=1, help_text="All by default.")


class WebhookChange(Shape):
    active = s.BooleanField(required=False)
    events = s.ListField(child=s.ChoiceField(EVENTS), required=False, min_length=1)


class DeliveryBody(Shape):
    """A `Delivery`."""

    event_id = s.UUIDField()
    event = s.ChoiceField(EVENTS)
    delivered = s.BooleanField()
    attempts = s.IntegerField()
    status = s.IntegerField(allow_null=True, help_text="The status of the last answer.")
    reason = s.CharField(help_text="Why the last attempt failed.")
    next_attempt_at = s.DateTimeField(allow_null=True)
    created_at = s.DateTimeField()


class DeliveryPage(ListPage):
    results = DeliveryBody(many=True)
