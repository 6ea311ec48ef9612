"""The task that a message calls, and a worker process from start to end: `worker.bundles` does the work between."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import suppress
from functools import partial

from celery import current_app, shared_task
from django.db import DatabaseError, connection

from e1protocol import TASK_RUN_BUNDLE, model_queue
from jobs.fleet import workers
from jobs.queue import dispatch as queue
from jobs.queue import leases
from worker.aside import Beside, Repeating
from worker.bundles import WorkerProcess, bundle_claim, bundle_let_go, bundle_run, outlast

log = logging.getLogger(__name__)

HEARTBEAT_SECONDS = 5.0

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
    waiting = [process.claimer.do(partial(bundle_claim, process, bundles[0]))]
    try:
        for number, following in enumerate([*bundles[1:], None], start=1):
            bundle = waiting[0].result()
            if workers.worker_is_draining(name=process.name):
                waiting.clear()
                if bundle is not None:
                    bundle_run(process, bundle, None)
                _leave(process, bundles[number:])
                return
            while (urgent := leases.chunks_ready_interactive(model=process.model)) and (
                first := bundle_claim(process, urgent)
            ):
                bundle_run(process, first, None)
            if following is not None:
                waiting.append(process.claimer.do(partial(bundle_claim, process, following)))
            del waiting[0]
            if bundle is not None:
                bundle_run(process, bundle, waiting[0] if waiting else None)
    except BaseException:
        # The database was away for a moment, or this process is being ended: nobody must go on renewing what nobody
        # computes. What was begun is not given back: if the process is ended for a hang, that counts as a loss.
        for claim in waiting:
            bundle_let_go(claim)
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
    outlast(partial(workers.worker_starting, name=name, model=model, run=run))
    if not reason and workers.worker_is_broken(name=name):
        reason = (
            f"{workers.MAX_DEVICE_ERRORS} device errors in a row: the device is taken for broken, although it passes "
            "the self-test; look at it, then start this worker again"
        )
    if reason:
        _give_up(model, name, reason)
    else:
        engine_id = workers.engine_record(identity=engine.identity)
        claimer, writer = Beside("claimer", waiting=0), Beside("writer", waiting=1)
        _process = WorkerProcess(name, model, engine, engine_id, healthy=True, claimer=claimer, writer=writer)
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
