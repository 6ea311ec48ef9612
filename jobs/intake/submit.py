"""The whole way of a submission: idempotency, ingest, accept, dispatch."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO, Protocol

from django.contrib.auth.models import User

from jobs.errors import Conflict, Problem
from jobs.intake.ingest import Request, job_accept, job_create, job_ingest
from jobs.intake.keys import key_held
from jobs.models import Job
from jobs.models.states import JobState
from jobs.parsing import BadRecord, Record
from jobs.queue import dispatch as queue
from jobs.queue.lifecycle import deleted_on_error
from jobs.queue.units import groups_release
from jobs.quotas.admission import quota_look


class Records(Protocol):
    """What gives records, and afterwards knows what it cleaned."""

    cleaning: dict[str, int]

    def __iter__(self) -> Iterator[Record | BadRecord]: ...
    def warnings(self) -> list[Problem]: ...


class HashedStream:
    """A stream whose digest is known when it has been read: two uploads are the same if their bytes are."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._hash = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        block = self._stream.read(size)
        self._hash.update(block)
        return block

    def drain(self) -> None:
        while self.read(1 << 20):
            pass

    def digest(self) -> bytes:
        return self._hash.digest()


@dataclass(frozen=True, slots=True)
class Submission:
    """A checked request and where its records come from.

    `seed` stands for everything but the records (parameters, context); `stream` gives the records' bytes; `read`
    opens it, parsing lazily; `hint` may know afterwards why most of them are bad.
    """

    request: Request
    seed: bytes
    stream: HashedStream
    read: Callable[[], Records]
    shared_context: Sequence[str] = ()
    hint: Callable[[], Problem | None] | None = None

    def digest(self) -> str:
        """SHA-256 of seed and records; the stream must have been read to its end."""
        return hashlib.sha256(self.seed + self.stream.digest()).hexdigest()


def job_submit(*, owner: User, submission: Submission) -> tuple[Job, bool]:
    """The job of this submission and whether it is new. Queued jobs are committed and dispatched.

    The same Idempotency-Key with the same body gives the job that is there already. Raises Conflict where the body
    differs or the first upload still runs, InvalidInput for bad input, TooManyRequests or TooLarge where the owner's
    quota does not allow it (then no job is left, and the key is free).
    """
    key = submission.request.idempotency_key
    quota_look(user_id=owner.pk, key=key)
    if (known := _known(owner, key)) is not None:
        return _same(known, submission), False
    with key_held(owner_id=owner.pk, key=key):
        # An upload with the same key may have ended between the first look and the lock that keeps others out.
        if (known := _known(owner, key)) is not None:
            return _same(known, submission), False
        job = job_create(owner=owner, request=submission.request)
        with deleted_on_error(job):
            records = submission.read()
            job_ingest(
                job=job,
                records=records,
                shared_context=submission.shared_context,
                job_contexts=submission.request.contexts,
                hint=submission.hint,
            )
            # Reading on to the end finds out whether the upload broke off behind the last record.
            submission.stream.drain()
            job.body_digest = submission.digest()
            groups_release(job_id=job.pk)
            job_accept(job=job, cleaning=records.cleaning, warnings=records.warnings())
    queue.dispatch_quietly(job.model)
    job.refresh_from_db()
    return job, True


def _known(owner: User, key: str | None) -> Job | None:
    """The job that was accepted with this key."""
    if key is None:
        return None
    jobs = Job.objects.filter(owner=owner, idempotency_key=key)
    return jobs.exclude(state=JobState.VALIDATING).first()


def _same(job: Job, submission: Submission) -> Job:
    """The existing job, where its body was the same."""
    submission.stream.drain()
    if job.body_digest != submission.digest():
        raise Conflict(
            f"the Idempotency-Key {job.idempotency_key!r} was used for another body; use a new key for a new job",
            code="idempotency_key_reused",
        )
    return job
