"""The client: one method for each thing that a server does for jobs."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from e1client.analyses import AnalysisClient
from e1client.comparing import ComparisonClient
from e1client.contexts import ContextClient
from e1client.errors import Rejected, UsageError
from e1client.items import ContextLike, ItemLike, open_context, open_items
from e1client.job import Job, JobLike, job_path
from e1client.numbering import NumberingLike, numbering_file
from e1client.params import with_dtype
from e1client.projects import ProjectLike
from e1client.publishing import PublishingClient
from e1client.reading import Body
from e1client.requests import NEEDED, is_request, request_of
from e1client.structures import StructureClient
from e1client.sync import ask
from e1client.uploads import STDIN, Source, Upload, all_open, open_upload
from e1client.waiting import LONGEST_PAUSE

SUBMIT_SECONDS = 1800.0
"""Read limit of a submission: the server parses the complete file before it answers."""
JSON = {"Content-Type": "application/json"}
STILL_READ = "idempotency_in_progress"
"""Code of a 409: the same submission arrived before, and the server still reads it."""


class Client(ContextClient, AnalysisClient, ComparisonClient, StructureClient, PublishingClient):
    """A connection to one server: `with Client() as client: ...`.

    Threads may share a client. A process that inherits one, by fork or by pickle, opens connections of its own.
    `url` and `token` default to `E1_URL` and `E1_TOKEN` (see `e1client.settings`). `on_lost` is called for every failed
    attempt that will be repeated. Every method raises ClientError: Unreachable if no server answers, Unauthorised for
    a wrong token, Rejected for a refused request, ServerTrouble if the server cannot serve it now.
    """

    def submit(
        self,
        file: Source,
        *,
        model: str | None = None,
        action: str | None = None,
        params: Mapping[str, Any] | None = None,
        dtype: str | None = None,
        context: ContextLike | None = None,
        numbering: NumberingLike | None = None,
        name: str = "",
        project: ProjectLike = "",
        on_invalid: str | None = None,
        layout: str = "",
        sheet: str = "",
        key: str | None = None,
    ) -> Job:
        """Send a library (FASTA, JSONL, a table, ...; packed with gzip or not) and return the queued job.

        `file` is a path, "-" for standard input, or a stream of bytes. `context`, a file of homologs or a list of
        sequences, goes with every query. `numbering` is a file with the number of each residue, for score and scan.
        `dtype="float16"` stores embeddings and logits in half the bytes, with three digits. `on_invalid="skip"` queues
        the good records and lists the others as skipped. The request carries an Idempotency-Key, a new one unless `key`
        is given: repeating it creates no second job. `project` is a project that you may edit: its id or name.

        `layout` says what bare lines are: "join" for one sequence, "lines" for a sequence on each. `sheet` names one of
        a workbook. Raises Rejected with a problem for every bad record.

        A path that ends in `.json` is the body of a request, which may name model, action and the rest. Arguments come
        before its fields.
        """
        if is_request(file):
            named = {"name": name} if name else {}
            fields = _request(model, action, params, dtype, context, on_invalid) | named | self._placed(project)
            body = request_of(file, fields, _apart(context, numbering, layout, sheet))
            return self._queue("/api/jobs/", {"content": body}, JSON, key)
        fields = _fields(*_both(model, action), with_dtype(params, dtype), name, on_invalid, numbering)
        fields |= _reading(layout, sheet) | self._placed(project)
        return self._submit("/api/jobs/", fields, _files(file, context, numbering), key)

    def estimate(
        self,
        file: Source,
        *,
        model: str | None = None,
        action: str | None = None,
        params: Mapping[str, Any] | None = None,
        dtype: str | None = None,
        context: ContextLike | None = None,
        numbering: NumberingLike | None = None,
        on_invalid: str | None = None,
        layout: str = "",
        sheet: str = "",
    ) -> Body:
        """Return what `submit` with the same arguments would cost, without submitting.

        `items`, `residues`, `tokens`, `output_bytes`; `seconds` at the workers' present rate (None with a
        `seconds_reason`), and the same for each of the `pools` that compute in one type; `earlier_jobs` with the passes
        that need not be computed; `quota` with the rest of each; and whether the job would be `accepted`. The file is
        sent and read; nothing is kept.
        """
        if is_request(file):
            fields = _request(model, action, params, dtype, context, on_invalid)
            body = request_of(file, fields, _apart(context, numbering, layout, sheet))
            return self._transport.json("POST", "/api/estimate/", content=body, headers=JSON, seconds=SUBMIT_SECONDS)
        both = _both(model, action)
        fields = _fields(*both, with_dtype(params, dtype), "", on_invalid, numbering) | _reading(layout, sheet)
        with all_open(_files(file, context, numbering)) as files:
            return self._transport.json("POST", "/api/estimate/", data=fields, files=files, seconds=SUBMIT_SECONDS)

    def usage(self, *, cost_centre: str | None = None) -> Body:
        """Return `quota`, the limit, use and rest of each of your quotas, and `models`, how fast each is now.

        An administrator may name a `cost_centre` with workers of its own, "" for the workers of none.
        """
        params = {} if cost_centre is None else {"cost_centre": cost_centre}
        return self._transport.json("GET", "/api/usage/", params=params)

    def usage_accounts(self, since: str = "", until: str = "") -> Body:
        """Return what you used by model and month (`2026-01`), the last twelve by default; administrators get all rows.

        `results` has `gpu_hours`, `cpu_hours`, `passes`, `residues`, `stored_byte_days` and `cost` of each month and
        model, `total` their sum, and `budget` what you may spend this month. Deleted jobs are included.
        """
        return self._transport.json("GET", "/api/usage/accounts/", params=_months(since, until))

    def usage_csv(self, since: str = "", until: str = "") -> bytes:
        """Return the same rows as CSV."""
        params = {**_months(since, until), "format": "csv"}
        return self._transport.request("GET", "/api/usage/accounts/", params=params).content

    def submit_items(
        self,
        items: Iterable[ItemLike],
        *,
        model: str,
        action: str,
        params: Mapping[str, Any] | None = None,
        dtype: str | None = None,
        context: ContextLike | None = None,
        name: str = "",
        project: ProjectLike = "",
        on_invalid: str | None = None,
        key: str | None = None,
    ) -> Job:
        """Send sequences, pairs (name, sequence) or items as REST takes them; see `submit` for the rest.

        Any number of them: they go to a temporary JSONL file first. Line 1 of an error is the first item.
        """
        fields = _fields(model, action, with_dtype(params, dtype), name, on_invalid) | self._placed(project)
        return self._submit("/api/jobs/", fields, {"file": open_items(items)} | _context(context), key)

    def _placed(self, project: ProjectLike) -> dict[str, str]:
        """Return the field that puts a job into a project, none for ""."""
        return {"project": self.project_id(project)} if project else {}

    def _submit(self, path: str, fields: dict[str, str], uploads: Mapping[str, Upload], key: str | None) -> Job:
        with all_open(uploads) as files:
            return self._queue(path, {"data": fields, "files": files}, {}, key)

    def _queue(self, path: str, body: Mapping[str, Any], headers: Mapping[str, str], key: str | None) -> Job:
        options = {**body, "headers": {**headers, "Idempotency-Key": key or str(uuid.uuid4())}}
        while True:
            try:
                return Job(self._transport.json("POST", path, seconds=SUBMIT_SECONDS, **options))
            except Rejected as error:
                # The first request lost its connection to a server that is still reading it.
                if error.code != STILL_READ:
                    raise
                self._transport.on_lost(error)
                self._clock.sleep(error.retry_after or LONGEST_PAUSE)

    def extend(
        self,
        job: JobLike,
        file: Source,
        *,
        context: ContextLike | None = None,
        on_invalid: str | None = None,
        layout: str = "",
        sheet: str = "",
        key: str | None = None,
    ) -> Job:
        """Add the records of a file after the last item of a job, which computes them like the others.

        A job that was over is queued again. Repeated requests are recognised as in `submit`, whose `layout` and `sheet`
        these are. Raises Rejected and leaves
        the job as it was.
        """
        fields = ({"on_invalid": on_invalid} if on_invalid else {}) | _reading(layout, sheet)
        return self._submit(f"{job_path(job)}extend/", fields, _files(file, context), key)

    def encode(self, model: str, items: Iterable[ItemLike], params: Mapping[str, Any] | None = None) -> list[Body]:
        """Compute embeddings of a few items now; return a result for each, as JSONL has it. For more, use `submit`.

        Each has `embeddings` [{layer, embedding [H]}] and, if requested, `per_token_embeddings`
        [{layer, embeddings [L][H]}] and `logits` [L][20] with `vocab_tokens`; all as lists.
        """
        return self.call(model, "encode", items, params)

    def predict(self, model: str, items: Iterable[ItemLike], params: Mapping[str, Any] | None = None) -> list[Body]:
        """Compute logits for sequences with `?` now; see `encode`.

        Each result has `logits` [L][20], `vocab_tokens`, `sequence_tokens` and `mask_positions` (0-based).
        """
        return self.call(model, "predict", items, params)

    def log_prob(self, model: str, items: Iterable[ItemLike]) -> list[float]:
        """Compute the log-probability of each sequence now: natural logarithm, summed over residues; see `encode`."""
        return [float(result["log_prob"]) for result in self.call(model, "log_prob", items)]

    def call(
        self, model: str, action: str, items: Iterable[ItemLike], params: Mapping[str, Any] | None = None
    ) -> list[Body]:
        """Compute any action now and return a result for each item, in their order.

        Eight items go into a request, one request after the other. Raises Rejected if an item is refused, ServerTrouble
        if one fails.
        """

        def fetch_rows(job: str) -> Iterator[Mapping[str, Any]]:
            self.wait(job)
            return self.rows(job)

        return ask(self._transport, model, action, items=items, params=params, fetch_rows=fetch_rows)

    def cancel(self, job: JobLike) -> Job:
        """Stop the job; finished results stay. Raises Rejected if it ended in another way."""
        return self._turn(job, "cancel", reached=("cancelling", "cancelled"))

    def pause(self, job: JobLike) -> Job:
        """Let no further items begin. Raises Rejected unless the job is queued or running."""
        return self._turn(job, "pause", reached=("paused",))

    def resume(self, job: JobLike) -> Job:
        """Continue a paused job. Raises Rejected if it is closed."""
        return self._turn(job, "resume", reached=("queued", "running", "finalizing"))

    def release(self, job: JobLike) -> Job:
        """Let workers of any precision compute the rest of a job. Raises Rejected if its precision is not fixed."""
        return Job(self._transport.json("POST", f"{job_path(job)}release/"))

    def _turn(self, job: JobLike, verb: str, *, reached: tuple[str, ...]) -> Job:
        try:
            return Job(self._transport.json("POST", f"{job_path(job)}{verb}/"))
        except Rejected:
            # The request may be a repeated one whose first answer was lost.
            now = self.job(job)
            if now.state not in reached:
                raise
            return now

    def retry(self, job: JobLike) -> Job:
        """Queue the failed items again. Raises Rejected if the job is not over, or has no failed item.

        A request that may have arrived is not repeated.
        """
        return Job(self._transport.json("POST", f"{job_path(job)}retry/", repeatable=False))

    def keep(self, job: JobLike) -> Job:
        """Postpone the removal of a closed job's results by a full term from now.

        Raises Rejected `nothing_to_keep` if no removal is due.
        """
        return Job(self._transport.json("POST", f"{job_path(job)}keep/"))

    def rename(self, job: JobLike, name: str) -> Job:
        """Change the job's name; an empty one removes it. Raises Rejected `bad_name`."""
        return Job(self._transport.json("PATCH", job_path(job), json={"name": name}))

    def delete(self, job: JobLike) -> None:
        """Delete the job with all its results. A request that may have arrived is not repeated."""
        self._transport.request("DELETE", job_path(job), repeatable=False)


