"""Liveness, readiness and metrics. These views need no token."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST

from jobs.operations.health import readiness, warnings
from jobs.operations.metrics import metrics_text
from jobs.web.access import client_address
from jobs.web.turns import COUNTING


@require_safe
def livez(request: HttpRequest) -> HttpResponse:
    """Answer while the web process runs."""
    return HttpResponse("ok\n", content_type="text/plain")


@require_safe
def readyz(request: HttpRequest) -> JsonResponse:
    """Answer 200 if both stores answer and every enabled model has a recent forward pass and a moving queue.

    Otherwise answer 503. The body has the result of each check, and warnings, which turn nothing red.
    """
    ready, checks = readiness()
    return JsonResponse({"ready": ready, "checks": checks, "warnings": warnings()}, status=200 if ready else 503)


@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Return Prometheus text, counted from rows at the time of the request."""
    with COUNTING.turn(client_address(request)):
        return HttpResponse(metrics_text(), content_type=CONTENT_TYPE_LATEST)
