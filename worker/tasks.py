"""The seam between Django and the engine: claim -> encode -> complete. The only module that knows both."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from celery import current_app, shared_task
from django.db import DatabaseError, InterfaceError, OperationalError, ProgrammingError, connection

from jobs import queue
from jobs.actions import ACTIONS
from jobs.errors import Problem
from jobs.outputs import PackedOutput, pack_outputs
from jobs.services import leases, workers
from jobs.services.lifecycle import job_finalise
from worker.items import Computed, Work, compute, expand_all
from worker.protocol import TASK_RUN_BUNDLE, model_queue

if TYPE_CHECKING:
    from collections.abc import Iterator
    from uuid import UUID

    from worker.engine import Engine

log = logging.getLogger(__name__)

HEARTBEAT_SECONDS = 5.0
OUTAGE_SECONDS = 600.0
"""How long computed results wait for a database that is away."""


@dataclass(slots=True)
class WorkerProcess:
    """What a model worker's child process holds between tasks."""

    name: str
    model: str
    engine: Engine
    engine_id: int
    healthy: bool


_process: WorkerProcess | None = None
_stopping = threading.Event()


@shared_task(name=TASK_RUN_BUNDLE)
def run_bundle(chunk_ids: list[int]) -> None:
    """Compute synchronous requests that wait, then the bundle that this message names."""
    process = _process
    if process is None or not process.healthy:
        log.error("this worker is not healthy and claims nothing; the message is left to others")
        return
    if not chunk_ids:
        _prove(process)
        return
    while urgent := leases.chunks_ready_interactive(model=process.model):
        if not _claim_and_run(process, urgent):
            break
    _claim_and_run(process, chunk_ids)
    queue.dispatch_quietly(process.model)


def _claim_and_run(process: WorkerProcess, chunk_ids: Sequence[int]) -> bool:
    """Claim, compute and complete; True where at least one chunk was claimed."""
    claimed = leases.chunks_claim(chunk_ids=chunk_ids, worker=process.name)
    if not claimed:
        return False
    with _renewed(claimed[0].token):
        try:
            computed = _compute(process, claimed)
        except Exception as error:
            log.exception("a bundle of %d chunks failed", len(claimed))
            leases.lease_lost(token=claimed[0].token, reason=_reason(error))
            _end_after_device_error(error)
            return True
        for chunk, (outputs, failures) in zip(claimed, computed, strict=True):
            _outlast(
                partial(
                    leases.chunk_complete,
                    chunk_id=chunk.id,
                    token=chunk.token,
                    outputs=outputs,
                    failures=failures,
                    succeeded=len(chunk.items) - len(failures),
                    engine_id=process.engine_id,
                )
            )
    for job_id in {chunk.job_id for chunk in claimed}:
        _outlast(partial(job_finalise, job_id=job_id))
    return True


def _outlast(write: Callable[[], Any]) -> None:
    """Repeat a write while the database is away or its tables are in the making: computed results survive a restart.

    Safe after a connection lost at COMMIT: completing needs the lease token, which the first commit has taken away.
    """
    give_up = time.monotonic() + OUTAGE_SECONDS
    pause = 0.2
    while True:
        try:
            write()
        except (OperationalError, InterfaceError, ProgrammingError):
            connection.close()
            if time.monotonic() > give_up:
                raise
            log.warning("the database is away; trying again in %.1f s", pause)
            time.sleep(pause)
            pause = min(5.0, 2 * pause)
        else:
            return


def _compute(
    process: WorkerProcess, claimed: Sequence[leases.ClaimedChunk]
) -> list[tuple[list[PackedOutput], dict[int, Problem]]]:
    """One call of the engine for all items of all chunks; then each chunk's outputs and failed items."""
    work = [Work(ACTIONS[chunk.action], chunk.params, item.view) for chunk in claimed for item in chunk.items]
    expanded = expand_all(work)
    started = time.monotonic()
    computed = compute(work, expanded, process.engine.encode)
    seconds = time.monotonic() - started
    tokens = sum(query.tokens for queries in expanded for query in queries)
    workers.worker_computed(
        name=process.name, tokens_per_second=tokens / seconds if tokens >= process.engine.token_budget else None
    )
    pieces = iter(computed)
    return [_pack(chunk, [next(pieces) for _ in chunk.items]) for chunk in claimed]


