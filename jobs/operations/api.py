"""Liveness, readiness and metrics. These views need no token."""

from __future__ import annotations

from django.conf import settings
from django.db.models import Count, Sum
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Gauge, generate_latest

from jobs.fleet import pace
from jobs.models import Chunk, Job
from jobs.operations.health import readiness, warnings
from jobs.web.access import client_address
from jobs.web.disk import database_space, temporary_space
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
        return HttpResponse(_metrics(), content_type=CONTENT_TYPE_LATEST)


def _metrics() -> bytes:
    registry = CollectorRegistry()
    jobs = Gauge("e1_jobs", "Jobs by model and state", ["model", "state"], registry=registry)
    for model, state, count in Job.objects.values_list("model", "state").annotate(n=Count("id")).order_by():
        jobs.labels(model, state).set(count)
    waiting = Gauge(
        "e1_tokens_waiting", "Tokens of chunks that are ready or leased", ["model", "state"], registry=registry
    )
    rows = Chunk.objects.filter(state__in=["ready", "leased"]).values_list("model", "state")
    for model, state, tokens in rows.annotate(n=Sum("n_tokens")).order_by():
        waiting.labels(model, state).set(tokens)
    _disks(registry)
    workers = Gauge(
        "e1_workers_alive", "Workers that passed their self-test and have a heartbeat", ["model"], registry=registry
    )
    rate = Gauge("e1_worker_tokens_per_second", "Measured rate of a worker", ["model", "worker"], registry=registry)
    for model in settings.E1_MODELS:
        alive = list(pace.workers_alive(model))
        workers.labels(model).set(len(alive))
        for worker in alive:
            rate.labels(model, worker.name).set(worker.tokens_per_second or 0)
    return generate_latest(registry)


def _disks(registry: CollectorRegistry) -> None:
    free = Gauge("e1_disk_free_bytes", "Bytes that are free on a disk of the service", ["disk"], registry=registry)
    size = Gauge("e1_disk_size_bytes", "Bytes of a disk of the service", ["disk"], registry=registry)
    for name, space in (("database", database_space()), ("temporary", temporary_space())):
        if space is not None:
            free.labels(name).set(space.free)
            size.labels(name).set(space.size)
