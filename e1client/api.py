"""The client: one method per thing that a server does for jobs."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack
from typing import IO, Any

import httpx

from e1client.analyses import AnalysisClient
from e1client.answers import decoded, job_path
from e1client.contexts import ContextClient
from e1client.errors import Rejected, UsageError
from e1client.items import ContextLike, ItemLike, open_context, open_items
from e1client.job import Job, JobLike
from e1client.params import with_dtype
from e1client.sync import ask
from e1client.transport import CONNECT_SECONDS
from e1client.uploads import STDIN, Source, open_upload
from e1client.waiting import LONGEST_PAUSE

SUBMIT_SECONDS = 1800.0
"""Read limit of a submission: the server parses the whole file before it answers."""
STILL_READ = "idempotency_in_progress"
"""The code of a 409 that says: the same submission arrived before and is still being read."""
Upload = AbstractContextManager[tuple[str, IO[bytes]]]


class Client(ContextClient, AnalysisClient):
    """A connection to one server: `with Client() as client: ...`. Not safe for use by several threads.

    `url` and `token` default to `E1_URL` and `E1_TOKEN` (see `e1client.settings`). `on_lost` is told of every failed
    attempt that will be repeated. Every method raises ClientError: Unreachable where nobody answers, Unauthorised for
    a wrong token, Rejected for what the server refuses, ServerTrouble for what it cannot do now.
    """

    def submit(
        self,
        file: Source,
        *,
        model: str,
        action: str,
        params: Mapping[str, Any] | None = None,
        dtype: str | None = None,
        context: ContextLike | None = None,
        name: str = "",
        on_invalid: str | None = None,
        key: str | None = None,
    ) -> Job:
        """Hand in a library (FASTA, FASTA.gz, JSONL, CSV) and return the queued job.

        `file` is a path, "-" for standard input, or a stream of bytes. `context`, a file of homologs or a list of
        sequences, goes with every query. `dtype="float16"`, the parameter of that name, stores embeddings and logits
        in half the bytes, with three digits. `on_invalid="skip"` queues the good records and lists the others as
        skipped. The request carries an Idempotency-Key, a fresh one unless `key` is given: repeating it makes no second
        job, in this process or, with the same `key`, in another one. Raises Rejected with a problem for every bad
        record.
        """
        if str(file) == STDIN and str(context) == STDIN:
            raise UsageError("FILE and --context cannot both be standard input")
        fields = _fields(model, action, with_dtype(params, dtype), name, on_invalid)
        return self._submit(open_upload(file), fields, context, key)

    def estimate(
        self,
        file: Source,
        *,
        model: str,
        action: str,
        params: Mapping[str, Any] | None = None,
        dtype: str | None = None,
        context: ContextLike | None = None,
        on_invalid: str | None = None,
    ) -> dict[str, Any]:
        """What `submit` with the same arguments would cost, without submitting: `items`, `residues`, `tokens`,
        `output_bytes`, `seconds` at the workers' present rate (None with a `seconds_reason`), `quota` with what is left
        of it, and whether it would be `accepted`. The file is sent and read, and nothing of it is kept.
        """
        if str(file) == STDIN and str(context) == STDIN:
            raise UsageError("FILE and --context cannot both be standard input")
        with ExitStack() as stack:
            files = {"file": stack.enter_context(open_upload(file))}
            if context is not None:
                files["context"] = stack.enter_context(open_context(context))
            fields = _fields(model, action, with_dtype(params, dtype), "", on_invalid)
            return decoded(self._post_form("/api/estimate/", fields, files))

    def usage(self) -> dict[str, Any]:
        """`quota`: limit, use and rest of each of your quotas; `models`: how fast each is computed now."""
        return decoded(self._transport.request("GET", "/api/usage/"))

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
        on_invalid: str | None = None,
        key: str | None = None,
    ) -> Job:
        """Hand in sequences, pairs (name, sequence) or items as REST takes them; see `submit` for the rest.

        Any number of them: they are written to a temporary JSONL file as they come. Line 1 of an error is the first
        item.
        """
        fields = _fields(model, action, with_dtype(params, dtype), name, on_invalid)
        return self._submit(open_items(items), fields, context, key)

    def _submit(
        self,
        upload: Upload,
        fields: dict[str, str],
        context: ContextLike | None,
        key: str | None,
        path: str = "/api/jobs/",
    ) -> Job:
        key = key or str(uuid.uuid4())
        with ExitStack() as stack:
            files = {"file": stack.enter_context(upload)}
            if context is not None:
                files["context"] = stack.enter_context(open_context(context))
            while True:
                try:
                    return self._post_job(path, fields, files, key)
                except Rejected as error:
                    # Our first request lost its connection to a server that is still reading it.
                    if error.code != STILL_READ:
                        raise
                    self._transport.on_lost(error)
                    self._clock.sleep(error.retry_after or LONGEST_PAUSE)

    def _post_job(self, path: str, fields: dict[str, str], files: dict[str, tuple[str, IO[bytes]]], key: str) -> Job:
        return Job(decoded(self._post_form(path, fields, files, {"Idempotency-Key": key})))

    def _post_form(
        self,
        path: str,
        fields: dict[str, str],
        files: dict[str, tuple[str, IO[bytes]]],
        headers: dict[str, str] | None = None,
    ) -> httpx.Response:
        timeout = httpx.Timeout(SUBMIT_SECONDS, connect=CONNECT_SECONDS)
        return self._transport.request("POST", path, data=fields, files=files, headers=headers or {}, timeout=timeout)

    def extend(
        self,
        job: JobLike,
        file: Source,
        *,
        context: ContextLike | None = None,
        on_invalid: str | None = None,
        key: str | None = None,
    ) -> Job:
        """Add the records of a file behind the last item of a job, which computes them as it did the others; a job
        that was over is queued again. Repeated requests are recognised as in `submit`. Raises Rejected, and then the
        job is as it was.
        """
        fields = {"on_invalid": on_invalid} if on_invalid else {}
        return self._submit(open_upload(file), fields, context, key, path=f"{job_path(job)}extend/")

    def encode(
        self, model: str, items: Iterable[ItemLike], params: Mapping[str, Any] | None = None
    ) -> list[dict[str, Any]]:
        """Embeddings at once, for a handful of items: a result for each, as JSONL has it. For more, `submit`.

        Each has `embeddings` [{layer, embedding [H]}], and where asked for `per_token_embeddings`
        [{layer, embeddings [L][H]}] and `logits` [L][20] with `vocab_tokens`; all as lists.
        """
        return self.call(model, "encode", items, params)

    def predict(
        self, model: str, items: Iterable[ItemLike], params: Mapping[str, Any] | None = None
    ) -> list[dict[str, Any]]:
        """Logits for sequences with `?`, at once: `logits` [L][20], `vocab_tokens`, `sequence_tokens` and
        `mask_positions` (0-based); see `encode`.
        """
        return self.call(model, "predict", items, params)

    def log_prob(self, model: str, items: Iterable[ItemLike]) -> list[float]:
        """The log-probability of each sequence (natural logarithm, summed over its residues), at once; see `encode`."""
        return [float(result["log_prob"]) for result in self.call(model, "log_prob", items)]

    def call(
        self, model: str, action: str, items: Iterable[ItemLike], params: Mapping[str, Any] | None = None
    ) -> list[dict[str, Any]]:
        """Any action at once: a result for each item, in their order. Eight items go into a request, and the requests
        go one after the other. Raises Rejected where an item is refused, ServerTrouble where one fails.
        """

        def fetch_rows(job: str) -> Iterator[Mapping[str, Any]]:
            self.wait(job)
            return self.rows(job)

        return ask(self._transport, model, action, items=items, params=params, fetch_rows=fetch_rows)

    def cancel(self, job: JobLike) -> Job:
        """Stop the job; finished results stay. Raises Rejected where it is over in another way."""
        return self._turn(job, "cancel", reached=("cancelling", "cancelled"))

    def pause(self, job: JobLike) -> Job:
        """Let no further items begin. Raises Rejected where the job is neither queued nor running."""
        return self._turn(job, "pause", reached=("paused",))

    def resume(self, job: JobLike) -> Job:
        """Go on with a paused job. Raises Rejected where it is over."""
        return self._turn(job, "resume", reached=("queued", "running", "finalizing"))

    def _turn(self, job: JobLike, verb: str, *, reached: tuple[str, ...]) -> Job:
        try:
            return Job(decoded(self._transport.request("POST", f"{job_path(job)}{verb}/")))
        except Rejected:
            # An answer that was lost may have been the one that the job has been turned.
            now = self.job(job)
            if now.state not in reached:
                raise
            return now

    def retry(self, job: JobLike) -> Job:
        """Queue the failed items again. A request that may have arrived is not repeated. Raises Rejected where the job
        is not over, or has no failed item.
        """
        return Job(decoded(self._transport.request("POST", f"{job_path(job)}retry/", repeatable=False)))

    def keep(self, job: JobLike) -> Job:
        """Put off the day on which the results of a closed job are removed, by a full term from now. Raises Rejected
        `nothing_to_keep` where there is no such day.
        """
        return Job(decoded(self._transport.request("POST", f"{job_path(job)}keep/")))

    def rename(self, job: JobLike, name: str) -> Job:
        """Give the job another name, empty for none. Raises Rejected `bad_name`."""
        return Job(decoded(self._transport.request("PATCH", job_path(job), json={"name": name})))

    def delete(self, job: JobLike) -> None:
        """Remove the job with all its results. A request that may have arrived is not repeated."""
        self._transport.request("DELETE", job_path(job), repeatable=False)


def _fields(model: str, action: str, params: Mapping[str, Any], name: str, on_invalid: str | None) -> dict[str, str]:
    """The form fields of a submission."""
    fields = {"model": model, "action": action, "params": json.dumps(dict(params))}
    return fields | {key: value for key, value in (("name", name), ("on_invalid", on_invalid)) if value}
