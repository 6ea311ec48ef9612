"""Webhooks: addresses that receive an event when a job ends (docs/webhooks.md)."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.urls import reverse
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from jobs.errors import InvalidInput
from jobs.models import Delivery
from jobs.parsing.bodies import only_fields
from jobs.web.rest.paging import Pages
from jobs.web.rest.views import COMMON_ERRORS, JobView, refusals
from jobs.webhooks import serializers as shapes
from jobs.webhooks.services import check_events, webhook_activate, webhook_create, webhook_of, webhooks_of


class DeliveryPages(Pages):
    ordering = "-id"


class WebhooksView(JobView):
    @extend_schema(operation_id="webhooks_list", responses={200: shapes.WebhookList, **refusals(401)})
    def get(self, request: Request) -> Response:
        """List your webhooks, oldest first."""
        return Response(shapes.WebhookList({"results": webhooks_of(self.owner())}).data)

    @extend_schema(
        operation_id="webhooks_create",
        request=shapes.WebhookSubmission,
        responses={201: shapes.NewWebhookBody, **refusals(400, 409, 429)},
    )
    def post(self, request: Request) -> Response:
        """Create a webhook for an address. Only this answer shows the secret."""
        data: Any = request.data
        only_fields(data, ("url", "events"))
        made = webhook_create(owner=self.owner(), url=data.get("url"), events=data.get("events"))
        location = reverse("webhook-detail", args=[made.pk])
        return Response(shapes.NewWebhookBody(made).data, status=201, headers={"Location": location})


class WebhookDetail(JobView):
    @extend_schema(operation_id="webhooks_show", responses={200: shapes.WebhookBody, **COMMON_ERRORS})
    def get(self, request: Request, webhook_id: UUID) -> Response:
        """Show a webhook, and whether it works."""
        return Response(shapes.WebhookBody(webhook_of(self.owner(), webhook_id)).data)

    @extend_schema(
        operation_id="webhooks_change",
        request=shapes.WebhookChange,
        responses={200: shapes.WebhookBody, **COMMON_ERRORS},
    )
    def patch(self, request: Request, webhook_id: UUID) -> Response:
        """Switch a webhook on or off, or choose other events."""
        webhook = webhook_of(self.owner(), webhook_id)
        data: Any = request.data
        only_fields(data, ("active", "events"))
        if "events" in data:
            webhook.events = check_events(data["events"])
            webhook.save(update_fields=["events"])
        if "active" in data:
            if not isinstance(data["active"], bool):
                raise InvalidInput.one("bad_active", "active is neither true nor false", path="active")
            webhook_activate(webhook=webhook, active=data["active"])
        return self.get(request, webhook_id)

    @extend_schema(operation_id="webhooks_delete", responses={204: None, **COMMON_ERRORS})
    def delete(self, request: Request, webhook_id: UUID) -> Response:
        """Delete a webhook with its log."""
        webhook_of(self.owner(), webhook_id).delete()
        return Response(status=204)


class WebhookDeliveries(JobView):
    @extend_schema(
        operation_id="webhooks_deliveries",
        parameters=[OpenApiParameter("cursor", str), OpenApiParameter("page_size", int)],
        responses={200: shapes.DeliveryPage, **COMMON_ERRORS},
    )
    def get(self, request: Request, webhook_id: UUID) -> Response:
        """List deliveries, newest first, with attempts and reasons. They are kept for 30 days."""
        found = Delivery.objects.filter(webhook=webhook_of(self.owner(), webhook_id))
        return DeliveryPages().answer(found, self, shapes.DeliveryBody)
