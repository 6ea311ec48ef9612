"""One bundle from claim to storage: lease its chunks, compute them in one call, store outputs or report a loss.

`worker.tasks` calls this for each bundle of a message. Only these two modules and `worker.aside` use both Django and
the engine.
"""

from __future__ import annotations

import logging
import os
import time
from collections import deque
from collections.abc import Callable, Sequence, Set
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import count
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from django.db import DatabaseError, InterfaceError, OperationalError, ProgrammingError, connection

from e1protocol.costs import Load, in_tokens, total
from jobs.fleet import workers
from jobs.metering.charges import Charge
from jobs.queue import dispatch as queue
from jobs.queue import leases, losses
from jobs.queue.lifecycle import job_finalise
from jobs.queue.units import groups_release
from worker.aside import Aside, Inline, Repeating, renewal
from worker.items import Computed as ComputedItem
from worker.items import compute
from worker.known import with_known
from worker.parts import Result, result_of, work_of

if TYPE_CHECKING:
    from concurrent.futures import Future
    from uuid import UUID

    from e1protocol import EngineIdentity
    from e1protocol.costs import Costs
    from worker.engine import Engine

log = logging.getLogger(__name__)

P = ParamSpec("P")
T = TypeVar("T")

OUTAGE_SECONDS = 600.0
"""How long computed results wait for a database that is down."""
OUTAGES = (OperationalError, InterfaceError, ProgrammingError)
"""Errors of a database that is down, or has no tables yet."""
WRITER_SECONDS = 20.0
"""How long a bundle that must run alone waits for the writer before it is returned: messages have a time limit."""


@dataclass(slots=True)
class WorkerProcess:
    """State of a model worker's child process between tasks. `claimer` and `writer` work beside the device.

    `engine_id` is the record of `identity`, what the engine was when it computed last.
    `costs` are what the worker has learned so far; `since` is when its last bundle, or the wait for it, ended.
    `cost_centre` is the only one whose work it computes, if it has one (`jobs.fleet.centres`).
    `computing` is the bundle on the device. `isolated` means that the last computed bundle had to run alone.
    `unwritten` are the last leases that the writer was given, and their writing; it has at most two at a time.
    """

    name: str
    model: str
    engine: Engine
    engine_id: int
    healthy: bool
    identity: EngineIdentity | None = None
    claimer: Aside = field(default_factory=Inline)
    writer: Aside = field(default_factory=Inline)
    costs: Costs | None = None
    since: float = 0.0
    computing: Bundle | None = None
    isolated: bool = False
    cost_centre: str = ""
    unwritten: deque[tuple[UUID, Future[None]]] = field(default_factory=lambda: deque(maxlen=2))


@dataclass(frozen=True, slots=True)
class Computed:
    """The result and the charge of each chunk of a bundle, and the rate in tokens per second if it was measured."""

    results: Sequence[Result]
    charges: Sequence[Charge]
    tokens_per_second: float | None
    engine_id: int
    costs: Costs | None = None


@dataclass(frozen=True, slots=True)
class Bundle:
    """Chunks that are leased together and written together."""

    chunks: Sequence[leases.ClaimedChunk]
    renewal: Repeating

    @property
    def token(self) -> UUID:
        return self.chunks[0].token


def bundle_claim(process: WorkerProcess, chunk_ids: Sequence[int], *, begin: bool = False) -> Bundle | None:
    """Lease those of the chunks that are still ready; return None if none is.

    With `begin` computing begins at once, if no chunk must run alone: the caller runs the bundle next.
    """
    claimed = leases.chunks_claim(
        chunk_ids=chunk_ids,
        worker=process.name,
        precision=process.engine.identity.precision,
        cost_centre=process.cost_centre,
        begin=begin and not process.isolated,
        unwritten=_unwritten(process) if begin else (),
    )
    if not claimed:
        return None
    renewed = renewal(claimed[0].token)
    return Bundle(with_known(claimed, process.engine_id), renewed)


def _unwritten(process: WorkerProcess) -> list[UUID]:
    """Return the leases of bundles that are computed and perhaps not stored yet."""
    return [token for token, writing in process.unwritten if not writing.done() or writing.exception()]


