"""Server-sent ticks: each says that a job changed. What changed is always read again from Postgres."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import orjson
from django.conf import settings
from django.db import close_old_connections
from django.http import StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request

from jobs.errors import Unavailable
from jobs.models import Job
from jobs.models.states import JobState
from jobs.queue import progress
from jobs.web.rest import serializers as docs
from jobs.web.rest.rendering import OrjsonRenderer
from jobs.web.rest.views import COMMON_ERRORS, JobView

LOOK_EVERY_SECONDS = 1.0
COMMENT_EVERY_SECONDS = 1.0
"""Writing is how a closed page is noticed: whoever looks through many pages must not run out of places."""
LONGEST_STREAM_SECONDS = 600.0
"""A stream ends by itself; browsers connect again, and a forgotten page does not hold a thread for ever."""

_streams = threading.BoundedSemaphore(settings.E1_EVENT_STREAMS)


class EventRenderer(BaseRenderer):
    """Lets clients ask for `text/event-stream`; refusals are JSON all the same."""

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
            503: docs.ErrorBody,
            **COMMON_ERRORS,
        },
    )
    def get(self, request: Request, job_id: UUID) -> StreamingHttpResponse:
        """A tick whenever the job has changed, until it is closed."""
        job = self.job(job_id)
        if not _streams.acquire(blocking=False):
            raise Unavailable(
                "too many event streams are open; poll the job instead", code="too_many_streams", retry_after=5
            )
        response = StreamingHttpResponse(_Ticks(job), content_type="text/event-stream")
        response["Cache-Control"] = "no-cache"
        response["X-Accel-Buffering"] = "no"
        return response


class _Ticks:
    """The stream; gives its place back when the response is closed, whoever ends it."""

    def __init__(self, job: Job) -> None:
        self._ticks = ticks(job.pk)
        self._open = True

    def __iter__(self) -> Iterator[bytes]:
        return self._ticks

    def close(self) -> None:
        if self._open:
            self._open = False
            _streams.release()


def ticks(job_id: UUID) -> Iterator[bytes]:
    """One `tick` per change of the job's state, counts or work units, comments in between, `done` at the end."""
    seen: bytes | None = None
    started = said = time.monotonic()
    while time.monotonic() - started < LONGEST_STREAM_SECONDS:
        close_old_connections()
        job = Job.objects.filter(pk=job_id).first()
        if job is None:
            yield b"event: done\ndata: {}\n\n"
            return
        state = orjson.dumps(_told(job))
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


def _told(job: Job) -> dict[str, Any]:
    """What a tick says. Items made of work units stay pending for long: the units say that the job moves."""
    told: dict[str, Any] = {"state": job.state, "counts": progress.job_counts(job)}
    if job.total_units:
        told["units"] = {"done": progress.units_done(job), "total": job.total_units}
    return told
