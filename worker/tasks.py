"""The seam between Django and the engine: claim -> encode -> complete. The only module that knows both."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from celery import current_app, shared_task
from django.db import DatabaseError, InterfaceError, OperationalError, ProgrammingError, connection

from jobs import queue
from jobs.errors import Problem
from jobs.services import leases, losses, workers
from jobs.services.lifecycle import job_finalise
from jobs.services.units import groups_release
from worker.aside import Aside, Beside, Inline, Repeating, renewal
from worker.items import compute
from worker.parts import Result, result_of, work_of
from worker.protocol import TASK_RUN_BUNDLE, model_queue

if TYPE_CHECKING:
    from concurrent.futures import Future
    from uuid import UUID

    from worker.engine import Engine

log = logging.getLogger(__name__)

T = TypeVar("T")

HEARTBEAT_SECONDS = 5.0
OUTAGE_SECONDS = 600.0
"""How long computed results wait for a database that is away."""


@dataclass(slots=True)
class WorkerProcess:
    """What a model worker's child process holds between tasks. `claimer` and `writer` work beside the device."""

    name: str
    model: str
    engine: Engine
    engine_id: int
    healthy: bool
    claimer: Aside = field(default_factory=Inline)
    writer: Aside = field(default_factory=Inline)


@dataclass(frozen=True, slots=True)
class Bundle:
    """Chunks that are leased together, until they are written."""

    chunks: Sequence[leases.ClaimedChunk]
    renewal: Repeating

    @property
    def token(self) -> UUID:
        return self.chunks[0].token


_process: WorkerProcess | None = None
_heartbeat: Repeating | None = None
_taking: bool | None = None
"""Whether the parent process was told to take messages; None where this process has told it nothing yet."""
_given_up: tuple[str, str] | None = None
"""Model and name of a worker that claims nothing."""


@shared_task(name=TASK_RUN_BUNDLE)
def run_bundles(bundles: list[list[int]]) -> None:
    """Compute the bundles that this message names, one after the other, and before each one synchronous requests that
    wait. While one computes, the next is claimed and the last is written.
    """
    process = _process
    if process is None or not process.healthy:
        log.error("this worker is not healthy and claims nothing; the message is left to others")
        queue.unpublish([chunk_id for bundle in bundles for chunk_id in bundle])
        if _given_up is not None:
            _stop_taking(*_given_up)
        return
    if not bundles:
        _prove(process)
        return
    if workers.worker_is_draining(name=process.name):
        _leave(process, bundles)
        return
    # Claimed, and not begun: at most the bundle in hand and the one after it.
    waiting = [process.claimer.do(partial(_claim, process, bundles[0]))]
    try:
        for number, following in enumerate([*bundles[1:], None], start=1):
            bundle = waiting[0].result()
            if workers.worker_is_draining(name=process.name):
                waiting.clear()
                if bundle is not None:
                    _run(process, bundle, None)
                _leave(process, bundles[number:])
                return
            while (urgent := leases.chunks_ready_interactive(model=process.model)) and (
                first := _claim(process, urgent)
            ):
                _run(process, first, None)
            if following is not None:
                waiting.append(process.claimer.do(partial(_claim, process, following)))
            del waiting[0]
            if bundle is not None:
                _run(process, bundle, waiting[0] if waiting else None)
    except BaseException:
        # The database was away for a moment, or this process is being ended: nobody must go on renewing what nobody
        # computes. What was begun is not given back: if the process is ended for a hang, that counts as a loss.
        for claim in waiting:
            _let_go(claim)
        raise
    queue.dispatch_quietly(process.model)


def _leave(process: WorkerProcess, bundles: Sequence[Sequence[int]]) -> None:
    """Leave these bundles and all further messages to others: this worker drains."""
    log.info("draining: %d bundles are left to others", len(bundles))
    queue.unpublish([chunk_id for bundle in bundles for chunk_id in bundle])
    _stop_taking(process.model, process.name)
    queue.dispatch_quietly(process.model)


def _beat(model: str, name: str) -> None:
    """Say that this worker lives, and follow a drain, or its end, in what it takes from the queue: idle, it would not
    hear of it otherwise.
    """
    global _taking  # noqa: PLW0603 - one worker per process, owned by this module
    workers.worker_beat(name=name)
    if _process is None or not _process.healthy:
        return
    wanted = not workers.worker_is_draining(name=name)
    if wanted == _taking:
        return
    if wanted:
        current_app.control.add_consumer(model_queue(model), destination=[name])
    else:
        _stop_taking(model, name)
    _taking = wanted
    log.info("this worker takes work again" if wanted else "this worker drains: it takes no further work")


