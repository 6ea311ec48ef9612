"""The base of the views that answer with a job."""

from __future__ import annotations

from uuid import UUID

from rest_framework.response import Response

from jobs.api.presenters import present_job
from jobs.web.rest.views import JobView as BaseView


class JobView(BaseView):
    """A view of one job that can answer with it."""

    def show(self, job_id: UUID, status: int = 200) -> Response:
        return Response(present_job(self.job(job_id)), status=status)
