"""Leases of chunks: claim, begin, renew, complete, release. Only this module and `jobs.queue.losses` write leases.

A claim writes a new token, and completing needs it. In between a worker notes that computing begins: chunks that it has
claimed ahead are no loss when it dies. Computing happens outside any transaction, at least once. Its stored effect
happens exactly once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID, uuid4

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
from jobs.metering.charges import Charge, charges_add
from jobs.models import Chunk, Item, Job
from jobs.models.states import ChunkState, JobState
from jobs.queue.lifecycle import job_finalise, jobs_mark_running, precisions_for
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
    `known` is what earlier jobs hold of its units.
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
    *, chunk_ids: Sequence[int], worker: str, precision: str = "", cost_centre: str = ""
) -> list[ClaimedChunk]:
    """Lease the chunks among these that are ready and whose jobs workers of this precision and cost centre compute.

    A job's first claim fixes its precision. Chunks of jobs of another one, or of users whose work workers of another
    cost centre compute, can be published again at once.
    """
    token = uuid4()
    with transaction.atomic():
        jobs_mark_running(chunk_ids=chunk_ids, precision=precision, cost_centre=cost_centre)
        found = database.rows(
            f"""
            WITH picked AS (
                SELECT chunk.id FROM jobs_chunk chunk JOIN jobs_job job ON job.id = chunk.job_id
                WHERE chunk.id = ANY(%s) AND chunk.state = 'ready' AND chunk.not_before <= statement_timestamp()
                  AND NOT chunk.blocked
                  AND job.state IN ('queued', 'running')
                  AND (%s = '' OR job.precision = ANY(%s))
                  AND {CENTRE_OF_JOB} = %s
                FOR UPDATE OF chunk SKIP LOCKED
            )
            UPDATE jobs_chunk SET state = 'leased', lease_token = %s,
                lease_end = statement_timestamp() + %s * interval '1 second',
                worker = %s, begun = false, alone = false, published_at = NULL
            FROM picked WHERE jobs_chunk.id = picked.id
            RETURNING jobs_chunk.id
            """,  # noqa: S608 - a constant
            [list(chunk_ids), precision, precisions_for(precision), cost_centre, token, LEASE_SECONDS, worker],
        )
        if len(found) < len(chunk_ids):
            _leave_to_others(chunk_ids, precision, cost_centre)
        if not found:
            return []
        claimed = [row[0] for row in found]
        chunks = list(Chunk.objects.filter(id__in=claimed).select_related("job").order_by("id"))
    try:
        return _with_items(chunks, token)
    except (DatabaseError, InterfaceError):
        raise  # The database is down; the lease will expire.
    except Exception as error:
        # Their items can't be read. Count a loss, or these chunks would be claimed again for ever.
        chunks_begin(token=token)
        lease_lost(token=token, reason=worker_error(error))
        raise


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


def chunks_ready_interactive(*, model: str, limit: int = 8, precision: str = "", cost_centre: str = "") -> list[int]:
    """Return ids of ready chunks of synchronous requests, which a worker takes before its message's next bundle.

    A chunk that must run alone comes alone.
    """
    # BETWEEN and the order by job and id keep the planner on the index of open chunks, as in `_candidates` of dispatch.
    found = database.rows(
        f"""
            SELECT chunk.id, chunk.isolate
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
            """,  # noqa: S608 - a constant
        {
            "model": model,
            "limit": limit,
            "precision": precision,
            "precisions": precisions_for(precision),
            "centre": cost_centre,
        },
    )
    together = [chunk_id for chunk_id, isolate in found if not isolate]
    return together or [chunk_id for chunk_id, _ in found[:1]]


def _with_items(chunks: Sequence[Chunk], token: UUID) -> list[ClaimedChunk]:
    """Read the chunks' items and contexts, each context once."""
    items: dict[int, list[Any]] = {chunk.id: [] for chunk in chunks}
    rows = Item.objects.filter(chunk_id__in=list(items)).order_by("index")
    for chunk_id, *item in rows.values_list("chunk_id", "index", "sequence", "context_id"):
        items[chunk_id].append(item)
    own = context_sequences(context for some in items.values() for *_, context in some)
    shared = contexts_of([chunk.job_id for chunk in chunks if "contexts" in chunk.job.params])
    claimed = []
    for chunk in chunks:
        # A job that is being deleted takes its contexts along; its chunks need not be computed.
        if all(context is None or context in own for *_, context in items[chunk.id]):
            contexts = shared.get(chunk.job_id, ())
            views = (
                ClaimedItem(index, ItemView(seq, own.get(one, ()), contexts)) for index, seq, one in items[chunk.id]
            )
            claimed.append(_claimed(chunk, token, tuple(views), contexts))
    return claimed


def _claimed(chunk: Chunk, token: UUID, items: tuple[ClaimedItem, ...], contexts: tuple[Context, ...]) -> ClaimedChunk:
    job, target = chunk.job, None
    if chunk.unit_count and chunk.group is not None and chunk.group != JOB_GROUP:
        sequence = Item.objects.values_list("sequence", flat=True).get(job_id=job.pk, index=chunk.group)
        target = ItemView(sequence, contexts=contexts)
    return ClaimedChunk(
        chunk.id,
        job.pk,
        job.action,
        job.params,
        token,
        items,
        contexts,
        chunk.group,
        range(chunk.unit_first, chunk.unit_first + chunk.unit_count),
        target,
        tuple(job.unit_positions or ()),
        chunk.isolate,
        chunk.losses,
        Load(chunk.n_tokens, chunk.n_attended, chunk.n_passes, 1),
        kind_of(
            job.action,
            contexts="contexts" in job.params,
            together=chunk.group is not None and not chunk.unit_count,
        ),
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
        if wanted and unwritten:
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
    return wanted


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


def bundle_complete(*, done: Sequence[Completion], engine_id: int) -> int:
    """Complete chunks and charge their owners in one transaction; return how many chunks were stored.

    A chunk whose token is outdated is neither stored nor charged: the attempt that stores it is charged.
    """
    with transaction.atomic():
        # In the order of ids, in which others lock chunks as well.
        stored = [one.charge for one in sorted(done, key=lambda one: one.chunk_id) if _complete(one, engine_id)]
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