def bundle_run(process: WorkerProcess, bundle: Bundle, ahead: Future[Bundle | None] | None) -> None:
    """Compute a bundle and hand its outputs to the writer. If the device fails, `ahead` is returned unused."""
    isolated = any(chunk.isolate for chunk in bundle.chunks)
    wanted = {chunk.id for chunk in bundle.chunks}
    if not bundle.chunks[0].begun:
        try:
            if isolated or process.isolated:  # A crash must not lose outputs that wait for the writer.
                process.writer.flush(WRITER_SECONDS)
            wanted = leases.chunks_begin(token=bundle.token, unwritten=_unwritten(process))
        except BaseException:
            bundle_give_back(bundle)
            raise
    chunks = [chunk for chunk in bundle.chunks if chunk.id in wanted]
    if not chunks:
        bundle.renewal.stop()
        _finalise(process, bundle)
        return
    process.computing = bundle
    try:
        computed = _compute(process, chunks)
    except Exception as error:
        log.exception("a bundle of %d chunks failed", len(chunks))
        bundle.renewal.stop()
        outlast(losses.lease_lost, token=bundle.token, reason=losses.worker_error(error))
        if _is_device_error(error):
            if not (len(chunks) == 1 and chunks[0].is_suspect):
                outlast(workers.worker_device_error, name=process.name)
            _end(process, ahead)
        return
    except BaseException:
        bundle.renewal.stop()
        raise
    finally:
        process.computing = None
    process.isolated = isolated
    computed = replace(computed, costs=_learn(process, chunks))
    writing = process.writer.do(_write, process, bundle, chunks, computed)
    process.unwritten.append((bundle.token, writing))


def _write(
    process: WorkerProcess,
    bundle: Bundle,
    chunks: Sequence[leases.ClaimedChunk],
    computed: Computed,
) -> None:
    """Store the outputs of the chunks, close them, and charge their owners; then close jobs without an open chunk."""
    done = [
        leases.Completion(
            chunk_id=chunk.id,
            token=chunk.token,
            outputs=result.outputs,
            failures=result.failures,
            succeeded=result.succeeded,
            charge=charge,
            unit_errors=result.unit_errors,
            made=result.made,
        )
        for chunk, result, charge in zip(chunks, computed.results, computed.charges, strict=True)
    ]
    whole = {chunk.job_id for chunk in chunks if chunk.whole}
    try:
        closed = _complete(done, computed.engine_id, whole)
    finally:
        bundle.renewal.stop()
    _finalise(process, bundle, without=closed)
    workers.worker_computed(name=process.name, tokens_per_second=computed.tokens_per_second, costs=computed.costs)


def _complete(done: Sequence[leases.Completion], engine_id: int, whole: Set[UUID]) -> Set[UUID]:
    """Store what is computed, and close those small jobs in the same transaction. Return the jobs that need no more."""
    if whole:
        try:
            leases.bundle_complete(done=done, engine_id=engine_id, closing=whole)
        except Exception:
            # What goes wrong at the end of a job must not cost its results.
            log.exception("jobs cannot be closed with their last chunk; they are closed after it")
        else:
            return whole
    outlast(leases.bundle_complete, done=done, engine_id=engine_id)
    return frozenset()


def _finalise(process: WorkerProcess, bundle: Bundle, without: Set[UUID] = frozenset()) -> None:
    """Release items whose units are done, and close jobs without an open chunk, except those `without` need."""
    released = 0
    for job_id in {chunk.job_id for chunk in bundle.chunks if chunk.units}:
        released += outlast(groups_release, job_id=job_id)
    if released:
        queue.dispatch_quietly(process.model)
    for job_id in {chunk.job_id for chunk in bundle.chunks} - without:
        outlast(job_finalise, job_id=job_id)


