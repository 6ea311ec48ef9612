"""REST of projects: their texts and contents. `api_sharing` has members and links."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from jobs.errors import InvalidInput
from jobs.library.sharing import Right, project_of
from jobs.models import Project
from jobs.parsing.bodies import only_fields
from jobs.projects import serializers as shapes
from jobs.projects.checks import checked_ids, checked_names
from jobs.projects.moving import Things, things_move, things_take_out
from jobs.projects.selectors import deleted_project_of, project_shown, projects_of, right_in
from jobs.projects.services import project_change, project_create, project_delete, project_restore
from jobs.web.rest.paging import NewestFirst
from jobs.web.rest.views import COMMON_ERRORS, JobView, refusals

TEXTS = ("name", "description", "notes")
STATES = ("active", "archived", "deleted", "all")


class ProjectView(JobView):
    """A view of one project."""

    def project(self, project_id: UUID, right: Right | None = None) -> Project:
        """Return a project on which the user has the right, by default the one that the method needs."""
        return project_of(self.owner(), project_id, self.needed() if right is None else right)

    def show_project(self, project_id: UUID, status: int = 200) -> Response:
        project = project_shown(self.owner(), project_id)
        setattr(project, "access", right_in(project, self.owner()).name.lower())  # noqa: B010 - no field of the row
        body = shapes.ProjectBody(project).data
        return Response(body, status=status, headers={"Location": body["url"]} if status == 201 else {})


class ProjectList(ProjectView):
    @extend_schema(
        operation_id="projects_list",
        parameters=[
            OpenApiParameter("state", str, enum=STATES, description="active by default; deleted: your own ones."),
            OpenApiParameter("cursor", str),
            OpenApiParameter("page_size", int),
        ],
        responses={200: shapes.ProjectPage, **refusals(400, 401)},
    )
    def get(self, request: Request) -> Response:
        """List the projects that you own or are a member of, newest first."""
        wanted = request.query_params.get("state", "active")
        if wanted not in STATES:
            choice = f"Choose from {', '.join(STATES)}."
            raise InvalidInput.one("bad_state", f"state is {wanted[:40]!r}", choice, path="state")
        archived = {"active": False, "archived": True}.get(wanted)
        found = projects_of(self.owner(), archived=archived, deleted=wanted == "deleted")
        return NewestFirst().answer(found, self, shapes.ProjectSummary)

    @extend_schema(
        operation_id="projects_create",
        request=shapes.ProjectSubmission,
        responses={201: shapes.ProjectBody, **refusals(400, 401, 409)},
    )
    def post(self, request: Request) -> Response:
        """Make a project."""
        data: Any = request.data
        only_fields(data, TEXTS)
        made = project_create(owner=self.owner(), data=data)
        return self.show_project(made.pk, 201)


class ProjectDetail(ProjectView):
    @extend_schema(operation_id="projects_show", responses={200: shapes.ProjectBody, **COMMON_ERRORS})
    def get(self, request: Request, project_id: UUID) -> Response:
        """Show a project. Its jobs are at /api/jobs/?project=ID."""
        return self.show_project(project_id)

    @extend_schema(
        operation_id="projects_change",
        request=shapes.ProjectChange,
        responses={200: shapes.ProjectBody, **refusals(400), **COMMON_ERRORS},
    )
    def patch(self, request: Request, project_id: UUID) -> Response:
        """Rename a project, change its description and notes, or archive it."""
        project = self.project(project_id)
        data: Any = request.data
        only_fields(data, (*TEXTS, "archived"))
        project_change(project, data)
        return self.show_project(project_id)

    @extend_schema(operation_id="projects_delete", responses={204: None, **COMMON_ERRORS})
    def delete(self, request: Request, project_id: UUID) -> Response:
        """Delete a project, and end its sharing. What it holds stays with those who own it.

        For 14 days it can be restored.
        """
        project_delete(self.project(project_id, Right.OWN))
        return Response(status=204)


class ProjectRestore(ProjectView):
    @extend_schema(operation_id="projects_restore", request=None, responses={200: shapes.ProjectBody, **COMMON_ERRORS})
    def post(self, request: Request, project_id: UUID) -> Response:
        """Restore a project that you have deleted, with its members and contents."""
        project_restore(deleted_project_of(self.owner(), project_id))
        return self.show_project(project_id)


class ProjectAdd(ProjectView):
    @extend_schema(
        operation_id="projects_add",
        request=shapes.ProjectThings,
        responses={200: shapes.ProjectBody, **refusals(400, 409), **COMMON_ERRORS},
    )
    def post(self, request: Request, project_id: UUID) -> Response:
        """Move jobs, alignments, context sets and campaigns into a project: all or none."""
        project = self.project(project_id)
        things_move(_things(request), project, by=self.owner())
        return self.show_project(project_id)


class ProjectRemove(ProjectView):
    @extend_schema(
        operation_id="projects_remove",
        request=shapes.ProjectThings,
        responses={200: shapes.ProjectBody, **refusals(400, 409), **COMMON_ERRORS},
    )
    def post(self, request: Request, project_id: UUID) -> Response:
        """Take jobs, alignments, context sets and campaigns out of a project. They stay with their owners."""
        project = self.project(project_id)
        things_take_out(_things(request), project, by=self.owner())
        return self.show_project(project_id)


def _things(request: Request) -> Things:
    """Return what a body names. Raises InvalidInput."""
    data: Any = request.data
    only_fields(data, ("jobs", "alignments", "contexts", "campaigns"))
    return Things(
        checked_ids(data, "jobs"),
        checked_ids(data, "alignments"),
        checked_names(data, "contexts"),
        checked_ids(data, "campaigns"),
    )
