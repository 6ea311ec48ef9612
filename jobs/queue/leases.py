"""Leases of chunks: claim, begin, renew, complete, release. Only this module and `jobs.queue.losses` write leases.

A claim writes a new token, and completing needs it. In between a worker notes that computing begins: chunks that it has
claimed ahead are no loss when it dies. Computing happens outside any transaction, at least once. Its stored effect
happens exactly once.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple
from uuid import UUID, uuid4

import orjson
from django.conf import settings
from django.db import DatabaseError, InterfaceError, transaction
from django.db.models import F, Q
from django.db.models.functions import Now

from e1protocol.costs import Load, taken_load
from jobs import database
from jobs.actions import ItemView
from jobs.actions.base import Array
from jobs.actions.contexts import Context
from jobs.errors import Problem
from jobs.fleet.centres import CENTRE_OF_JOB
from jobs.fleet.pace import NOTHING, kind_of
from jobs.library.chunking import JOB_GROUP
from jobs.library.outputs import PackedOutput, outputs_copy
from jobs.library.selectors import context_sequences
from jobs.library.units import contexts_of
from jobs.limits import CHUNK_ITEMS
from jobs.metering.charges import Charge, charges_add
from jobs.models import Chunk, Item, Job
from jobs.models.states import ChunkState, JobState
from jobs.queue.lifecycle import job_close_locked, job_finalise, jobs_lock, jobs_mark_running, precisions_for
from jobs.queue.losses import chunks_give_back, lease_lost, worker_error
from jobs.queue.units import units_forget

LEASE_SECONDS: float = settings.E1_LEASE_SECONDS
RENEW_SECONDS = LEASE_SECONDS / 3


@dataclass(frozen=True, slots=True)
class ClaimedItem:
    index: int
    view: ItemView


@dataclass(frozen=True, slots=True)
class ClaimedChunk:
    """A chunk that this process may compute as long as its token holds.

    A chunk with `units` has no items. Its units belong to `target` or, if all items share them, to the parent at
    `unit_positions`. The items of any other chunk with a `group` are put together from the units of that group.
    `known` is what earlier jobs hold of its units. `begun` is whether computing began with the claim. A `whole` chunk
    is of a job so small that it had one chunk at the beginning.
    """

    id: int
    job_id: UUID
    action: str
    params: Mapping[str, Any]
    token: UUID
    items: tuple[ClaimedItem, ...]
    contexts: tuple[Context, ...] = ()
    group: int | None = None
    units: range = range(0)
    target: ItemView | None = None
    unit_positions: tuple[int, ...] = ()
    isolate: bool = False
    losses: int = 0
    load: Load = NOTHING
    kind: str = ""
    known: Mapping[int, Array] = field(default_factory=dict)
    begun: bool = False
    whole: bool = False

    @property
    def tokens(self) -> int:
        return self.load.tokens

    @property
    def to_compute(self) -> list[int]:
        """The units that are not known, ascending."""
        return [unit for unit in self.units if unit not in self.known]

    @property
    def computed_load(self) -> Load:
        """The load without that of known units."""
        if not self.known:
            return self.load
        if not self.to_compute:
            return taken_load(self.load.chunks)
        return replace(self.load.times(len(self.to_compute) / len(self.units)), chunks=self.load.chunks)

    @property
    def is_suspect(self) -> bool:
        """Whether it is one item or unit that was lost alone before: likelier to blame than the device."""
        return len(self.items) + len(self.units) == 1 and self.losses > 0


def chunks_claim(
    *,
    chunk_ids: Sequence[int],
    worker: str,
    precision: str = "",
    cost_centre: str = "",
    begin: bool = False,
    unwritten: Sequence[UUID] = (),
) -> list[ClaimedChunk]:
    """Lease the chunks among these that are ready and whose jobs workers of this precision and cost centre compute.

    A job's first claim fixes its precision. Chunks of jobs of another one, or of users whose work workers of another
    cost centre compute, can be published again at once. With `begin` computing begins now, as in `chunks_begin`. It
    does not if a chunk must run alone, because what was computed before must be written first.
    """
    token = uuid4()
    with transaction.atomic():
        jobs_mark_running(chunk_ids=chunk_ids, precision=precision, cost_centre=cost_centre)
        rows = database.rows(
            CLAIM,
            {
                "ids": list(chunk_ids),
                "precision": precision,
                "precisions": precisions_for(precision),
                "centre": cost_centre,
                "token": token,
                "seconds": LEASE_SECONDS,
                "worker": worker,
                "begin": begin,
            },
        )
        if len(rows) < len(chunk_ids):
            _leave_to_others(chunk_ids, precision, cost_centre)
        if not rows:
            return []
        if rows[0][0]:
            _not_alone(unwritten)
        try:
            return _with_items([Leased(*row) for row in rows], token)
        except (DatabaseError, InterfaceError):
            raise  # The database is down: nothing is claimed.
        except Exception as error:
            unreadable = error
    # Their items can't be read. Count a loss, or these chunks would be claimed again for ever.
    if not rows[0][0]:
        chunks_begin(token=token)
    lease_lost(token=token, reason=worker_error(unreadable))
    raise unreadable


CLAIM = f"""
    WITH picked AS (
        SELECT chunk.id, chunk.isolate FROM jobs_chunk chunk JOIN jobs_job job ON job.id = chunk.job_id
        WHERE chunk.id = ANY(%(ids)s) AND chunk.state = 'ready' AND chunk.not_before <= statement_timestamp()
          AND NOT chunk.blocked
          AND job.state IN ('queued', 'running')
          AND (%(precision)s = '' OR job.precision = ANY(%(precisions)s))
          AND {CENTRE_OF_JOB} = %(centre)s
        FOR UPDATE OF chunk SKIP LOCKED
    ), attempt AS (
        SELECT %(begin)s AND NOT coalesce(bool_or(isolate), false) AS begun, count(*) = 1 AS single FROM picked
    ), claimed AS (
        UPDATE jobs_chunk SET state = 'leased', lease_token = %(token)s,
            lease_end = statement_timestamp() + %(seconds)s * interval '1 second',
            worker = %(worker)s, published_at = NULL, begun = attempt.begun, alone = attempt.begun AND attempt.single,
            attempts = attempts + CASE WHEN attempt.begun THEN 1 ELSE 0 END
        FROM picked, attempt WHERE jobs_chunk.id = picked.id
        RETURNING jobs_chunk.*
    )
    SELECT claimed.begun, claimed.id, claimed.job_id, job.action, job.params::text, job.unit_positions::text,
        NOT job.total_units > 0 AND job.total_items <= {CHUNK_ITEMS}, claimed.group, claimed.unit_first,
        claimed.unit_count, claimed.isolate, claimed.losses, claimed.n_tokens, claimed.n_attended, claimed.n_passes,
        item.indices, item.sequences, item.contexts
    FROM claimed JOIN jobs_job job ON job.id = claimed.job_id CROSS JOIN LATERAL (
        SELECT array_agg(index ORDER BY index) AS indices, array_agg(sequence ORDER BY index) AS sequences,
            array_agg(context_id ORDER BY index) AS contexts
        FROM jobs_item WHERE chunk_id = claimed.id
    ) item
    ORDER BY claimed.id