def outlast(write: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Repeat a write while the database is down or has no tables yet, so that computed results survive a restart.

    This is safe after a connection lost at COMMIT: completing needs the lease token, which the first commit clears.
    """
    give_up = time.monotonic() + OUTAGE_SECONDS
    pause = 0.2
    while True:
        try:
            return write(*args, **kwargs)
        except OUTAGES:
            connection.close()
            if time.monotonic() > give_up:
                raise
            log.warning("the database is down; trying again in %.1f s", pause)
            time.sleep(pause)
            pause = min(5.0, 2 * pause)


def _compute(process: WorkerProcess, chunks: Sequence[leases.ClaimedChunk]) -> Computed:
    """Compute all chunks in one call of the engine."""
    work = [work_of(chunk) for chunk in chunks]
    before, started = process.engine.tokens_run, time.monotonic()
    computed = iter(compute([one for some in work for one in some], process.engine.encode))
    tokens, seconds = process.engine.tokens_run - before, time.monotonic() - started
    each = [[next(computed) for _ in some] for some in work]
    return Computed(
        [result_of(chunk, some) for chunk, some in zip(chunks, each, strict=True)],
        _charges(chunks, each, seconds, process.engine.cores),
        _usual_tokens(process, chunks, tokens) / seconds if tokens >= process.engine.token_budget else None,
        _engine_id(process),
    )


def _engine_id(process: WorkerProcess) -> int:
    """Return the record of the engine as it has just computed: its attention may change once, after the start."""
    identity = process.engine.identity
    if process.identity is None:
        process.identity = identity
    elif identity != process.identity:
        process.engine_id = outlast(workers.worker_engine, name=process.name, identity=identity)
        process.identity = identity
        log.info("computes from now on as %s", identity)
    return process.engine_id


def _usual_tokens(process: WorkerProcess, chunks: Sequence[leases.ClaimedChunk], tokens: int) -> float:
    """Return the tokens of usual passes that take as long as these chunks, so that contexts do not lower the rate."""
    if process.costs is None:
        return tokens
    return in_tokens([process.costs]).seconds(total(chunk.computed_load for chunk in chunks))


def _learn(process: WorkerProcess, chunks: Sequence[leases.ClaimedChunk]) -> Costs | None:
    """Correct the worker's costs by the time since its last bundle, which holds the waits for database and storage."""
    now = time.monotonic()
    seconds, process.since = now - process.since, now
    if process.costs is not None:
        loads: dict[str, Load] = {}
        for chunk in chunks:
            loads[chunk.kind] = loads.get(chunk.kind, Load()) + chunk.computed_load
        process.costs = process.costs.learned(loads, seconds)
    return process.costs


def _charges(
    chunks: Sequence[leases.ClaimedChunk], each: Sequence[Sequence[ComputedItem]], seconds: float, cores: int
) -> list[Charge]:
    """Divide the seconds of a bundle between its chunks by their tokens. `cores` is 0 on a GPU."""
    # Items that are put together from units run nothing, and units of earlier jobs are not charged again.
    weights = [chunk.computed_load.tokens if some else 0 for chunk, some in zip(chunks, each, strict=True)]
    whole = sum(weights)
    charges = []
    for chunk, some, weight in zip(chunks, each, weights, strict=True):
        share = seconds * weight / whole if whole else 0.0
        charges.append(
            Charge(
                chunk.job_id,
                gpu_seconds=0.0 if cores else share,
                cpu_seconds=share * cores,
                passes=sum(one.passes for one in some),
                residues=sum(one.residues for one in some),
            )
        )
    return charges


def _is_device_error(error: Exception) -> bool:
    """Return whether the device has failed: no further call in this process would work."""
    return "CUDA" in str(error) or type(error).__name__ == "AcceleratorError"


def _end(process: WorkerProcess, ahead: Future[Bundle | None] | None) -> None:
    """Finish writing, return what is claimed ahead, and end this process.

    The pool starts a new process, which must pass its self-test.
    """
    log.critical("ending this process after a device error")
    process.writer.flush()
    if ahead is not None:
        bundle_let_go(ahead)
    os._exit(1)


def bundle_let_go(ahead: Future[Bundle | None]) -> None:
    """Return what was claimed ahead, if anything. Doing it twice is harmless."""
    with suppress(Exception):
        if (bundle := ahead.result()) is not None:
            bundle_give_back(bundle)


def bundle_give_back(bundle: Bundle, *, patience: float = 0.0) -> None:
    """Return a bundle as if it had never been claimed.

    Tries twice at least, and for `patience` seconds. If the database is down for longer, the lease will expire.
    """
    bundle.renewal.stop()
    give_up = time.monotonic() + patience
    for tries in count(1):
        try:
            leases.lease_release(token=bundle.token)
        except (DatabaseError, InterfaceError) as error:
            log.warning("%d chunks wait until their lease expires: %s", len(bundle.chunks), error)
            connection.close()  # The next try opens a new one.
        else:
            return
        if tries > 1:
            if time.monotonic() >= give_up:
                return
            time.sleep(0.2)
