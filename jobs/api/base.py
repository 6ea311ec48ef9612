"""What the views of jobs share."""

from __future__ import annotations

from typing import cast
from uuid import UUID

from django.contrib.auth.models import User
from rest_framework.response import Response
from rest_framework.views import APIView

from jobs import selectors
from jobs.api import serializers as docs
from jobs.api.presenters import present_job
from jobs.models import Job

COMMON_ERRORS = {401: docs.ErrorBody, 404: docs.ErrorBody}


class JobView(APIView):
    """Base of the views below: the user, and the user's own job."""

    def owner(self) -> User:
        return cast(User, self.request.user)

    def job(self, job_id: UUID) -> Job:
        return selectors.job_of(self.owner(), job_id)

    def show(self, job_id: UUID, status: int = 200) -> Response:
        return Response(present_job(self.job(job_id)), status=status)