def _claim(process: WorkerProcess, chunk_ids: Sequence[int]) -> Bundle | None:
    """Lease what is still ready of these chunks; None where that is nothing."""
    claimed = leases.chunks_claim(chunk_ids=chunk_ids, worker=process.name)
    return Bundle(claimed, renewal(claimed[0].token)) if claimed else None


def _run(process: WorkerProcess, bundle: Bundle, ahead: Future[Bundle | None] | None) -> None:
    """Compute a bundle and hand its outputs to the writer. `ahead` is claimed already, and given back where the device
    fails.
    """
    isolated = any(chunk.isolate for chunk in bundle.chunks)
    try:
        if isolated:  # what may end this process shares it with nothing that waits to be written
            process.writer.flush()
        wanted = leases.chunks_begin(token=bundle.token)
    except BaseException:
        _give_back(bundle)
        raise
    chunks = [chunk for chunk in bundle.chunks if chunk.id in wanted]
    if not chunks:
        bundle.renewal.stop()
        _finalise(process, bundle)
        return
    try:
        computed, tokens_per_second = _compute(process, chunks)
    except Exception as error:
        log.exception("a bundle of %d chunks failed", len(chunks))
        bundle.renewal.stop()
        _outlast(partial(losses.lease_lost, token=bundle.token, reason=_reason(error)))
        if _is_device_error(error):
            if not (len(chunks) == 1 and chunks[0].is_suspect):
                _outlast(partial(workers.worker_device_error, name=process.name))
            _end(process, ahead)
        return
    except BaseException:
        bundle.renewal.stop()
        raise
    process.writer.do(partial(_write, process, bundle, chunks, computed, tokens_per_second))
    if isolated:
        process.writer.flush()


def _write(
    process: WorkerProcess,
    bundle: Bundle,
    chunks: Sequence[leases.ClaimedChunk],
    computed: Sequence[Result],
    tokens_per_second: float | None,
) -> None:
    """Store the outputs of each chunk and close it; then the jobs that have none left."""
    try:
        for chunk, result in zip(chunks, computed, strict=True):
            _outlast(
                partial(
                    leases.chunk_complete,
                    chunk_id=chunk.id,
                    token=chunk.token,
                    outputs=result.outputs,
                    failures=result.failures,
                    succeeded=result.succeeded,
                    engine_id=process.engine_id,
                    unit_errors=result.unit_errors,
                    made=result.made,
                )
            )
    finally:
        bundle.renewal.stop()
    _finalise(process, bundle)
    workers.worker_computed(name=process.name, tokens_per_second=tokens_per_second)


def _finalise(process: WorkerProcess, bundle: Bundle) -> None:
    """Items whose units are done go on, jobs that have no chunk left are closed."""
    released = 0
    for job_id in {chunk.job_id for chunk in bundle.chunks if chunk.units}:
        released += _outlast(partial(groups_release, job_id=job_id))
    if released:
        queue.dispatch_quietly(process.model)
    for job_id in {chunk.job_id for chunk in bundle.chunks}:
        _outlast(partial(job_finalise, job_id=job_id))


def _outlast(write: Callable[[], T]) -> T:
    """Repeat a write while the database is away or its tables are in the making: computed results survive a restart.

    Safe after a connection lost at COMMIT: completing needs the lease token, which the first commit has taken away.
    """
    give_up = time.monotonic() + OUTAGE_SECONDS
    pause = 0.2
    while True:
        try:
            return write()
        except (OperationalError, InterfaceError, ProgrammingError):
            connection.close()
            if time.monotonic() > give_up:
                raise
            log.warning("the database is away; trying again in %.1f s", pause)
            time.sleep(pause)
            pause = min(5.0, 2 * pause)


def _compute(process: WorkerProcess, chunks: Sequence[leases.ClaimedChunk]) -> tuple[list[Result], float | None]:
    """One call of the engine for everything in all chunks; then what is stored of each chunk, and the rate in tokens
    per second where enough was run to tell.
    """
    work = [work_of(chunk) for chunk in chunks]
    before, started = process.engine.tokens_run, time.monotonic()
    computed = iter(compute([one for some in work for one in some], process.engine.encode))
    tokens, seconds = process.engine.tokens_run - before, time.monotonic() - started
    results = [result_of(chunk, [next(computed) for _ in some]) for chunk, some in zip(chunks, work, strict=True)]
    return results, tokens / seconds if tokens >= process.engine.token_budget else None


def _reason(error: Exception) -> Problem:
    return Problem(
        "worker_error",
        f"the worker failed on this item: {type(error).__name__}: {str(error)[:300]}",
        "Retry the failed items; if it fails again, look into the worker's log and report it.",
    )


