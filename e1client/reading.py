"""Reading jobs: states, items, results. Nothing here changes anything on the server."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Self

import httpx

from e1client.downloads import RECORD_FORMATS, OnBytes, complete_file, fetch, format_of
from e1client.errors import ClientError, needed
from e1client.job import Job, JobLike, job_path, last_part
from e1client.settings import find_connection
from e1client.sync import action_path
from e1client.transport import Patience, Transport
from e1client.waiting import Clock, pauses, wait_for

if TYPE_CHECKING:
    from e1client.results import Results

JOBS_PAGE, ITEMS_PAGE = 500, 1000
"""Most rows of one answer."""
UNFINISHED = ("waiting", "building", "running")
"""States of an analysis or a search that is not over."""

Body = dict[str, Any]


def ignore(*_: object) -> None:
    """Do nothing: the default listener."""


class JobReader:
    """The half of `e1client.api.Client` that reads. `job` is a Job, its id, or its URL."""

    def __init__(
        self,
        url: str | None = None,
        token: str | None = None,
        *,
        on_lost: Callable[[ClientError], None] = ignore,
        transport: httpx.BaseTransport | None = None,
        clock: Clock | None = None,
    ) -> None:
        self.connection = find_connection(url, token)
        self._transport = Transport(self.connection, on_lost=on_lost, inner=transport)
        self._clock = clock or Clock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections of this process."""
        self._transport.close()

    def job(self, job: JobLike) -> Job:
        """Return the job as it is now. Raises Rejected `not_found` if it does not exist."""
        return self._look(job, Patience())

    def _look(self, job: JobLike, patience: Patience) -> Job:
        return Job(self._transport.json("GET", job_path(job), patience=patience))

    def jobs(
        self,
        *,
        state: str | None = None,
        model: str | None = None,
        action: str | None = None,
        interactive: bool | None = None,
        project: str = "",
        tag: str = "",
        limit: int = 20,
    ) -> list[Job]:
        """Return the most recent jobs, newest first, at most `limit`, optionally of one state, model or action.

        `interactive=False` omits jobs that answered synchronous requests; True omits all others. With the id
        of a `project`, its jobs are listed, by all members; `tag` narrows to jobs with a tag.
        """
        wanted = {"state": state, "model": model, "action": action, "project": project, "tag": tag}
        if interactive is not None:
            wanted["interactive"] = str(interactive).lower()
        query = {"page_size": str(min(limit, JOBS_PAGE))} | {name: text for name, text in wanted.items() if text}
        return [Job(row) for row in islice(self._transport.rows("/api/jobs/", query), limit)]

    def items(self, job: JobLike, *, state: str | None = None, limit: int | None = None) -> Iterator[Mapping[str, Any]]:
        """Yield the records of the input in their order, at most `limit`, optionally of one state.

        Each has `index` (0-based), `name`, `line`, `residues` and `state`; if it failed or was skipped, also `code`,
        `reason` and `errors`. States: pending, succeeded, failed, skipped, cancelled.
        """
        query = {"page_size": str(min(limit or ITEMS_PAGE, ITEMS_PAGE))} | ({"state": state} if state else {})
        return islice(self._transport.rows(f"{job_path(job)}items/", query), limit)

    def item(self, job: JobLike, index: int) -> Body:
        """Return one record by its 0-based index, as in `items`, with `sequence`, `context_sequences` and `result`.

        `result` is None unless the record succeeded. Raises Rejected `not_found` if there is no such record.
        """
        return self._transport.json("GET", f"{job_path(job)}items/{index}/")

    def manifest(self, job: JobLike) -> Body:
        """Return where the job's numbers come from: checkpoint, code, precision, device, parameters, checksums."""
        return self._transport.json("GET", f"{job_path(job)}manifest/")

    def schema(self, model: str, action: str) -> Body:
        """Return the JSON schema of a synchronous request: `params` with their defaults, and the forms of an item.

        Raises Rejected `unknown_model` or `unknown_action`.
        """
        return self._transport.json("GET", f"/api/v3/schema/{action_path(model, action)}")

    def wait(self, job: JobLike, *, timeout: float | None = None, on_update: Callable[[Job], object] = ignore) -> Job:
        """Wait until the job is final, through lost connections and restarts of the server.

        `timeout` is in seconds; None waits without end. `on_update` gets the job after every look. Raises GaveUpWaiting
        after `timeout`, while the job goes on, and Rejected if the job does not exist.
        """
        job_id = last_part(job_path(job))
        return wait_for(
            lambda patience: self._look(job_id, patience),
            job_id,
            timeout=timeout,
            on_update=on_update,
            clock=self._clock,
        )

    def download(
        self,
        job: JobLike,
        out: str | Path,
        *,
        format: str | None = None,
        table: str | None = None,
        on_bytes: OnBytes = ignore,
    ) -> Path:
        """Write the results to `out`, which appears only when complete, and return it.

        The suffix of `out` names the format (jsonl, csv, xlsx, npz, h5, parquet) unless `format` does. `table` chooses
        one of several tables for csv and xlsx. A running job has the results so far. Waits while the server builds the
        file (HDF5). A transfer that breaks off starts again, at most five times. Raises UsageError if `out` cannot be
        written, Unreachable if the transfer broke off too often, and Rejected `several_tables`, `unknown_table` or
        `sheet_too_large`.
        """
        out = Path(out)
        format = format_of(out, format)
        with complete_file(out) as file:
            self._fetch(job, format, file, on_bytes, table=table)
        return out

    def ledger(self, job: JobLike, out: str | Path, *, on_bytes: OnBytes = ignore) -> Path:
        """Write the job's ledger to `out`, which appears only when complete, and return it; raises as `download` does.

        The ledger is CSV with a line for every item: its state, code, reason, attempts, worker and checksum.
        """
        out = Path(out)
        with complete_file(out) as file:
            fetch(self._transport, f"{job_path(job)}ledger/", file, "csv", on_bytes=on_bytes)
        return out

    def bad_records(
        self, job: JobLike, out: str | Path, *, format: str | None = None, on_bytes: OnBytes = ignore
    ) -> Path:
        """Write the records that were skipped as invalid to `out`, and return it; raises as `download` does.

        The suffix of `out` names the format (fasta, csv) unless `format` does. Both have the reason of each record, and
        can be mended and submitted again. Raises Rejected for FASTA of a job of variants.
        """
        out = Path(out)
        format = format_of(out, format, RECORD_FORMATS)
        with complete_file(out) as file:
            path = f"{job_path(job)}bad-records/"
            fetch(self._transport, path, file, format, on_bytes=on_bytes, params={"format": format})
        return out

    def _fetch(
        self, job: JobLike, format: str, file: IO[bytes], on_bytes: OnBytes = ignore, *, table: str | None = None
    ) -> None:
        path, params = f"{job_path(job)}results/", {"format": format, **({"table": table} if table else {})}
        for pause in pauses():
            artefact = fetch(self._transport, path, file, format, on_bytes=on_bytes, params=params)
            if artefact is None:
                return
            # Ask for the file that is being built: results of a running job would be other ones a moment later.
            path, params = f"{job_path(job)}artefacts/{artefact}/", {}
            self._clock.sleep(pause)

    def rows(self, job: JobLike) -> Iterator[dict[str, Any]]:
        """Yield the rows of the JSONL file, failed items included: `index`, `name`, `state`, `result` or `error`.

        The complete file is fetched to a temporary place before the first row.
        """
        with tempfile.TemporaryFile() as file:
            self._fetch(job, "jsonl", file)
            file.seek(0)
            yield from map(json.loads, file)

    def results(self, job: JobLike, *, keep: str | Path | None = None, on_bytes: OnBytes = ignore) -> Results:
        """Return the succeeded items as numpy arrays in memory; a running job has those so far.

        `keep` names an NPZ file to keep, for `e1client.results.Results.read` later. Raises UsageError without numpy,
        and otherwise as `download` does.
        """
        needed("numpy", "reading results")
        from e1client.results import Results

        with tempfile.TemporaryDirectory(prefix="e1-results-") as folder:
            path = Path(keep) if keep is not None else Path(folder) / "results.npz"
            return Results.read(self.download(job, path, format="npz", on_bytes=on_bytes))

    def frame(self, job: JobLike) -> Any:
        """Return the succeeded items as a pandas DataFrame, a row each; see `e1client.results.Results.frame`."""
        needed("pandas", "a data frame")
        return self.results(job).frame()

    def _until_over(self, look: Callable[[], Body], on_update: Callable[[Body], None], pause: float) -> Body:
        """Poll an analysis or a search until it ends."""
        while True:
            now = look()
            on_update(now)
            if now["state"] not in UNFINISHED:
                return now
            self._clock.sleep(pause)