def _pack(chunk: leases.ClaimedChunk, computed: Sequence[Computed]) -> tuple[list[PackedOutput], dict[int, Problem]]:
    """The chunk's rows to store, and the items that failed by index."""
    pairs = list(zip(chunk.items, computed, strict=True))
    stored = [(item.index, one.stored) for item, one in pairs if one.error is None]
    failures = {item.index: _item_failed(one.error) for item, one in pairs if one.error is not None}
    return pack_outputs(ACTIONS[chunk.action], stored), failures


def _item_failed(code: str) -> Problem:
    return Problem(
        code,
        "the worker's device ran out of memory on this item alone",
        "Shorten the sequence or its contexts, or run it on a worker with more memory; then retry the failed items.",
    )


def _reason(error: Exception) -> Problem:
    return Problem(
        "worker_error",
        f"the worker failed on this item: {type(error).__name__}: {str(error)[:300]}",
        "Retry the failed items; if it fails again, look into the worker's log and report it.",
    )


def _end_after_device_error(error: Exception) -> None:
    """A CUDA error poisons the process: end it at once, the pool starts a new one, which must pass its self-test."""
    if "CUDA" in str(error) or type(error).__name__ == "AcceleratorError":
        log.critical("ending this process after a device error")
        os._exit(1)


@contextmanager
def _renewed(token: UUID) -> Iterator[None]:
    """Renew the lease from a thread while the block runs: the thread goes on while the device computes."""
    done = threading.Event()

    def renew() -> None:
        while not done.wait(leases.RENEW_SECONDS):
            try:
                leases.lease_renew(token=token)
            except (OperationalError, InterfaceError) as error:
                log.warning("cannot renew the lease now: %s", error)
                connection.close()
        connection.close()

    thread = threading.Thread(target=renew, name="lease", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def start_worker(model: str, name: str) -> None:
    """Load the network, test it, say so, and keep saying so.

    The tables may still be in the making: the network is loaded meanwhile. A worker whose weights cannot be had, or
    whose self-test fails, says why, claims nothing and stops taking messages.
    """
    global _process  # noqa: PLW0603 - one network per process, owned by this module
    from worker.engine import Engine
    from worker.engine.rate import measure_rate
    from worker.model.errors import ModelError
    from worker.model.verify import self_test

    with suppress(DatabaseError):
        workers.worker_starting(name=name, model=model)
    connection.close()
    _every(HEARTBEAT_SECONDS, lambda: workers.worker_beat(name=name))
    reason, rate = "", 0.0
    try:
        engine = Engine.load(model)
        failed = [check for check in self_test(engine) if not check.passed]
        rate = measure_rate(engine)
        reason = "; ".join(f"{check.name}: {check.measured} (tolerance {check.tolerance})" for check in failed)
    except ModelError as error:
        reason = str(error)
    _outlast(partial(workers.worker_starting, name=name, model=model))
    if reason:
        _give_up(model, name, reason)
    else:
        engine_id = workers.engine_record(identity=engine.identity)
        _process = WorkerProcess(name, model, engine, engine_id, healthy=True)
        workers.worker_ready(name=name, engine_id=engine_id, tokens_per_second=rate)
        log.info("ready: %s", engine.identity)
        queue.dispatch_quietly(model)


def _give_up(model: str, name: str, reason: str) -> None:
    """Say why this worker is of no use, and leave the messages to others."""
    log.critical("this worker of %s claims nothing: %s", model, reason)
    workers.worker_sick(name=name, reason=reason)
    try:
        current_app.control.cancel_consumer(model_queue(model), destination=[name])
    except queue.BROKER_ERRORS as error:
        log.warning("cannot stop taking messages: %s", error)


def stop_worker() -> None:
    """Say that this worker is gone, so that nobody waits for its heartbeat to run out."""
    _stopping.set()
    if _process is not None:
        workers.worker_stopped(name=_process.name)


def _prove(process: WorkerProcess) -> None:
    """A forward pass that belongs to nobody, with the right numbers."""
    from worker.model.verify import self_test

    if all(check.passed for check in self_test(process.engine)):
        workers.worker_computed(name=process.name)
        return
    process.healthy = False
    _give_up(process.model, process.name, "a repeated self-test failed")


def _every(seconds: float, call: Callable[[], Any]) -> None:
    """Call again and again from a thread of its own; a database that is away is tried again."""

    def loop() -> None:
        while not _stopping.wait(seconds):
            try:
                call()
            except Exception as error:
                log.warning("cannot send the heartbeat now: %s", error)
                connection.close()

    threading.Thread(target=loop, name="heartbeat", daemon=True).start()
