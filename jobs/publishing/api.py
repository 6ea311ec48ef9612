"""REST of the public link of a job."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.urls import reverse
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from jobs.library.sharing import Right
from jobs.models import Job
from jobs.parsing.bodies import only_fields
from jobs.publishing import serializers as shapes
from jobs.publishing.links import checked_days, public_link_make, public_link_of, public_link_revoke
from jobs.web.rest.views import COMMON_ERRORS, JobView, refusals


class JobPublicLink(JobView):
    @extend_schema(operation_id="jobs_public_link", responses={200: shapes.PublicLinkState, **COMMON_ERRORS})
    def get(self, request: Request, job_id: UUID) -> Response:
        """Return whether a job has a public link. The service does not know the link itself."""
        return Response(shapes.PublicLinkState(_state(self.job(job_id))).data)

    @extend_schema(
        operation_id="jobs_publish",
        request=shapes.PublicLinkSubmission,
        responses={201: shapes.PublicLinkBody, **refusals(400, 409), **COMMON_ERRORS},
    )
    def post(self, request: Request, job_id: UUID) -> Response:
        """Make a public link of a finished job, which ends an earlier one. Only its owner may.

        Everybody with the link reads the result and downloads it, without an account.
        """
        job = self.job(job_id, Right.OWN)
        data: Any = request.data
        only_fields(data, ("days",))
        token = public_link_make(job, days=checked_days(data.get("days")))
        url = request.build_absolute_uri(reverse("public-page", args=[token]))
        return Response(shapes.PublicLinkBody({**_state(job), "url": url}).data, status=201)

    @extend_schema(operation_id="jobs_unpublish", responses={204: None, **COMMON_ERRORS})
    def delete(self, request: Request, job_id: UUID) -> Response:
        """Revoke the public link at once."""
        public_link_revoke(self.job(job_id, Right.OWN))
        return Response(status=204)


def _state(job: Job) -> dict[str, Any]:
    link = public_link_of(job)
    return {
        "public": link is not None,
        "created_at": link and link.created_at,
        "expires_at": link and link.expires_at,
    }
