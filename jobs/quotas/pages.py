"""The page of a user's quotas and their use."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from jobs.fleet.centres import centre_name
from jobs.fleet.pools import fleet_of
from jobs.quotas import usage
from jobs.quotas.serializers import quota_states
from jobs.web.access import page, user_of

SHOWN = {
    "active_jobs": ("Unfinished jobs", "Queued, running and paused ones."),
    "queued_tokens": ("Queued tokens", "What waits or is being computed, of jobs and of synchronous requests."),
    "stored_bytes": (
        "Storage",
        "Libraries, results, files, analyses, uploads, contexts and alignments; of unfinished jobs "
        "what they will take.",
    ),
    "sync_requests": ("Synchronous requests", "Requests that wait for their answer. Jobs never delay them."),
}

FULL = {
    "active_jobs": "A new job is refused until one of these has ended or is cancelled.",
    "queued_tokens": "A new job is refused until some of them are computed or cancelled.",
    "stored_bytes": "A new job is refused until you delete some: the largest are listed below.",
    "sync_requests": "A further request is refused until one of these is answered.",
}
"""The effect of a full quota, and the remedy."""

NEAR = 0.9
"""The used share from which the page warns."""


@dataclass(frozen=True, slots=True)
class Row:
    """One quota. `limit` and `left` are None if there is no limit."""

    name: str
    title: str
    text: str
    used: int
    limit: int | None
    left: int | None

    @property
    def level(self) -> str:
        """One of `over`, `full` and `near`, or empty. A user is over a limit that was lowered."""
        if not self.limit or self.used < NEAR * self.limit:
            return ""
        if self.used > self.limit:
            return "over"
        return "near" if self.left else "full"

    @property
    def refusal(self) -> str:
        return FULL[self.name] if self.level in ("full", "over") else ""


@page
@require_safe
def quota_page(request: HttpRequest) -> HttpResponse:
    """Show each quota with its bar, the current speed of the models, and the largest jobs."""
    user = user_of(request)
    states = quota_states(usage.limits_of(user.pk), usage.use_of(user.pk))
    rows = [Row(name, title, text, **states[name]) for name, (title, text) in SHOWN.items()]
    centre = centre_name(user.pk)
    context: dict[str, Any] = {
        "rows": rows,
        "paces": [(slug, fleet_of(slug, cost_centre=centre).whole) for slug in settings.E1_MODELS],
        "largest": usage.largest_jobs(user.pk),
    }
    return render(request, "jobs/quotas/quota.html", context)
