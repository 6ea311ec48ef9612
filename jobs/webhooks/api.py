"""Webhooks: addresses that are told when a job has ended (docs/webhooks.md)."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.urls import reverse
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers as s
from rest_framework.request import Request
from rest_framework.response import Response

from jobs.errors import InvalidInput, Problem
from jobs.files.pieces import iso
from jobs.models import Delivery, Webhook
from jobs.web.rest import serializers as docs
from jobs.web.rest.bodies import only_fields
from jobs.web.rest.paging import Pages
from jobs.web.rest.views import COMMON_ERRORS, JobView
from jobs.webhooks.selectors import webhook_of, webhooks_of
from jobs.webhooks.services import EVENTS, check_events, webhook_activate, webhook_create


class WebhookBody(s.Serializer):  # type: ignore[type-arg]
    id = s.UUIDField()
    url = s.CharField()
    events = s.ListField(child=s.ChoiceField(EVENTS))
    active = s.BooleanField()
    reason = s.CharField(help_text="Why it is switched off.")
    failing_since = s.DateTimeField(allow_null=True)
    created_at = s.DateTimeField()
    deliveries = s.CharField(help_text="Where the log of its deliveries is.")


class NewWebhookBody(WebhookBody):
    secret = s.CharField(help_text="Signs deliveries. Shown this once.")


class WebhookList(s.Serializer):  # type: ignore[type-arg]
    results = WebhookBody(many=True)


class WebhookSubmission(s.Serializer):  # type: ignore[type-arg]
    url = s.CharField(max_length=500)
    events = s.ListField(child=s.ChoiceField(EVENTS), required=False, min_length=1, help_text="All by default.")


class WebhookChange(s.Serializer):  # type: ignore[type-arg]
    active = s.BooleanField(required=False)
    events = s.ListField(child=s.ChoiceField(EVENTS), required=False, min_length=1)


class DeliveryBody(s.Serializer):  # type: ignore[type-arg]
    event_id = s.UUIDField()
    event = s.ChoiceField(EVENTS)
    delivered = s.BooleanField()
    attempts = s.IntegerField()
    status = s.IntegerField(allow_null=True, help_text="Of the last answer.")
    reason = s.CharField(help_text="Why the last attempt failed.")
    next_attempt_at = s.DateTimeField(allow_null=True)
    created_at = s.DateTimeField()


class DeliveryPage(s.Serializer):  # type: ignore[type-arg]
    next = s.CharField(allow_null=True)
    previous = s.CharField(allow_null=True)
    results = DeliveryBody(many=True)


class DeliveryPages(Pages):
    page_size = 50
    max_page_size = 500
    ordering = "-id"


class WebhooksView(JobView):
    @extend_schema(operation_id="webhooks_list", responses={200: WebhookList, 401: docs.ErrorBody})
    def get(self, request: Request) -> Response:
        """Your webhooks, oldest first."""
        return Response({"results": [present_webhook(one) for one in webhooks_of(self.owner())]})

    @extend_schema(
        operation_id="webhooks_create",
        request=WebhookSubmission,
        responses={201: NewWebhookBody, 400: docs.ErrorBody, 409: docs.ErrorBody},
    )
    def post(self, request: Request) -> Response:
        """Have an address told when your jobs end. The answer is the only one that shows the secret."""
        data: Any = request.data
        only_fields(data, ("url", "events"))
        made = webhook_create(owner=self.owner(), url=data.get("url"), events=data.get("events"))
        body = present_webhook(made)
        headers = {"Location": reverse("webhook-detail", args=[made.pk])}
        return Response({**body, "secret": made.secret}, status=201, headers=headers)


class WebhookDetail(JobView):
    @extend_schema(operation_id="webhooks_show", responses={200: WebhookBody, **COMMON_ERRORS})
    def get(self, request: Request, webhook_id: UUID) -> Response:
        """One webhook, and whether it works."""
        return Response(present_webhook(webhook_of(self.owner(), webhook_id)))

    @extend_schema(operation_id="webhooks_change", request=WebhookChange, responses={200: WebhookBody, **COMMON_ERRORS})
    def patch(self, request: Request, webhook_id: UUID) -> Response:
        """Switch it on or off, or choose other events."""
        webhook = webhook_of(self.owner(), webhook_id)
        data: Any = request.data
        only_fields(data, ("active", "events"))
        if "events" in data:
            Webhook.objects.filter(pk=webhook.pk).update(events=check_events(data["events"]))
        if "active" in data:
            if not isinstance(data["active"], bool):
                raise InvalidInput.of(Problem("bad_active", "active is neither true nor false", path="active"))
            webhook_activate(webhook=webhook, active=data["active"])
        return Response(present_webhook(webhook_of(self.owner(), webhook_id)))

    @extend_schema(operation_id="webhooks_delete", responses={204: None, **COMMON_ERRORS})
    def delete(self, request: Request, webhook_id: UUID) -> Response:
        """Tell this address nothing more; its log goes too."""
        webhook_of(self.owner(), webhook_id).delete()
        return Response(status=204)


class WebhookDeliveries(JobView):
    @extend_schema(
        operation_id="webhooks_deliveries",
        parameters=[OpenApiParameter("cursor", str), OpenApiParameter("page_size", int)],
        responses={200: DeliveryPage, **COMMON_ERRORS},
    )
    def get(self, request: Request, webhook_id: UUID) -> Response:
        """What was sent, newest first, with attempts and reasons; kept for 30 days."""
        pages = DeliveryPages()
        found = Delivery.objects.filter(webhook=webhook_of(self.owner(), webhook_id))
        page: list[Delivery] = pages.paginate_queryset(found, request, view=self) or []
        return pages.get_paginated_response([present_delivery(one) for one in page])


def present_webhook(one: Webhook) -> dict[str, Any]:
    """A webhook as JSON, without its secret."""
    return {
        "id": str(one.pk),
        "url": one.url,
        "events": one.events,
        "active": one.active,
        "reason": one.reason,
        "failing_since": iso(one.failing_since),
        "created_at": iso(one.created_at),
        "deliveries": reverse("webhook-deliveries", args=[one.pk]),
    }


def present_delivery(one: Delivery) -> dict[str, Any]:
    return {
        "event_id": str(one.event_id),
        "event": one.event,
        "delivered": one.delivered,
        "attempts": one.attempts,
        "status": one.status,
        "reason": one.reason,
        "next_attempt_at": iso(one.next_attempt_at),
        "created_at": iso(one.created_at),
    }
