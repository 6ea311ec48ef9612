"""Accounts of use in REST: your own; an administrator gets everyone's."""

from __future__ import annotations

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from jobs.errors import InvalidInput
from jobs.files.names import attachment
from jobs.metering import serializers as shapes
from jobs.metering.selectors import accounts, budget_of, read_months
from jobs.web.rest.views import JobView, refusals

MONTH = "A month in UTC, such as 2026-01."


class UsageAccounts(JobView):
    @extend_schema(
        operation_id="usage_accounts",
        parameters=[
            OpenApiParameter("since", str, description=f"The first month, eleven before `until` by default. {MONTH}"),
            OpenApiParameter("until", str, description=f"The last month, the present one by default. {MONTH}"),
            OpenApiParameter("own", bool, description="For administrators: only their own rows."),
            OpenApiParameter("format", str, enum=["json", "csv"], description="json by default."),
        ],
        responses={
            (200, "application/json"): shapes.AccountsBody,
            (200, "text/csv"): OpenApiTypes.STR,
            **refusals(400, 401),
        },
    )
    def get(self, request: Request) -> Response | HttpResponse:
        """Show what you used by model and month, deleted jobs included. Administrators see everyone's use."""
        user, query = self.owner(), request.query_params
        since, until = read_months(query.get("since"), query.get("until"))
        format = query.get("format", "json")
        if format not in ("json", "csv"):
            raise InvalidInput.one("bad_format", f"format is {format[:40]!r}", "Choose json or csv.", path="format")
        own = query.get("own", "").lower()
        if own not in ("", "true", "false"):
            raise InvalidInput.one(
                "wrong_type", f"own is {own[:40]!r}", "Give true or false, or leave it out.", path="own"
            )
        everyone = user.is_superuser and own != "true"
        rows = accounts(since, until, owner_id=None if everyone else user.pk)
        months = f"{since:%Y-%m}", f"{until:%Y-%m}"
        if format == "csv":
            headers = {"Content-Disposition": attachment(f"usage-{months[0]}-{months[1]}.csv")}
            return HttpResponse(b"".join(shapes.accounts_csv(rows)), content_type="text/csv", headers=headers)
        return Response(shapes.AccountsBody(shapes.accounts_body(rows, *months, budget_of(user.pk))).data)
