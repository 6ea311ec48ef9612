"""A user's quotas in REST: what is in use, and the header fields of answers that say what is left."""

from __future__ import annotations

from typing import Any, cast

from django.conf import settings
from django.contrib.auth.models import User
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from jobs.errors import Forbidden
from jobs.fleet.centres import centre_name
from jobs.fleet.pools import fleet_of
from jobs.quotas import serializers as shapes
from jobs.quotas import usage
from jobs.quotas.rules import Amounts, rate_limit_fields
from jobs.web.rest.views import refusals


class RateLimited(APIView):
    """A view whose answers to POST carry what is left of the user's quotas (`RateLimit-Policy`, `RateLimit`)."""

    interactive = False

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Forget what an earlier request of this thread has found."""
        usage.seen_take(0)
        super().initial(request, *args, **kwargs)

    def finalize_response(self, request: Any, response: Any, *args: Any, **kwargs: Any) -> Any:
        response = super().finalize_response(request, response, *args, **kwargs)
        user = getattr(request, "user", None)
        if request.method == "POST" and user is not None and user.is_authenticated:
            seen = usage.seen_take(user.pk)
            if response.status_code >= 500:  # A synchronous request may go on after 504.
                seen = None
            limits, use = seen or usage.limits_and_use(user.pk, interactive=self.interactive)
            if limits.any:
                for name, value in self._fields(response, limits, use).items():
                    response[name] = value
        return response

    def _fields(self, response: Any, limits: Amounts, use: Amounts) -> dict[str, str]:
        data = getattr(response, "data", None)
        refused = str(data.get("code", "")) if isinstance(data, dict) and response.status_code >= 400 else ""
        wait = response.get("Retry-After")
        retry_after = int(wait) if refused and wait else None
        return rate_limit_fields(limits, use, interactive=self.interactive, retry_after=retry_after, refused=refused)


class Usage(APIView):
    @extend_schema(
        operation_id="usage",
        parameters=[
            OpenApiParameter(
                "cost_centre",
                str,
                description="Show the speed and the queue of the workers of this cost centre, empty for those of none. "
                "By default those that compute your work. Others than these are for administrators.",
            )
        ],
        responses={200: shapes.UsageBody, **refusals(401, 403)},
    )
    def get(self, request: Request) -> Response:
        """Show your quotas with what is in use and left, and the current speed of each model."""
        user = cast(User, request.user)
        own = centre_name(user.pk)
        centre = request.query_params.get("cost_centre", own)
        if centre != own and not user.is_superuser:
            raise Forbidden(
                "only administrators may ask for workers that do not compute your work; leave cost_centre out",
                code="administrators_only",
            )
        quota = shapes.quota_states(usage.limits_of(user.pk), usage.use_of(user.pk))
        paces = {slug: fleet_of(slug, cost_centre=centre) for slug in settings.E1_MODELS}
        return Response(shapes.UsageBody({"quota": quota, "models": paces}).data)
