"""From answers of the service to plain values: JSON objects, lists that come in pages, paths of jobs."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx

from e1client.errors import Unreachable, UsageError
from e1client.job import Job, JobLike
from e1client.transport import Transport


def decoded(response: httpx.Response) -> dict[str, Any]:
    """The JSON object in an answer. Raises Unreachable where something other than the service answered."""
    try:
        body = response.json()
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise not_the_service(response)
    return body


def not_the_service(response: httpx.Response) -> Unreachable:
    return Unreachable(f"what answers at {response.request.url} is not the service; is E1_URL right?")


def rows_of(transport: Transport, path: str, params: Mapping[str, str]) -> Iterator[Mapping[str, Any]]:
    """The rows of a list that comes in cursor pages; a page is asked for when its first row is wanted."""
    query = dict(params)
    while True:
        page = decoded(transport.request("GET", path, params=query))
        yield from page.get("results") or ()
        if not page.get("next"):
            return
        # Behind a proxy the address in `next` may be one that only the server knows: take its query.
        query = dict(parse_qsl(urlsplit(str(page["next"])).query))


def job_path(job: JobLike) -> str:
    """The job's path. Raises UsageError `bad_job_id` for text that is neither an id nor a job's URL."""
    text = job.id if isinstance(job, Job) else job
    try:
        return f"/api/jobs/{uuid.UUID(last_part(text))}/"
    except ValueError:
        raise UsageError(f"{text!r} is no job id; `e1 status` lists yours", code="bad_job_id") from None


def last_part(address: str) -> str:
    """What stands behind the last slash of a path or URL, or before it where nothing does."""
    return address.rstrip("/").rpartition("/")[2]
