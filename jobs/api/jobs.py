"""Asynchronous jobs: submit, list, show, rename, delete, and change their state."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from jobs.api import serializers as shapes
from jobs.api.estimate import RAW_FIELDS, SUBMISSION_BODIES
from jobs.api.presenters import present_job
from jobs.api.views import JobView
from jobs.errors import InvalidInput, Problem, Problems
from jobs.intake.requests import read_submission
from jobs.intake.submit import job_submit
from jobs.library import selectors
from jobs.library.moving import thing_move
from jobs.library.sharing import Right, project_chosen, project_of
from jobs.limits import SHOWN_NAME
from jobs.models import Job
from jobs.models.states import JobState
from jobs.parsing.letters import storable
from jobs.projects.selectors import jobs_in
from jobs.projects.services import job_label
from jobs.queue import dispatch as queue
from jobs.queue import lifecycle, progress
from jobs.quotas.admission import quota_look
from jobs.quotas.api import RateLimited
from jobs.results.retention import job_keep
from jobs.web.rest.bodies import STREAMED, JsonBodyParser, MultipartBodyParser
from jobs.web.rest.paging import NewestFirst
from jobs.web.rest.views import COMMON_ERRORS, refusals

RETRY_AFTER_SECONDS = 2
CHANGEABLE = ("name", "project", "tags", "archived")
Post = TypeVar("Post", bound=Callable[..., Response])


class JobList(RateLimited, JobView):
    parser_classes = [JsonBodyParser, MultipartBodyParser, *STREAMED]

    @extend_schema(
        operation_id="jobs_list",
        parameters=[
            OpenApiParameter("state", str, description="Only jobs in this state.", enum=JobState.values),
            OpenApiParameter("model", str, description="Only jobs of this model."),
            OpenApiParameter("action", str, description="Only jobs of this action."),
            OpenApiParameter(
                "interactive", bool, description="Only synchronous requests (true), or only others (false)."
            ),
            OpenApiParameter("project", str, description="Only jobs of this project, whoever submitted them."),
            OpenApiParameter("tag", str, description="Only jobs with this tag."),
            OpenApiParameter("archived", bool, description="Only archived jobs (true), or only others (false)."),
            OpenApiParameter("cursor", str),
            OpenApiParameter("page_size", int),
        ],
        responses={200: shapes.JobPage, **refusals(400, 401, 404)},
    )
    def get(self, request: Request) -> Response:
        """List your jobs, or those of a project, newest first."""
        jobs = self._jobs(request)
        flags = ["true", "false"]
        known = {"state": JobState.values, "interactive": flags, "archived": flags}
        for name, values in known.items():
            wanted = request.query_params.get(name)
            if wanted and wanted.lower() not in values:
                what, remedy = f"{name} is {wanted[:40]!r}", f"Choose from {', '.join(values)}."
                raise InvalidInput.one(f"bad_{name}", what, remedy, path=name)
        for name in ("state", "model", "action"):
            if wanted := request.query_params.get(name):
                jobs = jobs.filter(**{name: storable(wanted)})
        if (wanted := request.query_params.get("interactive", "").lower()) in ("true", "false"):
            jobs = jobs.filter(interactive=wanted == "true")
        pages = NewestFirst()
        page = pages.paginate_queryset(jobs, request, view=self) or []
        sums = progress.chunk_sums([job.pk for job in page])
        return pages.get_paginated_response([present_job(job, sums.get(job.pk, []), whole=False) for job in page])

    def _jobs(self, request: Request) -> QuerySet[Job]:
        """Return the jobs of the project in the query, else the user's own, narrowed by tag and archive."""
        query = request.query_params
        jobs = selectors.jobs_of(self.owner()).select_related("owner")
        if asked := query.get("project"):
            try:
                jobs = jobs_in(project_of(self.owner(), UUID(asked)))
            except ValueError:
                raise InvalidInput.one("bad_project", f"project is {asked[:60]!r}", path="project") from None
        if tag := query.get("tag"):
            jobs = jobs.filter(tags__contains=[storable(tag)])
        if (archived := query.get("archived", "").lower()) in ("true", "false"):
            jobs = jobs.filter(archived_at__isnull=archived == "false")
        return jobs

    @extend_schema(
        operation_id="jobs_submit",
        request=SUBMISSION_BODIES,
        parameters=[
            OpenApiParameter(
                "Idempotency-Key", str, OpenApiParameter.HEADER, description="Same key and body, same job."
            ),
            *RAW_FIELDS,
        ],
        responses={202: shapes.JobBody, **refusals(400, 401, 402, 403, 409, 413, 415, 429)},
    )
    def post(self, request: Request) -> Response:
        """Submit a library of any size. The answer 202 comes once every record has been read and queued."""
        # Look before the body is read, so that a user with a full quota need not send it.
        quota_look(user_id=self.owner().pk, key=request.headers.get("Idempotency-Key"))
        job, _ = job_submit(owner=self.owner(), submission=read_submission(request))
        body = present_job(job)
        headers = {"Location": body["url"], "Retry-After": str(RETRY_AFTER_SECONDS)}
        return Response(body, status=202, headers=headers)


