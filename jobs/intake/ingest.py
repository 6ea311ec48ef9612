"""From a stream of records to a queued job. Records are copied in batches, each in a transaction of its own.

The job is visible as `validating` meanwhile. If the upload breaks off or fails validation, the job is deleted and its
key is free again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import orjson
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.db.models.functions import Now

from e1protocol import BOUNDARY_TOKENS, MODELS
from jobs.actions import get_action
from jobs.actions.base import PRECISION
from jobs.actions.costs import CostTally
from jobs.actions.units import LongAction
from jobs.database import copy_into
from jobs.errors import Conflict, Problem
from jobs.intake.cutting import Cutter
from jobs.library.chunking import ContextRef
from jobs.library.chunks import chunks_copy
from jobs.library.contexts import contexts_hold
from jobs.limits import CHUNK_ITEMS, MIB
from jobs.models import Item, Job, JobContext
from jobs.models.states import JobState
from jobs.parsing import BadRecord, Record
from jobs.parsing.tally import InputTally
from jobs.queue.units import groups_release
from jobs.quotas.admission import quota_admit, quota_foresee, quota_hold
from jobs.quotas.rules import Need
from jobs.quotas.usage import queued_tokens_of

BATCH = 2048
"""Records per transaction: some 0.7 MB of sequences, a multiple of the chunk size."""
BATCH_LETTERS = 8 * MIB
"""Letters of a transaction's records with their contexts, roughly. It bounds memory, and a slow upload with large
records shows progress."""
BATCHES_ON_TRUST = 16
"""Batches between two checks of the owner's quota, so that an upload beyond it ends early."""
COUNTED = ("total_items", "skipped_items", "total_residues", "text_bytes", "stored_bytes")
"""Fields of a job that sum over its records."""


@dataclass(frozen=True, slots=True)
class Request:
    """What a job asks for, already checked: normalised parameters, an enabled model, a known action.

    Every item is computed under each of `contexts`; `params.contexts` describes them.
    """

    model: str
    action: str
    params: Mapping[str, Any]
    name: str = ""
    on_invalid: str = "reject"
    interactive: bool = False
    contexts: tuple[tuple[str, ...], ...] = ()
    idempotency_key: str | None = None
    project_id: UUID | None = None
    subject: str = ""
    """What a job without a name is called after, such as its file."""


@dataclass(frozen=True, slots=True)
class Upload:
    """A request whose records have been read, and what was learned from them. `title` names a job without a name."""

    request: Request
    shared_context: Sequence[str] = ()
    hint: Callable[[], Problem | None] | None = None
    cleaning: Mapping[str, int] = field(default_factory=dict)
    warnings: list[dict[str, Any]] = field(default_factory=list)
    digest: str = ""
    title: Callable[[Job, str], str] | None = None


def job_create(*, owner: User, request: Request) -> Job:
    """Create a job in `validating` and commit it, so that its owner sees the upload arrive.

    Raises Conflict if the idempotency key is taken.
    """
    try:
        with transaction.atomic():
            job = _made(owner, request)
            job.save(force_insert=True)
            return job
    except IntegrityError as error:
        raise _key_used(request) from error


def job_put(
    *,
    owner: User,
    records: Sequence[Record | BadRecord],
    upload: Upload,
    admitted: bool = False,
    published: list[int] | None = None,
) -> Job:
    """Create a job whose records are all at hand, fill it and accept it, in one transaction: all of it or nothing.

    It is never seen in `validating`. If it is `admitted`, the owner's quota is not asked again. Commits; the caller
    dispatches. With a list `published`, the ids of the chunks are added to it; they count as published, and the caller
    sends them. Raises what `job_create`, `job_ingest` and `job_accept` raise.
    """
    try:
        with transaction.atomic():
            held = None if admitted else quota_hold(user_id=owner.pk)
            job = _made(owner, upload.request)
            tokens = job_ingest(
                job=job,
                records=records,
                shared_context=upload.shared_context,
                job_contexts=upload.request.contexts,
                hint=upload.hint,
                at_once=True,
                published=published,
            )
            job.cleaning, job.warnings, job.body_digest = dict(upload.cleaning), upload.warnings, upload.digest
            if upload.title is not None:
                job.name = upload.title(job, records[0].name if records else "")
            items_release(job)
            if not admitted:
                need = Need(tokens=tokens, stored_bytes=job.stored_bytes, interactive=job.interactive)
                quota_admit(user_id=owner.pk, model=job.model, need=need, held=held)
            job.state = JobState.QUEUED
            job.save(force_insert=True)  # Last, whole. Foreign keys are checked at the commit.
    except IntegrityError as error:
        raise _key_used(upload.request) from error
    return job


