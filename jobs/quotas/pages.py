"""What the person has in use, and the limits of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from jobs.fleet import pace
from jobs.quotas import usage
from jobs.quotas.rules import left
from jobs.web.access import page, user_of

SHOWN = {
    "active_jobs": ("Unfinished jobs", "Queued, running and paused ones."),
    "queued_tokens": ("Queued tokens", "What waits or is being computed, of jobs and of synchronous requests."),
    "stored_bytes": (
        "Storage",
        "Libraries, results, files, analyses, what you laid beside them, contexts and alignments; of unfinished jobs "
        "what they will take.",
    ),
    "sync_requests": ("Synchronous requests", "Those that are not answered yet. Jobs never hold them up."),
}

FULL = {
    "active_jobs": "A new job is refused until one of these has ended or is cancelled.",
    "queued_tokens": "A new job is refused until some of them are computed or cancelled.",
    "stored_bytes": "A new job is refused until you delete some: the largest are listed below.",
    "sync_requests": "A further request is refused until one of these is answered.",
}
"""What it means that nothing is left, and what helps."""

NEAR = 0.9
"""The share from which on the page says that little is left."""


@dataclass(frozen=True, slots=True)
class Row:
    """One quota; `limit` and `left` are None where there is none."""

    name: str
    title: str
    text: str
    used: int
    limit: int | None
    left: int | None

    @property
    def level(self) -> str:
        """`over`, `full`, `near` or nothing. A limit that was lowered leaves its user over it."""
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
    """Each quota with its bar, and how fast the models are computed now."""
    user = user_of(request)
    limits, use = usage.limits_of(user.pk), usage.use_of(user.pk)
    rows = [
        Row(name, title, text, getattr(use, name), getattr(limits, name) or None, left(limits, use, name))
        for name, (title, text) in SHOWN.items()
    ]
    context: dict[str, Any] = {
        "rows": rows,
        "paces": [(slug, pace.pace_of(slug)) for slug in settings.E1_MODELS],
        "largest": usage.largest_jobs(user.pk),
    }
    return render(request, "jobs/quotas/quota.html", context)
