"""REST of the sharing of projects: members, the link for colleagues, and the hand-over."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.urls import reverse
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from jobs.errors import NotFound
from jobs.library.sharing import Right
from jobs.models.projects import Role
from jobs.parsing.bodies import only_fields
from jobs.projects import serializers as shapes
from jobs.projects.api import ProjectView
from jobs.projects.checks import checked_role
from jobs.projects.handover import project_any, project_hand_over
from jobs.projects.members import (
    link_make,
    link_revoke,
    member_remove,
    member_set,
    project_join,
    user_named,
)
from jobs.projects.selectors import members_of
from jobs.web.rest.views import COMMON_ERRORS, refusals


class ProjectMembers(ProjectView):
    @extend_schema(operation_id="projects_members", responses={200: shapes.MemberList, **COMMON_ERRORS})
    def get(self, request: Request, project_id: UUID) -> Response:
        """List who may see a project."""
        project = self.project(project_id)
        body = {"owner": project.owner.get_username(), "results": members_of(project)}
        return Response(shapes.MemberList(body).data)

    @extend_schema(
        operation_id="projects_share",
        request=shapes.MemberSubmission,
        responses={200: shapes.MemberList, **refusals(400, 409), **COMMON_ERRORS},
    )
    def post(self, request: Request, project_id: UUID) -> Response:
        """Let a user see a project or edit it; the same call changes the role. Only the owner may."""
        project = self.project(project_id, Right.OWN)
        data: Any = request.data
        only_fields(data, ("user", "role"))
        member_set(project, user_named(data.get("user")), checked_role(data.get("role", Role.VIEW.value)))
        return self.get(request, project_id)


class ProjectMemberDetail(ProjectView):
    @extend_schema(operation_id="projects_unshare", responses={204: None, **COMMON_ERRORS})
    def delete(self, request: Request, project_id: UUID, username: str) -> Response:
        """Take a member's access, as the owner; or leave the project, as yourself."""
        leaves = username == self.owner().get_username()
        project = self.project(project_id, Right.VIEW if leaves else Right.OWN)
        member_remove(project, username)
        return Response(status=204)


class ProjectLink(ProjectView):
    @extend_schema(operation_id="projects_link", request=None, responses={201: shapes.LinkBody, **COMMON_ERRORS})
    def post(self, request: Request, project_id: UUID) -> Response:
        """Make a link that lets colleagues with an account read the project. It ends an earlier one."""
        token = link_make(self.project(project_id, Right.OWN))
        url = request.build_absolute_uri(reverse("project-join-page", args=[token]))
        return Response({"url": url}, status=201)

    @extend_schema(operation_id="projects_unlink", responses={204: None, **COMMON_ERRORS})
    def delete(self, request: Request, project_id: UUID) -> Response:
        """Revoke the link. Those who have opened it stay members until you remove them."""
        link_revoke(self.project(project_id, Right.OWN))
        return Response(status=204)


class ProjectJoin(ProjectView):
    @extend_schema(
        operation_id="projects_join",
        request=shapes.JoinRequest,
        responses={200: shapes.ProjectBody, **refusals(400, 409), **COMMON_ERRORS},
    )
    def post(self, request: Request) -> Response:
        """Become a viewer of the project whose link you were sent."""
        data: Any = request.data
        only_fields(data, ("token",))
        return self.show_project(project_join(user=self.owner(), token=data.get("token")).pk)


class ProjectHandOver(ProjectView):
    @extend_schema(
        operation_id="projects_hand_over",
        request=shapes.HandOver,
        responses={204: None, **refusals(400, 409), **COMMON_ERRORS},
    )
    def post(self, request: Request, project_id: UUID) -> Response:
        """Hand a project to another user, with what its owner submitted to it. Only administrators may."""
        if not self.owner().is_superuser:
            raise NotFound(f"there is no project {project_id}")
        data: Any = request.data
        only_fields(data, ("user",))
        project_hand_over(project_any(project_id), to=user_named(data.get("user")))
        return Response(status=204)
