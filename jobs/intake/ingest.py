"""From a stream of records to a queued job. Records are copied in batches, each committed by itself.

The job is visible as `validating` meanwhile. What breaks off or fails validation leaves no job and frees its key.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.db.models.functions import Now

from e1protocol import BOUNDARY_TOKENS, MODELS, tokens_of
from jobs.actions import get_action
from jobs.actions.costs import CostTally
from jobs.database import copy_into
from jobs.errors import Conflict, InvalidInput, Problem
from jobs.intake.units import UnitIntake
from jobs.library.chunking import ContextRef, ItemCost, ItemCutter
from jobs.library.chunks import chunks_copy
from jobs.library.contexts import contexts_hold
from jobs.limits import CHUNK_ITEMS, MAX_ITEMS, MIB
from jobs.models import Item, Job, JobContext
from jobs.models.states import JobState
from jobs.parsing import BadRecord, Record
from jobs.parsing.tally import InputTally
from jobs.quotas.admission import quota_admit, quota_foresee
from jobs.quotas.rules import Need
from jobs.quotas.usage import queued_tokens_of

BATCH = 2048
"""Records per transaction: some 0.7 MB of sequences, a multiple of the chunk size."""
BATCH_LETTERS = 8 * MIB
"""Letters of a transaction's records with their contexts, about: fewer records where these are large. So memory is
bounded, and a slow upload is seen to come.
"""
BATCHES_ON_TRUST = 16
"""Batches between two looks at the owner's quota: an upload that it cannot hold ends soon, not when it has come."""


@dataclass(frozen=True, slots=True)
class Request:
    """What a job asks for, checked already: normalised parameters, an enabled model, a known action.

    `contexts` are those that every item is computed under; `params.contexts` describes them.
    """

    model: str
    action: str
    params: Mapping[str, Any]
    name: str = ""
    on_invalid: str = "reject"
    interactive: bool = False
    contexts: tuple[tuple[str, ...], ...] = ()
    idempotency_key: str | None = None


def job_create(*, owner: User, request: Request) -> Job:
    """A job in `validating`, committed, so that its owner sees the upload arrive.

    Raises Conflict where the idempotency key is taken.
    """
    try:
        with transaction.atomic():
            return Job.objects.create(
                owner=owner,
                name=request.name,
                model=request.model,
                action=request.action,
                params=dict(request.params),
                on_invalid=request.on_invalid,
                interactive=request.interactive,
                idempotency_key=request.idempotency_key,
            )
    except IntegrityError as error:
        raise Conflict(
            f"the Idempotency-Key {request.idempotency_key!r} was used already", code="idempotency_key_used"
        ) from error


def job_ingest(
    *,
    job: Job,
    records: Iterable[Record | BadRecord],
    shared_context: Sequence[str] = (),
    job_contexts: Sequence[tuple[str, ...]] = (),
    hint: Callable[[], Problem | None] | None = None,
) -> None:
    """Copy the records into items and chunks, batch by batch; of long actions, the work units too.

    `shared_context` is what a record without context of its own gets. Raises InvalidInput with all problems of the
    input where records are bad and the job rejects them (the first LISTED_PROBLEMS listed, all counted). After any
    error the caller deletes the job: batches before it are committed. `hint` may know why most records are bad.
    """
    tally = InputTally(job.on_invalid)
    cost = CostTally(get_action(job.action).columns(job.params, MODELS[job.model]))
    _keep_contexts(job, job_contexts)
    units = UnitIntake.of(job.action, job.params, job_contexts)
    cutter = units or ItemCutter([tokens_of(*context) for context in job_contexts])
    for number, batch in enumerate(_batches(iter(records)), start=1):
        _copy_batch(job, batch, tuple(shared_context), tally, cutter)
        for record in batch:
            cost.note(record)
        if tally.total > MAX_ITEMS:
            what = f"the library has more than {MAX_ITEMS:,} records"
            raise InvalidInput.one("too_many_items", what, "Send it as several jobs.")
        if number % BATCHES_ON_TRUST == 0:
            tokens = cost.residues + BOUNDARY_TOKENS * (tally.total - tally.bad)
            need = Need(tokens=tokens, stored_bytes=cost.stored_bytes, interactive=job.interactive, jobs=0)
            quota_foresee(user_id=job.owner_id, need=need)
    tally.check("nothing was queued", hint)
    if units is not None:
        chunks_copy(job, units.shared_chunks())
        job.total_units, job.unit_positions = units.total, units.unit_positions
    job.total_items = tally.total
    job.skipped_items = tally.bad
    job.total_residues, job.text_bytes = cost.residues, cost.text_bytes
    job.stored_bytes = cost.stored_bytes


