"""The client: one method per thing that a server does for jobs."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self
from urllib.parse import parse_qsl, urlsplit

import httpx

from client.downloads import OnBytes, complete_file, fetch, format_of
from client.errors import ClientError, GaveUpWaiting, Rejected, ServerTrouble, Unreachable, UsageError
from client.job import Job
from client.settings import find_connection
from client.transport import CONNECT_SECONDS, Patience, Transport
from client.uploads import STDIN, open_upload

SUBMIT_SECONDS = 1800.0
"""Read limit of a submission: the server parses the whole file before it answers."""
STILL_READ = "idempotency_in_progress"
"""The code of a 409 that says: the same submission arrived before and is still being read."""
FIRST_PAUSE, LONGEST_PAUSE, PAUSE_GROWTH = 0.25, 5.0, 1.4
"""Seconds between two looks at a job, and how they grow: a short job is not kept, a long one not pestered."""


def _ignore(*_: object) -> None:
    """The listener of those who do not listen."""


class Client:
    """A connection to one server: `with Client() as client: ...`. Not safe for use by several threads.

    `url` and `token` default to `E1_URL` and `E1_TOKEN` (see `client.settings`). `on_lost` is told of every
    failed attempt that will be repeated. Every method raises ClientError: Unreachable where nobody answers,
    Unauthorised for a wrong token, Rejected for what the server refuses.
    """

    def __init__(
        self,
        url: str | None = None,
        token: str | None = None,
        *,
        on_lost: Callable[[ClientError], None] = _ignore,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self.connection = find_connection(url, token)
        self._transport = Transport(self.connection, on_lost=on_lost, inner=transport)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give the connections back."""
        self._transport.close()

    def submit(
        self,
        file: str | Path,
        *,
        model: str,
        action: str,
        params: Mapping[str, Any] | None = None,
        context: str | Path | None = None,
        name: str = "",
        on_invalid: str | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> Job:
        """Hand in a file (FASTA, FASTA.gz, JSONL, CSV; "-" is standard input) and return the queued job.

        The request carries a fresh Idempotency-Key: repeating it after a lost answer makes no second job.
        `on_invalid="skip"` queues the good records and lists the others as skipped.
        """
        if str(file) == STDIN and context is not None and str(context) == STDIN:
            raise UsageError("FILE and --context cannot both be standard input")
        fields = {"model": model, "action": action, "params": json.dumps(dict(params or {}))}
        fields |= {key: value for key, value in (("name", name), ("on_invalid", on_invalid)) if value}
        with ExitStack() as stack:
            files = {"file": stack.enter_context(open_upload(file))}
            if context is not None:
                files["context"] = stack.enter_context(open_upload(context, what="--context"))
            key = str(uuid.uuid4())
            while True:
                try:
                    return self._post_job(fields, files, key)
                except Rejected as error:
                    # Our first request lost its connection to a server that is still reading it.
                    if error.code != STILL_READ:
                        raise
                    self._transport.on_lost(error)
                    sleep(error.retry_after or LONGEST_PAUSE)

    def _post_job(self, fields: dict[str, str], files: dict[str, tuple[str, IO[bytes]]], key: str) -> Job:
        response = self._transport.request(
            "POST",
            "/api/jobs/",
            data=fields,
            files=files,
            headers={"Idempotency-Key": key},
            timeout=httpx.Timeout(SUBMIT_SECONDS, connect=CONNECT_SECONDS),
        )
        return Job(decoded(response))

    def job(self, job_id: str, *, patience: Patience | None = None) -> Job:
        """The job as it is now."""
        return Job(decoded(self._transport.request("GET", self._path(job_id), patience=patience)))

    def jobs(self, *, limit: int = 20) -> list[Job]:
        """The most recent jobs, newest first, at most `limit`."""
        return [Job(row) for row in self._rows("/api/jobs/", {}, limit)]

    def items(self, job_id: str, *, state: str, limit: int = 20) -> list[Mapping[str, Any]]:
        """The first items of the job in this state, each with line, name, code and reason."""
        return self._rows(f"{self._path(job_id)}items/", {"state": state}, limit)

    def cancel(self, job_id: str) -> Job:
        """Stop the job; finished results stay. Raises Rejected where it is over in another way."""
        try:
            return Job(decoded(self._transport.request("POST", f"{self._path(job_id)}cancel/")))
        except Rejected:
            # An answer that was lost may have been the one that the job is stopped.
            job = self.job(job_id)
            if job.state not in ("cancelling", "cancelled"):
                raise
            return job

    def retry(self, job_id: str) -> Job:
        """Queue the failed items again. A request that may have arrived is not repeated."""
        return Job(decoded(self._transport.request("POST", f"{self._path(job_id)}retry/", repeatable=False)))

    def wait(
        self,
        job_id: str,
        *,
        timeout: float | None = None,
        on_update: Callable[[Job], None] = _ignore,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> Job:
        """Look at the job until it is final, through lost connections and restarts of the server.

        `timeout` is in seconds, None waits without end; `on_update` sees every look. Raises GaveUpWaiting
        after `timeout`; the job goes on. Raises Rejected where the job does not exist.
        """
        deadline = None if timeout is None else clock() + timeout
        pause = FIRST_PAUSE
        while True:
            left = None if deadline is None else max(0.0, deadline - clock())
            try:
                job = self.job(job_id, patience=Patience(attempts=None, seconds=left))
            except (Unreachable, ServerTrouble) as error:
                raise _gave_up(job_id, timeout, f"the server is away: {error.detail}") from error
            on_update(job)
            if job.is_final:
                return job
            left = None if deadline is None else deadline - clock()
            if left is not None and left <= 0:
                raise _gave_up(job_id, timeout, f"the job is {job.state}")
            sleep(pause if left is None else min(pause, left))
            pause = min(pause * PAUSE_GROWTH, LONGEST_PAUSE)

    def download(
        self,
        job_id: str,
        out: str | Path,
        *,
        format: str | None = None,
        on_bytes: OnBytes = _ignore,
        sleep: Callable[[float], None] = time.sleep,
    ) -> Path:
        """Write the results to `out`, which appears only when complete.

        The suffix of `out` names the format unless given. Waits while the server builds the file (HDF5).
        Returns `out`.
        """
        out = Path(out)
        params = {"format": format_of(out, format)}
        pause = FIRST_PAUSE
        with complete_file(out) as file:
            while not fetch(self._transport, f"{self._path(job_id)}results/", params, file, on_bytes):
                sleep(pause)
                pause = min(pause * PAUSE_GROWTH, LONGEST_PAUSE)
        return out

    def _rows(self, path: str, params: dict[str, str], limit: int) -> list[Mapping[str, Any]]:
        """The first `limit` rows of a list that comes in cursor pages."""
        rows: list[Mapping[str, Any]] = []
        while True:
            page = decoded(self._transport.request("GET", path, params=params))
            rows.extend(page.get("results") or ())
            if len(rows) >= limit or not page.get("next"):
                return rows[:limit]
            # Behind a proxy the address in `next` may be one that only the server knows: take its query.
            params = dict(parse_qsl(urlsplit(str(page["next"])).query))

    @staticmethod
    def _path(job_id: str) -> str:
        """The job's path. Takes its id or its URL; raises UsageError for anything else."""
        text = job_id.rstrip("/").rpartition("/")[2]
        try:
            return f"/api/jobs/{uuid.UUID(text)}/"
        except ValueError:
            raise UsageError(f"{job_id!r} is no job id; `e1 status` lists yours", code="bad_job_id") from None


def decoded(response: httpx.Response) -> dict[str, Any]:
    """The JSON object in an answer. Raises Unreachable where something other than the service answered."""
    try:
        body = response.json()
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise Unreachable(f"what answers at {response.request.url} is not the service; is E1_URL right?")
    return body


def _gave_up(job_id: str, timeout: float | None, why: str) -> GaveUpWaiting:
    again = f"The job goes on; `e1 status {job_id} --wait` waits again"
    return GaveUpWaiting(f"gave up waiting after {timeout or 0:g} s: {why}. {again}")
