"""What a client does with analyses of an encode job: neighbours, clusters, maps, and columns to colour them by."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import httpx

from e1client.answers import decoded, job_path
from e1client.downloads import OnBytes, complete_file, fetch_analysis
from e1client.errors import UsageError
from e1client.job import JobLike
from e1client.reading import JobReader, ignore
from e1client.transport import CONNECT_SECONDS
from e1client.uploads import Source, open_upload

ANALYSIS_PAUSE = 1.0
ANSWER_SECONDS = 600.0
"""Read limit of what is computed while the request waits."""
UNFINISHED = ("waiting", "building")
FORMATS = ("json", "npz")

Body = dict[str, Any]


class AnalysisClient(JobReader):
    """The part of `e1client.api.Client` that is about analyses. Every method gives JSON as the server shows it."""

    def analyse(self, job: JobLike, kind: str, **params: Any) -> Body:
        """Ask for an analysis, `neighbours`, `clusters` or `map`; the same request gives the one that is there."""
        body = {"kind": kind, "params": params}
        return decoded(self._transport.request("POST", f"{job_path(job)}analyses/", json=body))

    def analyses(self, job: JobLike) -> list[Body]:
        """The job's analyses, newest first."""
        return list(decoded(self._transport.request("GET", f"{job_path(job)}analyses/"))["results"])

    def analysis(self, job: JobLike, number: int) -> Body:
        """One of them: how far it is, and its files once it is ready."""
        return decoded(self._transport.request("GET", f"{job_path(job)}analyses/{number}/"))

    def cancel_analysis(self, job: JobLike, number: int) -> Body:
        """Stop one that is not over."""
        return decoded(self._transport.request("POST", f"{job_path(job)}analyses/{number}/cancel/"))

    def wait_analysis(self, job: JobLike, number: int, *, on_update: Callable[[Body], None] = ignore) -> Body:
        """Look at an analysis until it is `ready`, `failed` or `cancelled`."""
        while True:
            now = self.analysis(job, number)
            on_update(now)
            if now["state"] not in UNFINISHED:
                return now
            self._clock.sleep(ANALYSIS_PAUSE)

    def download_analysis(
        self, job: JobLike, number: int, out: str | Path, *, format: str | None = None, on_bytes: OnBytes = ignore
    ) -> Path:
        """Write a ready analysis to `out`, which appears only when complete; its suffix names the format, json or npz.

        Raises UsageError `bad_format` for another suffix.
        """
        out = Path(out)
        chosen = format or out.suffix.removeprefix(".")
        if chosen not in FORMATS:
            raise UsageError(f"{str(out)!r}: an analysis is a .json or an .npz file", code="bad_format")
        with complete_file(out) as file:
            fetch_analysis(self._transport, job_path(job), number, chosen, file, on_bytes=on_bytes)
        return out

    def neighbours(self, job: JobLike, query: Mapping[str, Any], *, k: int = 10) -> Body:
        """The k items nearest to `query`, by cosine: {"sequence"}, {"vector"} or {"index"}, answered at once."""
        body = {**query, "k": k}
        limit = httpx.Timeout(ANSWER_SECONDS, connect=CONNECT_SECONDS)
        return decoded(self._transport.request("POST", f"{job_path(job)}neighbours/", json=body, timeout=limit))

    def upload_columns(self, job: JobLike, file: Source) -> Body:
        """Hang columns of values on the job's items: CSV with `name` or `index`. Tells how rows and items match."""
        with open_upload(file) as (name, stream):
            files = {"file": (name, stream)}
            path = f"{job_path(job)}columns/"
            return decoded(self._transport.request("POST", path, files=files, repeatable=False))
