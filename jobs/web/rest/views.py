"""The base of the REST views."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any, cast
from uuid import UUID

from django.contrib.auth.models import User
from django.http.response import HttpResponseBase
from rest_framework.request import Request
from rest_framework.views import APIView

from jobs.library import selectors
from jobs.library.sharing import Right
from jobs.models import Job
from jobs.web import access
from jobs.web.rest import serializers as docs
from jobs.web.rest.bodies import MultipartBodyParser
from jobs.web.uploads import request_place


def refusals(*codes: int) -> dict[int, type[docs.ErrorBody]]:
    """Return the bodies of refusals with these status codes, for the OpenAPI document."""
    return dict.fromkeys(codes, docs.ErrorBody)


COMMON_ERRORS = refusals(401, 403, 404)
ROW_ERRORS = refusals(401, 403, 404, 410)
"""Responses for views that read items and results; 410 once the job has expired."""


class JobView(APIView):
    """A view that finds the jobs that its user may see or change."""

    def dispatch(self, request: Any, *args: Any, **kwargs: Any) -> HttpResponseBase:
        with ExitStack() as self._places:
            return super().dispatch(request, *args, **kwargs)

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Take an upload place for a view of files, once the user is known and before the body is read."""
        super().initial(request, *args, **kwargs)
        if request.method == "POST" and MultipartBodyParser in self.parser_classes:
            self._places.enter_context(request_place(request._request, self.owner().pk))

    def owner(self) -> User:
        return cast(User, self.request.user)

    def needed(self) -> Right:
        """Return the right that the request needs."""
        return access.needed(self.request._request)

    def job(self, job_id: UUID, right: Right | None = None) -> Job:
        """Return a job on which the user has the right, by default the one that the method needs.

        Raises NotFound if the user may not see the job, and Forbidden if the user may see it only.
        """
        return selectors.job_of(self.owner(), job_id, self.needed() if right is None else right)

    def job_with_rows(self, job_id: UUID) -> Job:
        """Return a job as `job` does. Raises Gone `results_expired` if its items and results have expired."""
        job = self.job(job_id)
        selectors.require_rows(job)
        return job