"""  # noqa: S608 - constants
"""Leases chunks and reads what they need, in the order of `Leased`."""


class Leased(NamedTuple):
    """A row of `CLAIM`. Lists are None without items."""

    begun: bool
    id: int
    job_id: UUID
    action: str
    params: str
    unit_positions: str | None
    whole: bool
    group: int | None
    unit_first: int
    unit_count: int
    isolate: bool
    losses: int
    n_tokens: int
    n_attended: int
    n_passes: int
    indices: list[int] | None
    sequences: list[str] | None
    contexts: list[int | None] | None

    @property
    def items(self) -> list[tuple[int, str, int | None]]:
        return list(zip(self.indices or (), self.sequences or (), self.contexts or (), strict=True))


def _leave_to_others(chunk_ids: Sequence[int], precision: str, cost_centre: str) -> None:
    """Unpublish ready chunks that other workers compute. A chunk that is locked is being claimed."""
    database.execute(
        f"""
            UPDATE jobs_chunk SET published_at = NULL WHERE id IN (
                SELECT chunk.id FROM jobs_chunk chunk JOIN jobs_job job ON job.id = chunk.job_id
                WHERE chunk.id = ANY(%s) AND chunk.state = 'ready'
                  AND NOT ((%s = '' OR job.precision = ANY(%s)) AND {CENTRE_OF_JOB} = %s)
                FOR UPDATE OF chunk SKIP LOCKED
            )
            """,  # noqa: S608 - a constant
        [list(chunk_ids), precision, precisions_for(precision), cost_centre],
    )


def chunks_ready_interactive(
    *, model: str, limit: int = 8, precision: str = "", cost_centre: str = "", worker: str = ""
) -> list[int] | None:
    """Return ids of ready chunks of synchronous requests, which a worker takes before its message's next bundle.

    A chunk that must run alone comes alone. Return None if this worker drains: it takes nothing more.
    """
    # BETWEEN and the order by job and id keep the planner on the index of open chunks, as in `_candidates` of dispatch.
    found = database.rows(
        f"""
            SELECT worker.draining, chunk.id, chunk.isolate
            FROM (SELECT coalesce(bool_or(draining), false) AS draining FROM jobs_worker WHERE name = %(worker)s) worker
            LEFT JOIN (
                SELECT chunk.id, chunk.isolate, job.created_at
                FROM (
                    SELECT id, created_at FROM jobs_job job
                    WHERE model = %(model)s AND interactive AND state IN ('queued', 'running')
                      AND (%(precision)s = '' OR precision = ANY(%(precisions)s))
                      AND {CENTRE_OF_JOB} = %(centre)s
                ) job
                CROSS JOIN LATERAL (
                    SELECT id, isolate FROM jobs_chunk
                    WHERE job_id BETWEEN job.id AND job.id AND state = 'ready' AND not_before <= statement_timestamp()
                      AND NOT blocked
                    ORDER BY job_id, id LIMIT %(limit)s
                ) chunk
                ORDER BY job.created_at, chunk.id LIMIT %(limit)s
            ) chunk ON true
            ORDER BY chunk.created_at, chunk.id
            """,  # noqa: S608 - a constant
        {
            "worker": worker,
            "model": model,
            "limit": limit,
            "precision": precision,
            "precisions": precisions_for(precision),
            "centre": cost_centre,
        },
    )
    if found[0][0]:
        return None
    ready = [(chunk_id, isolate) for _, chunk_id, isolate in found if chunk_id is not None]
    together = [chunk_id for chunk_id, isolate in ready if not isolate]
    return together or [chunk_id for chunk_id, _ in ready[:1]]


def _with_items(chunks: Sequence[Leased], token: UUID) -> list[ClaimedChunk]:
    """Read the chunks' contexts, each once."""
    params = {chunk.job_id: orjson.loads(chunk.params) for chunk in chunks}
    items = {chunk.id: chunk.items for chunk in chunks}
    own = context_sequences(context for some in items.values() for *_, context in some)
    shared = contexts_of([job_id for job_id, its in params.items() if "contexts" in its])
    claimed = []
    for chunk in chunks:
        # A job that is being deleted takes its contexts along; its chunks need not be computed.
        if all(context is None or context in own for *_, context in items[chunk.id]):
            contexts = shared.get(chunk.job_id, ())
            views = tuple(
                ClaimedItem(index, ItemView(sequence, own.get(one, ()) if one is not None else (), contexts))
                for index, sequence, one in items[chunk.id]
            )
            claimed.append(_claimed(chunk, params[chunk.job_id], token, views, contexts))
    return claimed