def items_release(job: Job) -> None:
    """Let items begin that have no unit to wait for, such as a parent among variants, or whose units are known."""
    if isinstance(get_action(job.action), LongAction):
        groups_release(job_id=job.pk)


def _made(owner: User, request: Request) -> Job:
    """Return a job that is not stored yet."""
    return Job(
        owner=owner,
        name=request.name or request.subject,
        project_id=request.project_id,
        model=request.model,
        action=request.action,
        params=dict(request.params),
        precision=request.params.get(PRECISION, ""),
        on_invalid=request.on_invalid,
        interactive=request.interactive,
        idempotency_key=request.idempotency_key,
    )


def _key_used(request: Request) -> Conflict:
    return Conflict(f"the Idempotency-Key {request.idempotency_key!r} was used already", code="idempotency_key_used")


def job_ingest(
    *,
    job: Job,
    records: Iterable[Record | BadRecord],
    shared_context: Sequence[str] = (),
    job_contexts: Sequence[tuple[str, ...]] = (),
    hint: Callable[[], Problem | None] | None = None,
    at_once: bool = False,
    published: list[int] | None = None,
) -> int:
    """Copy the records into items and chunks, batch by batch; for a long action, the work units too.

    Return the tokens of the chunks. With `at_once` all batches are part of the caller's transaction, and the job need
    not be stored yet. `published` is as in `job_put`.

    A record without a context of its own gets `shared_context`. `hint` may know why most records are bad. Raises
    InvalidInput with all problems of the input if records are bad and the job rejects them; the first LISTED_PROBLEMS
    are listed, all are counted. After any error the caller deletes the job, because earlier batches are committed.
    """
    tally = InputTally(job.on_invalid, "nothing was queued", hint)
    cost = CostTally(get_action(job.action).columns(job.params, MODELS[job.model]))
    part = nullcontext if at_once else transaction.atomic
    if job_contexts:
        with part():
            _keep_contexts(job, job_contexts)
    cutter = Cutter(job.action, job.params, job_contexts)
    tokens_cut = 0
    for number, batch in enumerate(_batches(iter(records)), start=1):
        good = _noted(batch, tally)
        if not tally.doomed:
            with part():
                if not at_once:
                    _touch(job, tally)
                tokens_cut += _copy_batch(job, batch, good, tuple(shared_context), cutter, published=published)
        for record in batch:
            cost.note(record)
        tally.check_room()
        if number % BATCHES_ON_TRUST == 0:
            tokens = cost.residues + BOUNDARY_TOKENS * (tally.total - tally.bad)
            stored = cost.stored_bytes + cutter.kept_bytes
            need = Need(tokens=tokens, stored_bytes=stored, interactive=job.interactive, jobs=0)
            quota_foresee(user_id=job.owner_id, need=need)
    tally.check()
    shared = cutter.shared_chunks()
    chunks_copy(job, shared)
    job.total_units, job.unit_positions = cutter.units, cutter.unit_positions
    job.total_items, job.skipped_items = tally.total, tally.bad
    job.total_residues, job.text_bytes, job.stored_bytes = cost.residues, cost.text_bytes, cost.stored_bytes
    job.stored_bytes += cutter.kept_bytes
    return tokens_cut + sum(plan.load.tokens for plan in shared)


def _batches(records: Iterator[Record | BadRecord]) -> Iterator[list[Record | BadRecord]]:
    """Yield batches of about BATCH records that end with a whole chunk, so that only a job's last chunk is short."""
    carried: list[Record | BadRecord] = []
    while batch := batch_of(records):
        batch = carried + batch
        surplus = sum(isinstance(record, Record) for record in batch) % CHUNK_ITEMS
        cut = len(batch)
        while surplus:
            cut -= 1
            surplus -= isinstance(batch[cut], Record)
        carried = batch[cut:]
        if cut:
            yield batch[:cut]
    if carried:
        yield carried


