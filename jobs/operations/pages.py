"""The page of models and health: checks, workers and queues."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.templatetags.static import static
from django.views.decorators.http import require_safe

from e1protocol import MODELS
from jobs.fleet import pace
from jobs.models.states import WorkerState
from jobs.operations import queues as fleet
from jobs.operations.health import readiness, warnings
from jobs.web.access import page
from jobs.web.fragments import fragment

AILING = (WorkerState.SICK, "silent")
"""States of a worker that should compute and does not."""


@page
@require_safe
def service_page(request: HttpRequest) -> HttpResponse:
    """Show the page. htmx gets only its live part."""
    ready, checks = readiness()
    models = [_model(slug) for slug in settings.E1_MODELS]
    ailing = sum(seen.state in AILING for model in models for seen in model["workers"])
    context = {"ready": ready, "checks": checks, "warnings": warnings(), "models": models, "ailing": ailing}
    if request.headers.get("HX-Target") == "live":
        return fragment(request, "jobs/operations/_service.html", context)
    return render(request, "jobs/operations/service.html", context)


def _model(slug: str) -> dict[str, Any]:
    facts = MODELS[slug]
    workers = fleet.workers_seen(slug)
    rates: dict[str, float] = {}
    for seen in workers:
        if seen.state == WorkerState.READY:
            centre = seen.worker.cost_centre
            rates[centre] = rates.get(centre, 0.0) + (seen.worker.tokens_per_second or 0.0)
    waiting = [
        {"work": work, "alive": work.cost_centre in rates, "seconds": work.tokens / rate if rate else None}
        for work in pace.open_work(slug)
        for rate in [rates.get(work.cost_centre)]
    ]
    return {"facts": facts, "workers": workers, "waiting": waiting}


def favicon(request: HttpRequest) -> HttpResponse:
    """Redirect to the icon, for documents without a link to it, such as JSON."""
    return redirect(static("jobs/icon.svg"), permanent=True)
