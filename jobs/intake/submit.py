"""A submission from end to end: idempotency, ingest, acceptance, dispatch."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from itertools import chain
from typing import Any, BinaryIO, NamedTuple, Protocol

from django.contrib.auth.models import User

from jobs.errors import Conflict, Problem
from jobs.intake.ingest import Request, Upload, batch_of, items_release, job_accept, job_create, job_ingest, job_put
from jobs.intake.keys import key_held
from jobs.intake.titles import job_name_itself, title_of
from jobs.models import Job
from jobs.models.states import JobState
from jobs.parsing import BadRecord, Record
from jobs.parsing.records import VariantCheck
from jobs.queue import dispatch as queue
from jobs.queue.lifecycle import deleted_on_error
from jobs.web.turns import READING, Turn


class Records(Protocol):
    """An iterable of records that knows, once it is exhausted, what it cleaned."""

    @property
    def cleaning(self) -> dict[str, int]: ...
    def __iter__(self) -> Iterator[Record | BadRecord]: ...
    def warnings(self) -> list[Problem]: ...


class HashedStream:
    """A stream with the digest of what was read. Two uploads are the same if their bytes are."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._hash = hashlib.sha256()
        self._turn: Turn | None = None

    def read(self, size: int = -1) -> bytes:
        # Others read their uploads while this one waits for its client.
        with self._turn.paused() if self._turn else nullcontext():
            block = self._stream.read(size)
        self._hash.update(block)
        return block

    @contextmanager
    def in_turn(self, user_id: int) -> Iterator[None]:
        """Parse what is read in the block in one of the turns of `jobs.web.turns.READING`."""
        with READING.turn(user_id) as turn:
            self._turn = turn
            try:
                yield
            finally:
                self._turn = None

    def drain(self) -> None:
        """Read to the end, which also finds out whether the upload broke off after the last record."""
        while self.read(1 << 20):
            pass

    def digest(self) -> bytes:
        return self._hash.digest()


@dataclass(frozen=True, slots=True)
class Submission:
    """A checked request and the source of its records.

    `seed` represents everything but the records (parameters, context). `stream` yields the records' bytes, and `read`
    opens it for lazy parsing. `variants` has checked the records if they are variants. `notes` are
    warnings about the request itself. Few records that are `at_hand` need not be awaited from the client.
    """

    request: Request
    seed: bytes
    stream: HashedStream
    read: Callable[[], Records]
    shared_context: Sequence[str] = ()
    variants: VariantCheck | None = None
    notes: Sequence[Problem] = ()
    at_hand: bool = False

    @property
    def hint(self) -> Callable[[], Problem | None] | None:
        """A function that may know, once the records are read, why most of them are bad."""
        return self.variants.hint if self.variants else None

    def warnings(self, records: Records) -> list[dict[str, Any]]:
        """Return the warnings about records that have been read."""
        found = self.variants.warnings() if self.variants else ()
        return [one.as_dict() for one in (*self.notes, *records.warnings(), *found)]

    def digest(self) -> str:
        """Return the SHA-256 of seed and records; the stream must have been read to its end."""
        return hashlib.sha256(self.seed + self.stream.digest()).hexdigest()


def job_submit(*, owner: User, submission: Submission) -> tuple[Job, bool]:
    """Return the job of this submission and whether it is new. A queued job is committed and dispatched.

    The same Idempotency-Key with the same body returns the existing job. Raises Conflict if the body differs or the
    first upload is still being read. Raises InvalidInput for bad input, and TooManyRequests or TooLarge if the owner's
    quota does not allow the job. After an error there is no job, and the key is free.
    """
    key = submission.request.idempotency_key
    if known := _known(owner, submission):
        return known, False
    with key_held(owner_id=owner.pk, key=key):
        # An upload with the same key may have ended after the first look and before the lock was taken.
        if known := _known(owner, submission):
            return known, False
        job = _put(owner, submission)
    queue.dispatch_quietly(job.model)
    job.refresh_from_db()
    job.owner = owner  # read again otherwise
    return job, True


def _put(owner: User, submission: Submission) -> Job:
    """Store few records that are at hand in one transaction. Others are stored while they are read."""
    if not submission.at_hand:
        return _read_and_put(owner, submission)
    with submission.stream.in_turn(owner.pk):
        records = submission.read()
        every = iter(records)
        some, more = batch_of(every), next(every, None)
        if more is None:
            submission.stream.drain()
    if more is not None:  # A small file may be a packed large one.
        return _read_and_put(owner, submission, Begun(records, chain(some, [more], every)))
    request = submission.request
    upload = Upload(
        request,
        shared_context=submission.shared_context,
        hint=submission.hint,
        cleaning=records.cleaning,
        warnings=submission.warnings(records),
        digest=submission.digest(),
        title=None if request.name else lambda job, first: title_of(job, request.subject, first),
    )
    return job_put(owner=owner, records=some, upload=upload)


class Begun(NamedTuple):
    """Records, some of them read already: `every` has those and the others."""

    records: Records
    every: Iterable[Record | BadRecord]


def _read_and_put(owner: User, submission: Submission, begun: Begun | None = None) -> Job:
    """Store the records while they are read; the owner sees them arrive."""
    with upload_read(owner, submission.request, submission, begun) as job:
        job.body_digest = submission.digest()
        items_release(job)
        job_name_itself(job, submission.request)
        job_accept(job=job)
    return job


@contextmanager
def upload_read(owner: User, request: Request, submission: Submission, begun: Begun | None = None) -> Iterator[Job]:
    """Read the submission into a new job in `validating`. An error, here or in the block, deletes that job."""
    job = job_create(owner=owner, request=request)
    with deleted_on_error(job):
        with submission.stream.in_turn(owner.pk):
            records = begun.records if begun else submission.read()
            job_ingest(
                job=job,
                records=begun.every if begun else records,
                shared_context=submission.shared_context,
                job_contexts=request.contexts,
                hint=submission.hint,
            )
            submission.stream.drain()
        job.cleaning = dict(records.cleaning)
        job.warnings = submission.warnings(records)
        yield job


def require_same_body(submission: Submission, digest: str, purpose: str) -> None:
    """Raise Conflict `idempotency_key_reused` if the body with this key had another digest."""
    submission.stream.drain()
    if submission.digest() != digest:
        message = f"the Idempotency-Key {submission.request.idempotency_key!r} was used for another body"
        raise Conflict(f"{message}; use a new key {purpose}", code="idempotency_key_reused")


def _known(owner: User, submission: Submission) -> Job | None:
    """Return the job that was accepted with this key, if its body was the same. Raises Conflict if it was not."""
    if (key := submission.request.idempotency_key) is None:
        return None
    job = Job.objects.filter(owner=owner, idempotency_key=key).exclude(state=JobState.VALIDATING).first()
    if job is not None:
        require_same_body(submission, job.body_digest, "for a new job")
    return job