def _claimed(
    chunk: Leased,
    params: Mapping[str, Any],
    token: UUID,
    items: tuple[ClaimedItem, ...],
    contexts: tuple[Context, ...],
) -> ClaimedChunk:
    target = None
    if chunk.unit_count and chunk.group is not None and chunk.group != JOB_GROUP:
        sequence = Item.objects.values_list("sequence", flat=True).get(job_id=chunk.job_id, index=chunk.group)
        target = ItemView(sequence, contexts=contexts)
    return ClaimedChunk(
        chunk.id,
        chunk.job_id,
        chunk.action,
        params,
        token,
        items,
        contexts,
        chunk.group,
        range(chunk.unit_first, chunk.unit_first + chunk.unit_count),
        target,
        tuple(orjson.loads(chunk.unit_positions or "null") or ()),
        chunk.isolate,
        chunk.losses,
        Load(chunk.n_tokens, chunk.n_attended, chunk.n_passes, 1),
        kind_of(
            chunk.action,
            contexts="contexts" in params,
            together=chunk.group is not None and not chunk.unit_count,
        ),
        begun=chunk.begun,
        whole=chunk.whole,
    )


def lease_renew(*, token: UUID) -> int:
    """Extend the lease by the database's clock, and return how many chunks still hold it."""
    # Rows are locked in the order of `chunks_begin`, which may lock them at the same time.
    return database.execute(
        """
            WITH held AS (
                SELECT id FROM jobs_chunk WHERE lease_token = %s AND state = 'leased' ORDER BY id FOR UPDATE
            )
            UPDATE jobs_chunk SET lease_end = statement_timestamp() + %s * interval '1 second'
            FROM held WHERE jobs_chunk.id = held.id
            """,
        [token, LEASE_SECONDS],
    )


