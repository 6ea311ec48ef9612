"""Server-sent ticks that a job has changed. Clients read the change from REST."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import orjson
from django.contrib.auth.models import User
from django.db import close_old_connections
from django.http import StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request

from jobs.library.selectors import jobs_open_to
from jobs.models import Job
from jobs.models.states import JobState
from jobs.queue import progress
from jobs.web.rest.rendering import OrjsonRenderer
from jobs.web.rest.views import COMMON_ERRORS, JobView, refusals

LOOK_EVERY_SECONDS = 1.0
COMMENT_EVERY_SECONDS = 1.0
"""Only a write shows that a page was closed, so comments free the streams of closed pages."""
LONGEST_STREAM_SECONDS = 600.0
"""Browsers connect again after the end of a stream, so a forgotten page doesn't hold a thread forever."""


class EventRenderer(BaseRenderer):
    """A renderer for clients that accept `text/event-stream`. Refusals are JSON."""

    media_type = "text/event-stream"
    format = "events"
    charset = None

    def render(self, data: object, accepted_media_type: object = None, renderer_context: object = None) -> bytes:
        return orjson.dumps(data)


class JobEvents(JobView):
    renderer_classes = [OrjsonRenderer, EventRenderer]

    @extend_schema(
        operation_id="jobs_events",
        responses={
            (200, "text/event-stream"): OpenApiResponse(OpenApiTypes.STR, "Events named tick, and done at the end."),
            **refusals(503),
            **COMMON_ERRORS,
        },
    )
    def get(self, request: Request, job_id: UUID) -> StreamingHttpResponse:
        """Stream a tick whenever the job changes, until it is closed."""
        job = self.job(job_id)
        response = StreamingHttpResponse(ticks(job.pk, self.owner()), content_type="text/event-stream")
        response["Cache-Control"] = "no-cache"
        response["X-Accel-Buffering"] = "no"
        return response


def ticks(job_id: UUID, user: User) -> Iterator[bytes]:
    """Yield a `tick` for each change of state, counts or work units, comments in between, and `done` at the end.

    The stream also ends when the job is deleted or no longer open to the user, or when its owner or the user is
    deactivated.
    """
    seen: bytes | None = None
    started = said = time.monotonic()
    while time.monotonic() - started < LONGEST_STREAM_SECONDS:
        close_old_connections()
        job = jobs_open_to(user).filter(pk=job_id, owner__is_active=True).first()
        if job is None or not User.objects.filter(pk=user.pk, is_active=True).exists():
            yield b"event: done\ndata: {}\n\n"
            return
        state = orjson.dumps(_data_of(job))
        if state != seen:
            seen, said = state, time.monotonic()
            yield b"event: tick\ndata: " + state + b"\n\n"
        if job.state in JobState.final():
            yield b"event: done\ndata: " + state + b"\n\n"
            return
        if time.monotonic() - said >= COMMENT_EVERY_SECONDS:
            said = time.monotonic()
            yield b": still here\n\n"
        time.sleep(LOOK_EVERY_SECONDS)


def _data_of(job: Job) -> dict[str, Any]:
    """Return the data of a tick."""
    # Items made of work units stay pending for long: only their units show progress.
    data: dict[str, Any] = {"state": job.state, "counts": progress.job_counts(job)}
    if job.total_units:
        data["units"] = {"done": progress.units_done(job), "total": job.total_units}
    return data
