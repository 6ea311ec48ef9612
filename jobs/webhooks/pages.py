"""The page of webhooks and of their latest deliveries."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from jobs.errors import ServiceError
from jobs.models import Delivery
from jobs.web.access import page, user_of
from jobs.webhooks.services import webhook_activate, webhook_create, webhook_of, webhooks_of

DELIVERIES = 5
"""Deliveries listed below each webhook. REST pages through all."""


@page
@require_http_methods(["GET", "HEAD", "POST"])
def webhooks(request: HttpRequest) -> HttpResponse:
    """Show the user's webhooks and a form for a new one. Only the answer to the form shows the secret."""
    owner = user_of(request)
    context: dict[str, Any] = {"url": ""}
    status = 200
    if request.method == "POST":
        context["url"] = request.POST.get("url", "").strip()
        try:
            context["made"] = webhook_create(owner=owner, url=context["url"])
        except ServiceError as error:
            context["problem"], status = error, error.status_code
    found = list(webhooks_of(owner))
    context["webhooks"] = [(one, Delivery.objects.filter(webhook=one).order_by("-id")[:DELIVERIES]) for one in found]
    return render(request, "jobs/webhooks/webhooks.html", context, status=status)


@page
@require_http_methods(["GET", "HEAD", "POST"])
def webhook_act(request: HttpRequest, webhook_id: UUID) -> HttpResponse:
    """Switch one of the user's webhooks on or off, or delete it. GET redirects to the list."""
    webhook = webhook_of(user_of(request), webhook_id)
    if request.method != "POST":
        return redirect("webhooks-page")
    act = request.POST.get("do", "")
    if act == "delete":
        webhook.delete()
        said = "The webhook is deleted."
    else:
        webhook_activate(webhook=webhook, active=act == "on")
        said = f"The webhook is {'on' if act == 'on' else 'off'}."
    messages.add_message(request, messages.SUCCESS, said, "notice")
    return redirect("webhooks-page")