def chunks_begin(*, token: UUID, unwritten: Sequence[UUID] = ()) -> set[int]:
    """Note that computing begins under this lease, and return the ids of the chunks whose jobs still want them.

    Chunks of cancelled jobs are cancelled; those of paused jobs become ready again. Chunks under the leases
    `unwritten`, which this process has computed and not stored yet, are not alone in it from now on.
    """
    with transaction.atomic():
        held = database.rows(
            "SELECT chunk.id, job.state FROM jobs_chunk chunk JOIN jobs_job job ON job.id = chunk.job_id "
            "WHERE chunk.lease_token = %s AND chunk.state = 'leased' ORDER BY chunk.id FOR UPDATE OF chunk",
            [token],
        )
        states = dict(held)
        cancelled = [chunk_id for chunk_id, state in states.items() if state == JobState.CANCELLING]
        paused = [chunk_id for chunk_id, state in states.items() if state == JobState.PAUSED]
        if cancelled:
            Chunk.objects.filter(pk__in=cancelled, lease_token=token).update(
                state=ChunkState.CANCELLED, lease_token=None, lease_end=None, finished_at=Now()
            )
        if paused:
            chunks_give_back(Q(pk__in=paused, lease_token=token))
        wanted = set(states) - set(cancelled) - set(paused)
        Chunk.objects.filter(pk__in=wanted, lease_token=token).update(
            begun=True, alone=len(wanted) == 1, attempts=F("attempts") + 1
        )
        if wanted:
            _not_alone(unwritten)
    return wanted


def _not_alone(unwritten: Sequence[UUID]) -> None:
    """Note that chunks under these leases, which are computed and not stored yet, have company in their process."""
    if unwritten:
        # A locked row is being written.
        database.execute(
            """
            UPDATE jobs_chunk SET alone = false WHERE id IN (
                SELECT id FROM jobs_chunk WHERE lease_token = ANY(%s) AND state = 'leased' AND alone
                FOR UPDATE SKIP LOCKED
            )
            """,
            [list(unwritten)],
        )