class JobDetail(JobView):
    @extend_schema(operation_id="jobs_show", responses={200: shapes.JobBody, **COMMON_ERRORS})
    def get(self, request: Request, job_id: UUID) -> Response:
        """Show a job: state, counts, rate, remaining time, queue position and its reason."""
        return self.show(job_id)

    @extend_schema(
        operation_id="jobs_rename",
        request=shapes.JobChange,
        responses={200: shapes.JobBody, **refusals(400, 409), **COMMON_ERRORS},
    )
    def patch(self, request: Request, job_id: UUID) -> Response:
        """Change the job's name, project, tags, or whether it is archived."""
        data: Any = request.data
        problems = Problems()
        choice = f"Choose from {', '.join(CHANGEABLE)}."
        unknown = [name[:SHOWN_NAME] for name in data if name not in CHANGEABLE]
        problems.each(unknown, lambda n: Problem("unknown_field", f"{n!r} cannot be changed", choice, path=n))
        if problems:
            raise problems.refusal()
        if not data:
            raise InvalidInput.one("missing_field", "there is nothing to change", choice, path="name")
        job = self.job(job_id)
        with transaction.atomic():
            if "name" in data:
                lifecycle.job_rename(job_id=job.pk, name=data["name"])
            job_label(job, tags=data.get("tags"), archived=data.get("archived"))
            if "project" in data:
                thing_move(job, project_chosen(self.owner(), data["project"]), by=self.owner())
        # The user may have moved the job out of sight.
        job.refresh_from_db()
        return Response(present_job(job))

    @extend_schema(operation_id="jobs_delete", responses={204: None, **refusals(409), **COMMON_ERRORS})
    def delete(self, request: Request, job_id: UUID) -> Response:
        """Delete a job with all its results. The header E1-Freed-Bytes is the freed storage."""
        freed = lifecycle.job_delete(job_id=self.job(job_id, Right.OWN).pk)
        return Response(status=204, headers={"E1-Freed-Bytes": str(freed)})


def _changes(operation_id: str, *more: int, status: int = 200) -> Callable[[Post], Post]:
    """Document a call without a body that changes a job and answers with it."""
    errors = refusals(409, *more)
    return extend_schema(
        operation_id=operation_id, request=None, responses={status: shapes.JobBody, **errors, **COMMON_ERRORS}
    )


class JobCancel(JobView):
    @_changes("jobs_cancel")
    def post(self, request: Request, job_id: UUID) -> Response:
        """Stop within one bundle. Finished rows are kept."""
        lifecycle.job_cancel(job_id=self.job(job_id).pk)
        return self.show(job_id)


class JobPause(JobView):
    @_changes("jobs_pause")
    def post(self, request: Request, job_id: UUID) -> Response:
        """Start no further chunk until the job is resumed."""
        lifecycle.job_pause(job_id=self.job(job_id).pk)
        return self.show(job_id)


class JobResume(JobView):
    @_changes("jobs_resume")
    def post(self, request: Request, job_id: UUID) -> Response:
        """Resume a paused job."""
        job = self.job(job_id)
        lifecycle.job_resume(job_id=job.pk)
        queue.dispatch_quietly(job.model)
        return self.show(job_id)


class JobRelease(JobView):
    @_changes("jobs_release")
    def post(self, request: Request, job_id: UUID) -> Response:
        """Let workers of any precision compute the rest of an unfinished job. The manifest then names each one used."""
        job = self.job(job_id, Right.OWN)
        lifecycle.job_release(job_id=job.pk)
        queue.dispatch_quietly(job.model)
        return self.show(job_id)


class JobKeep(JobView):
    @_changes("jobs_keep")
    def post(self, request: Request, job_id: UUID) -> Response:
        """Keep the results of a closed job for a full term from now, as often as you like."""
        job_keep(job_id=self.job(job_id, Right.OWN).pk)
        return self.show(job_id)


class JobRetry(JobView):
    @_changes("jobs_retry", 402, 413, 429, status=202)
    def post(self, request: Request, job_id: UUID) -> Response:
        """Queue the failed items again. All other results stay."""
        job = self.job(job_id, Right.OWN)
        lifecycle.job_retry(job_id=job.pk)
        queue.dispatch_quietly(job.model)
        return self.show(job_id, status=202)