def batch_of(records: Iterator[Record | BadRecord]) -> list[Record | BadRecord]:
    """Return the next BATCH records, or fewer once they have BATCH_LETTERS."""
    some: list[Record | BadRecord] = []
    letters = 0
    for record in records:
        some.append(record)
        letters += len(record.sequence)
        if isinstance(record, Record):
            letters += sum(map(len, record.context or ()))
        if len(some) == BATCH or letters >= BATCH_LETTERS:
            break
    return some


def _keep_contexts(job: Job, job_contexts: Sequence[tuple[str, ...]]) -> None:
    """Link the contexts that all items are computed under. An empty one, which means no context, is kept too."""
    refs = contexts_hold(owner_id=job.owner_id, contexts=job_contexts)
    JobContext.objects.bulk_create(
        JobContext(job=job, position=position, context_id=refs[sequences].id)
        for position, sequences in enumerate(job_contexts)
    )


def _noted(batch: list[Record | BadRecord], tally: InputTally) -> list[Record]:
    """Count the records, and return the good ones."""
    for record in batch:
        tally.note(record)
    return [record for record in batch if isinstance(record, Record)]


def _touch(job: Job, tally: InputTally) -> None:
    """Show how far the upload is. A concurrent deletion of the job waits until the batch is complete."""
    row = Job.objects.filter(pk=job.pk)
    if not row.update(touched_at=Now(), total_items=tally.total, skipped_items=tally.bad):
        raise _deleted()


def _copy_batch(
    job: Job,
    batch: list[Record | BadRecord],
    good: list[Record],
    shared: tuple[str, ...],
    cutter: Cutter,
    *,
    published: list[int] | None,
) -> int:
    """Copy the batch's contexts, chunks and items, and return the tokens of the chunks."""
    given = {record.index: record.context if record.context is not None else shared for record in good}
    refs = contexts_hold(owner_id=job.owner_id, contexts={context for context in given.values() if context})
    context_of = {index: refs.get(context) for index, context in given.items()}
    plans = cutter.chunks(good, context_of)
    chunk_of = chunks_copy(job, plans, published=published is not None)
    if published is not None:
        published.extend(sorted(set(chunk_of.values())))
    _copy_items(job, batch, chunk_of, context_of)
    return sum(plan.load.tokens for plan in plans)


def _copy_items(
    job: Job,
    batch: Sequence[Record | BadRecord],
    chunk_of: Mapping[int, int],
    context_of: Mapping[int, ContextRef | None],
) -> None:
    columns = "job_id, index, chunk_id, line, name, header, sequence, context_id, error_code, error"
    with copy_into(Item._meta.db_table, columns) as copy:
        for record in batch:
            code, error = None, None
            context = context_of.get(record.index)
            place = (job.id, record.index, chunk_of.get(record.index), record.line or None)
            text = (record.name, record.header, record.sequence, context.id if context else None)
            if isinstance(record, BadRecord):
                code = record.problems[0].code
                error = orjson.dumps([problem.as_dict() for problem in record.problems]).decode()
            copy.write_row((*place, *text, code, error))


def _deleted() -> Conflict:
    return Conflict("the job was deleted while its upload was read; nothing was queued", code="upload_deleted")


def job_accept(*, job: Job) -> None:
    """Move a job from `validating` to `queued`; from now on it is never lost. Commits; the caller dispatches.

    The owner's quota is locked in the same transaction. Raises TooManyRequests or TooLarge if it does not allow the
    job.
    """
    tokens = queued_tokens_of(job.pk)
    with transaction.atomic():
        need = Need(tokens=tokens, stored_bytes=job.stored_bytes, interactive=job.interactive)
        quota_admit(user_id=job.owner_id, model=job.model, need=need)
        if not Job.objects.select_for_update().filter(pk=job.pk).exists():
            raise _deleted()
        _queue(job)


def _queue(job: Job) -> None:
    """Save the job as queued, with what is known of it now."""
    job.state = JobState.QUEUED
    given = ("cleaning", "warnings", "total_units", "unit_positions", "body_digest")
    job.save(update_fields=["state", *COUNTED, *given])