@dataclass(frozen=True, slots=True)
class Completion:
    """What a computed chunk stores, and what it cost. See `chunk_complete`."""

    chunk_id: int
    token: UUID
    outputs: Sequence[PackedOutput]
    failures: Mapping[int, Problem]
    succeeded: int
    charge: Charge
    unit_errors: Mapping[int, Problem] | None = None
    made: int | None = None


def bundle_complete(*, done: Sequence[Completion], engine_id: int, closing: Collection[UUID] = ()) -> int:
    """Complete chunks and charge their owners in one transaction; return how many chunks were stored.

    A chunk whose token is outdated is neither stored nor charged: the attempt that stores it is charged. Jobs that are
    `closing` are closed in the same transaction if no chunk of theirs stays open. Their rows are locked first, so two
    last workers take turns, as in `job_finalise`. Name small jobs only: others would wait for the lock.
    """
    with transaction.atomic():
        jobs = jobs_lock(closing)
        # In the order of ids, in which others lock chunks as well.
        stored = [one.charge for one in sorted(done, key=lambda one: one.chunk_id) if _complete(one, engine_id)]
        for job in jobs:
            job_close_locked(job)
        charges_add(stored)
    return len(stored)


def _complete(one: Completion, engine_id: int) -> bool:
    return chunk_complete(
        chunk_id=one.chunk_id,
        token=one.token,
        outputs=one.outputs,
        failures=one.failures,
        succeeded=one.succeeded,
        engine_id=engine_id,
        unit_errors=one.unit_errors,
        made=one.made,
    )


def chunk_complete(
    *,
    chunk_id: int,
    token: UUID,
    outputs: Sequence[PackedOutput],
    failures: Mapping[int, Problem],
    succeeded: int,
    engine_id: int,
    unit_errors: Mapping[int, Problem] | None = None,
    made: int | None = None,
) -> bool:
    """Store a chunk's outputs and close it in one transaction; return False and store nothing if the token is outdated.

    `failures` are the items, by index, that fail for good. For a chunk of work units `unit_errors` are the units that
    do, and `succeeded` counts the others. `made` is a group whose units are no longer needed.
    """
    state = ChunkState.DONE if succeeded else ChunkState.FAILED
    if unit_errors is not None:
        succeeded = 0  # units are no items
    errors = {str(unit): problem.as_dict() for unit, problem in (unit_errors or {}).items()} or None
    with transaction.atomic(savepoint=False):
        closed = Chunk.objects.filter(pk=chunk_id, state=ChunkState.LEASED, lease_token=token).update(
            state=state,
            n_succeeded=succeeded,
            n_failed=len(failures),
            lease_token=None,
            lease_end=None,
            # Outputs of units are no results. What stays of them counts once the job is closed (`unit_bytes_of`).
            n_bytes=0 if unit_errors is not None else sum(len(output.data) for output in outputs),
            engine_id=engine_id,
            unit_errors=errors,
            finished_at=Now(),
        )
        if not closed:
            return False
        outputs_copy((chunk_id, output) for output in outputs)
        if made is not None:
            job_id = Chunk.objects.values_list("job_id", flat=True).get(pk=chunk_id)
            units_forget(job_id=job_id, group=made)
        for index, problem in failures.items():
            Item.objects.filter(chunk_id=chunk_id, index=index).update(
                error_code=problem.code, error=[problem.as_dict()]
            )
    return True


def lease_release(*, token: UUID) -> int:
    """Return chunks to the queue without counting a loss; those of cancelling jobs are cancelled."""
    held = Chunk.objects.filter(lease_token=token, state=ChunkState.LEASED)
    job_ids = set(held.values_list("job_id", flat=True))
    given = chunks_give_back(Q(lease_token=token))
    for job_id in Job.objects.filter(pk__in=job_ids, state=JobState.CANCELLING).values_list("pk", flat=True):
        job_finalise(job_id=job_id)
    return given