def _is_device_error(error: Exception) -> bool:
    """A CUDA error poisons the process."""
    return "CUDA" in str(error) or type(error).__name__ == "AcceleratorError"


def _end(process: WorkerProcess, ahead: Future[Bundle | None] | None) -> None:
    """End at once; the pool starts a new process, which must pass its self-test. What is written is finished, and what
    is claimed ahead goes back as if it had never been touched.
    """
    log.critical("ending this process after a device error")
    process.writer.flush()
    if ahead is not None:
        _let_go(ahead)
    os._exit(1)


def _let_go(ahead: Future[Bundle | None]) -> None:
    """Give back what was claimed ahead, if it was; doing it twice is harmless."""
    with suppress(Exception):
        if (bundle := ahead.result()) is not None:
            _give_back(bundle)


def _give_back(bundle: Bundle) -> None:
    """Uncounted, as if it had never been touched. Where the database is away the lease runs out by itself."""
    bundle.renewal.stop()
    for _ in range(2):
        try:
            leases.lease_release(token=bundle.token)
        except (DatabaseError, InterfaceError) as error:
            log.warning("%d chunks wait until their lease runs out: %s", len(bundle.chunks), error)
            connection.close()  # the next try has a new one
        else:
            return


def start_worker(model: str, name: str, run: str = "") -> None:
    """Load the network, test it, say so, and keep saying so.

    The tables may still be in the making: the network is loaded meanwhile. A worker whose weights cannot be had, whose
    self-test fails, or whose device has failed again and again since its parent process started, says why, claims
    nothing and stops taking messages.
    """
    global _process, _heartbeat  # noqa: PLW0603 - one network per process, owned by this module
    with suppress(DatabaseError):
        workers.worker_starting(name=name, model=model, run=run)
    connection.close()
    _heartbeat = Repeating("heartbeat", HEARTBEAT_SECONDS, partial(_beat, model, name))
    reason, rate = "", 0.0
    try:
        from worker.engine import Engine
        from worker.engine.rate import tune
        from worker.model.verify import self_test

        engine = Engine.load(model)
        failed = [check for check in self_test(engine) if not check.passed]
        rate = tune(engine)
        reason = "; ".join(f"{check.name}: {check.measured} (tolerance {check.tolerance})" for check in failed)
    except Exception as error:
        # Whatever it is, a worker that says why is better than one that seems to start for ever.
        log.exception("the network of %s cannot be loaded", model)
        reason = str(error) if type(error).__module__.startswith("worker.") else f"{type(error).__name__}: {error}"
    _outlast(partial(workers.worker_starting, name=name, model=model, run=run))
    if not reason and workers.worker_is_broken(name=name):
        reason = (
            f"{workers.MAX_DEVICE_ERRORS} device errors in a row: the device is taken for broken, although it passes "
            "the self-test; look at it, then start this worker again"
        )
    if reason:
        _give_up(model, name, reason)
    else:
        engine_id = workers.engine_record(identity=engine.identity)
        beside = {"claimer": Beside("claimer", waiting=0), "writer": Beside("writer", waiting=1)}
        _process = WorkerProcess(name, model, engine, engine_id, healthy=True, **beside)
        workers.worker_ready(name=name, engine_id=engine_id, tokens_per_second=rate)
        log.info("ready: %s", engine.identity)
        queue.dispatch_quietly(model)


def _give_up(model: str, name: str, reason: str) -> None:
    """Say why this worker is of no use, and leave the messages to others."""
    global _given_up  # noqa: PLW0603 - one worker per process, owned by this module
    log.critical("this worker of %s claims nothing: %s", model, reason)
    workers.worker_sick(name=name, reason=reason)
    _given_up = model, name
    _stop_taking(model, name)


def _stop_taking(model: str, name: str) -> None:
    """Ask the parent process to take no further messages. While it starts it does not listen yet: the first message
    that comes all the same asks again.
    """
    try:
        current_app.control.cancel_consumer(model_queue(model), destination=[name])
    except queue.BROKER_ERRORS as error:
        log.warning("cannot stop taking messages: %s", error)


def stop_worker() -> None:
    """Say that this worker is gone, so that nobody waits for its heartbeat to run out."""
    if _heartbeat is not None:
        _heartbeat.stop()
    if _process is not None:
        _process.writer.flush()
        workers.worker_stopped(name=_process.name)


def _prove(process: WorkerProcess) -> None:
    """A forward pass that belongs to nobody, with the right numbers."""
    from worker.model.verify import self_test

    if all(check.passed for check in self_test(process.engine)):
        workers.worker_proved(name=process.name)
        return
    process.healthy = False
    _give_up(process.model, process.name, "a repeated self-test failed")