def _batches(records: Iterator[Record | BadRecord]) -> Iterator[list[Record | BadRecord]]:
    """Batches of about BATCH records that end where a chunk ends, so that only a job's last chunk is short."""
    carried: list[Record | BadRecord] = []
    while batch := _some(records):
        batch = carried + batch
        surplus = sum(isinstance(record, Record) for record in batch) % CHUNK_ITEMS
        cut = len(batch)
        while surplus:
            cut -= 1
            surplus -= isinstance(batch[cut], Record)
        carried = batch[cut:]
        yield batch[:cut]
    if carried:
        yield carried


def _some(records: Iterator[Record | BadRecord]) -> list[Record | BadRecord]:
    """The next BATCH records, or those that have BATCH_LETTERS already."""
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
    """Link the contexts that all items are computed under. An empty one, which stands for none, is kept too."""
    with transaction.atomic():
        refs = contexts_hold(owner_id=job.owner_id, contexts=job_contexts)
        JobContext.objects.bulk_create(
            JobContext(job=job, position=position, context_id=refs[sequences].id)
            for position, sequences in enumerate(job_contexts)
        )


def _copy_batch(
    job: Job,
    batch: list[Record | BadRecord],
    shared: tuple[str, ...],
    tally: InputTally,
    cutter: ItemCutter | UnitIntake,
) -> None:
    """One transaction: the batch's contexts, chunks and items. A job that will be rejected writes nothing more."""
    good = [record for record in batch if isinstance(record, Record)]
    for record in batch:
        tally.note(record)
    if tally.doomed:
        return
    with transaction.atomic():
        # First, so that whoever deletes the job meanwhile waits until the batch is whole.
        row = Job.objects.filter(pk=job.pk)
        if not row.update(touched_at=Now(), total_items=tally.total, skipped_items=tally.bad):
            raise _deleted()
        given = {record.index: record.context if record.context is not None else shared for record in good}
        refs = contexts_hold(owner_id=job.owner_id, contexts={context for context in given.values() if context})
        context_of = {index: refs.get(context) for index, context in given.items()}
        if isinstance(cutter, UnitIntake):
            plans = cutter.chunks(good)
        else:
            plans = cutter.chunks(
                ItemCost(record.index, len(record.sequence), context_of[record.index]) for record in good
            )
        chunk_of = chunks_copy(job, plans)
        _copy_items(job, batch, chunk_of, context_of)


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
            if isinstance(record, BadRecord):
                code = record.problems[0].code
                error = orjson.dumps([problem.as_dict() for problem in record.problems]).decode()
            copy.write_row(
                (
                    job.id,
                    record.index,
                    chunk_of.get(record.index),
                    record.line or None,
                    record.name,
                    record.header,
                    record.sequence,
                    context.id if context else None,
                    code,
                    error,
                )
            )


def _deleted() -> Conflict:
    return Conflict("the job was deleted while its upload was read; nothing was queued", code="upload_deleted")


def job_accept(*, job: Job, cleaning: Mapping[str, int], warnings: Iterator[Problem] | Sequence[Problem]) -> None:
    """`validating -> queued`: from here on the job is never lost. Commits; the caller dispatches.

    One transaction with the owner's quota locked: raises TooManyRequests or TooLarge where it does not allow the job.
    """
    job.cleaning = dict(cleaning)
    job.warnings = [warning.as_dict() for warning in warnings]
    tokens = queued_tokens_of(job.pk)
    with transaction.atomic():
        need = Need(tokens=tokens, stored_bytes=job.stored_bytes, interactive=job.interactive)
        quota_admit(user_id=job.owner_id, model=job.model, need=need)
        if not Job.objects.select_for_update().filter(pk=job.pk).exists():
            raise _deleted()
        job.state = JobState.QUEUED
        job.save(
            update_fields=[
                "cleaning",
                "warnings",
                "state",
                "total_items",
                "skipped_items",
                "total_residues",
                "text_bytes",
                "total_units",
                "unit_positions",
                "stored_bytes",
                "body_digest",
            ]
        )
