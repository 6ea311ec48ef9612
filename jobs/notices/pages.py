"""The page where users choose when they are told, and the news that open pages ask for."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.db.models import F
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.views.decorators.http import require_http_methods, require_safe

from jobs.errors import InvalidInput
from jobs.models import Job, Mail
from jobs.models.notices import NoticeWhen
from jobs.notices.services import LONG, TOLD, choice_of, choice_set
from jobs.web.access import page, user_of

MOST_NEWS = 20
OLDEST_NEWS = timedelta(minutes=10)


@page
@require_http_methods(["GET", "HEAD", "POST"])
def notices_page(request: HttpRequest) -> HttpResponse:
    """Show the choice and the latest mails, or store a choice."""
    user = user_of(request)
    problem = None
    if request.method == "POST":
        chosen = {name: request.POST.get(name, NoticeWhen.OFF) for name in ("email", "browser")}
        try:
            choice_set(user=user, **chosen)
        except InvalidInput as error:
            problem = error
        else:
            messages.add_message(request, messages.SUCCESS, "Your choice is stored.", "notice")
            return redirect("notices-page")
    context: dict[str, Any] = {
        "choice": choice_of(user),
        "whens": NoticeWhen.choices,
        "configured": bool(settings.E1_EMAIL),
        "mails": Mail.objects.filter(owner=user).order_by("-id")[:5],
        "problem": problem,
    }
    return render(request, "jobs/notices/notices.html", context, status=problem.status_code if problem else 200)


@page
@require_safe
def notices_news(request: HttpRequest) -> HttpResponse:
    """Answer which jobs of the user have ended since the moment `after`, as the user chose for browsers."""
    now = timezone.now()
    after = _moment(request.GET.get("after", ""), now)
    wanted = choice_of(user_of(request)).browser
    found: list[Job] = []
    if wanted != NoticeWhen.OFF:
        jobs = Job.objects.filter(owner=user_of(request), interactive=False, state__in=TOLD)
        jobs = jobs.filter(finished_at__gt=after, finished_at__lte=now)
        if wanted == NoticeWhen.LONG:
            jobs = jobs.filter(finished_at__gte=F("touched_at") + LONG)
        found = list(jobs.order_by("finished_at")[:MOST_NEWS])
    news = [
        {"id": str(job.pk), "name": job.name or f"Job {job.pk.hex[:8]}", "state": str(job.state), "url": _url(job)}
        for job in found
    ]
    return JsonResponse({"until": now.isoformat(), "jobs": news})


def _url(job: Job) -> str:
    return reverse("job-page", args=[job.pk])


def _moment(text: str, now: datetime) -> datetime:
    """Return the moment that a page asks from: at most a few minutes ago, and now if it cannot be read."""
    try:
        asked = parse_datetime(text)
    except ValueError:
        asked = None
    if asked is None or timezone.is_naive(asked):
        return now
    return max(asked, now - OLDEST_NEWS)
