"""The page of accounts of use, and the same rows as CSV."""

from __future__ import annotations

from datetime import date
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.views.decorators.http import require_safe

from jobs.errors import InvalidInput
from jobs.files.names import attachment
from jobs.metering.prices import total
from jobs.metering.selectors import Row, accounts, budget_of, cost_of, read_months
from jobs.metering.serializers import accounts_csv
from jobs.web.access import page, user_of


@page
@require_safe
def usage_page(request: HttpRequest) -> HttpResponse:
    """Show what the user used by month and model; administrators may see everyone's use."""
    problem, query = None, request.GET
    try:
        since, until = read_months(query.get("since"), query.get("until"))
    except InvalidInput as error:
        problem = error
        since, until = read_months(None, None)
    user = user_of(request)
    rows = _rows(request, since, until)
    whole = total(row.used for row in rows)
    context: dict[str, Any] = {
        "rows": rows,
        "total": whole,
        "cost": cost_of(whole),
        "prices": settings.E1_PRICES,
        "budget": budget_of(user.pk),
        "since": f"{since:%Y-%m}",
        "until": f"{until:%Y-%m}",
        "everyone": _everyone(request),
        "projects": any(row.project for row in rows),
        "centres": any(row.cost_centre for row in rows),
        "problem": problem,
    }
    return render(request, "jobs/metering/usage.html", context, status=problem.status_code if problem else 200)


@page
@require_safe
def usage_table(request: HttpRequest) -> HttpResponseBase:
    """Send the rows of the page as CSV. Wrong months are refused as on the page."""
    try:
        since, until = read_months(request.GET.get("since"), request.GET.get("until"))
    except InvalidInput:
        return usage_page(request)
    content = b"".join(accounts_csv(_rows(request, since, until), bom=request.GET.get("bom") == "true"))
    headers = {"Content-Disposition": attachment(f"usage-{since:%Y-%m}-{until:%Y-%m}.csv")}
    return HttpResponse(content, content_type="text/csv; charset=utf-8", headers=headers)


def _everyone(request: HttpRequest) -> bool:
    return user_of(request).is_superuser and request.GET.get("who") == "everyone"


def _rows(request: HttpRequest, since: date, until: date) -> list[Row]:
    return accounts(since, until, owner_id=None if _everyone(request) else user_of(request).pk)