def _months(since: str, until: str) -> dict[str, str]:
    return {name: month for name, month in (("since", since), ("until", until)) if month}


def _both(model: str | None, action: str | None) -> tuple[str, str]:
    """Return model and action. Raises UsageError if one is missing."""
    if model is None or action is None:
        raise UsageError(NEEDED)
    return model, action


def _request(  # noqa: PLR0917 - private, in the order of `submit`
    model: str | None,
    action: str | None,
    params: Mapping[str, Any] | None,
    dtype: str | None,
    context: ContextLike | None,
    on_invalid: str | None,
) -> dict[str, Any]:
    """Return the fields of a request in JSON that are given; None for the others."""
    return {
        "model": model,
        "action": action,
        "params": None if params is None and dtype is None else with_dtype(params, dtype),
        "on_invalid": on_invalid,
        "context_sequences": None if context is None or isinstance(context, str | Path) else list(context),
    }


def _apart(context: ContextLike | None, numbering: NumberingLike | None, layout: str, sheet: str) -> dict[str, object]:
    """Return the arguments of `submit` that have no place in a request in JSON."""
    file = context if isinstance(context, str | Path) else None
    return {"context": file, "numbering": numbering, "layout": layout, "sheet": sheet}


def _reading(layout: str, sheet: str) -> dict[str, str]:
    """Return the form fields about how a file is to be read."""
    return {name: value for name, value in (("layout", layout), ("sheet", sheet)) if value}


def _fields(  # noqa: PLR0917 - private, in the order of `submit`
    model: str,
    action: str,
    params: Mapping[str, Any],
    name: str,
    on_invalid: str | None,
    numbering: NumberingLike | None = None,
) -> dict[str, str]:
    """Return the form fields of a submission."""
    fields = {"model": model, "action": action, "params": json.dumps(dict(params))}
    if (numbers := numbering_file(numbering)) is not None:
        fields |= numbers.fields()
    return fields | {key: value for key, value in (("name", name), ("on_invalid", on_invalid)) if value}


def _files(file: Source, context: ContextLike | None, numbering: NumberingLike | None = None) -> dict[str, Upload]:
    """Return the files of a submission. Raises UsageError if both are standard input."""
    if str(file) == STDIN and str(context) == STDIN:
        raise UsageError("FILE and --context cannot both be standard input")
    numbers = numbering_file(numbering)
    return {"file": open_upload(file)} | _context(context) | (numbers.upload() if numbers else {})


def _context(context: ContextLike | None) -> dict[str, Upload]:
    return {} if context is None else {"context": open_context(context)}
