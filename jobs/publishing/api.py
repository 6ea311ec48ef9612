"""REST of public links: of a job, of a project and of a campaign."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.urls import reverse
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from jobs.campaigns.selectors import campaign_of
from jobs.library.sharing import Right, project_of
from jobs.parsing.bodies import only_fields
from jobs.publishing import serializers as shapes
from jobs.publishing.contents import told_of
from jobs.publishing.links import Publishable, checked_days, public_link_make, public_link_of, public_link_revoke
from jobs.web.rest.views import COMMON_ERRORS, JobView, refusals

STATE: dict[Any, Any] = {200: shapes.PublicLinkState, **COMMON_ERRORS}
MADE: dict[Any, Any] = {201: shapes.PublicLinkBody, **refusals(400, 409), **COMMON_ERRORS}
ENDED: dict[Any, Any] = {204: None, **COMMON_ERRORS}


class LinkView(JobView):
    """A view of the public link of one thing. Who may see the thing sees whether it has one; the owner makes it."""

    def state(self, thing: Publishable) -> Response:
        return Response(shapes.PublicLinkState(_state(thing)).data)

    def made(self, request: Request, thing: Publishable) -> Response:
        data: Any = request.data
        only_fields(data, ("days",))
        token = public_link_make(thing, days=checked_days(data.get("days")))
        url = request.build_absolute_uri(reverse("public-page", args=[token]))
        return Response(shapes.PublicLinkBody({**_state(thing), "url": url}).data, status=201)

    def revoked(self, thing: Publishable) -> Response:
        public_link_revoke(thing)
        return Response(status=204)


class JobPublicLink(LinkView):
    @extend_schema(operation_id="jobs_public_link", responses=STATE)
    def get(self, request: Request, job_id: UUID) -> Response:
        """Return whether a job has a public link. The service does not know the link itself."""
        return self.state(self.job(job_id))

    @extend_schema(operation_id="jobs_publish", request=shapes.PublicLinkSubmission, responses=MADE)
    def post(self, request: Request, job_id: UUID) -> Response:
        """Make a public link of a finished job, which ends an earlier one. Only its owner may.

        Everybody with the link reads the result and downloads it, without an account.
        """
        return self.made(request, self.job(job_id, Right.OWN))

    @extend_schema(operation_id="jobs_unpublish", responses=ENDED)
    def delete(self, request: Request, job_id: UUID) -> Response:
        """Revoke the public link at once."""
        return self.revoked(self.job(job_id, Right.OWN))


class ProjectPublicLink(LinkView):
    @extend_schema(operation_id="projects_public_link", responses=STATE)
    def get(self, request: Request, project_id: UUID) -> Response:
        """Return whether a project has a public link, and what one shows. The service does not know the link itself."""
        return self.state(project_of(self.owner(), project_id))

    @extend_schema(operation_id="projects_publish", request=shapes.PublicLinkSubmission, responses=MADE)
    def post(self, request: Request, project_id: UUID) -> Response:
        """Make a public link of a project, which ends an earlier one. Only its owner may.

        Everybody with the link reads notes, results and campaigns of the owner, now and later, without an account. GET
        says before what that is. What other members put into the project is not shown.
        """
        return self.made(request, project_of(self.owner(), project_id, Right.OWN))

    @extend_schema(operation_id="projects_unpublish", responses=ENDED)
    def delete(self, request: Request, project_id: UUID) -> Response:
        """Revoke the public link at once."""
        return self.revoked(project_of(self.owner(), project_id, Right.OWN))


class CampaignPublicLink(LinkView):
    @extend_schema(operation_id="campaigns_public_link", responses=STATE)
    def get(self, request: Request, campaign_id: UUID) -> Response:
        """Return whether a campaign has a public link, and what one shows. The service does not know the link."""
        return self.state(campaign_of(self.owner(), campaign_id))

    @extend_schema(operation_id="campaigns_publish", request=shapes.PublicLinkSubmission, responses=MADE)
    def post(self, request: Request, campaign_id: UUID) -> Response:
        """Make a public link of a campaign, which ends an earlier one. Only its owner may.

        Everybody with the link reads the parent, every measured value, the models, and rounds that are ordered or
        measured, without an account. Proposed rounds, coding sequences and synthesis orders are not shown.
        """
        return self.made(request, campaign_of(self.owner(), campaign_id, Right.OWN))

    @extend_schema(operation_id="campaigns_unpublish", responses=ENDED)
    def delete(self, request: Request, campaign_id: UUID) -> Response:
        """Revoke the public link at once."""
        return self.revoked(campaign_of(self.owner(), campaign_id, Right.OWN))


def _state(thing: Publishable) -> dict[str, Any]:
    link, told = public_link_of(thing), told_of(thing)
    return {
        "public": link is not None,
        "created_at": link and link.created_at,
        "expires_at": link and link.expires_at,
        "shows": told.shows,
        "leaves_out": told.leaves_out,
    }
