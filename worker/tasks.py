"""A model worker's process from start to end, and its Celery task. `worker.bundles` computes single bundles."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from celery import current_app, shared_task
from django.db import DatabaseError, connection

from e1protocol import TASK_RUN_BUNDLE, model_queue
from jobs.fleet import workers
from jobs.fleet.centres import centre_has_workers
from jobs.queue import dispatch as queue
from jobs.queue import leases
from worker.aside import Beside, Repeating
from worker.bundles import WorkerProcess, bundle_claim, bundle_give_back, bundle_let_go, bundle_run, outlast
from worker.stopping import Stopping

if TYPE_CHECKING:
    from concurrent.futures import Future

    from worker.bundles import Bundle

log = logging.getLogger(__name__)

HEARTBEAT_SECONDS = 5.0
FLUSH_SECONDS = 3.0
"""How long computed bundles may take to be written when the grace of a stop is over."""
GIVE_BACK_SECONDS = 8.0
"""How long a bundle is then tried to be given back while the database is away. Slurm kills 30 s after SIGTERM."""


class ModelWorker:
    """The worker of one model in this process, from start to end.

    `process` is None until the network has loaded and passed its self-test.
    """

    def __init__(
        self,
        model: str,
        name: str,
        run: str = "",
        process: WorkerProcess | None = None,
        *,
        leave_after: float = 0.0,
        cost_centre: str = "",
    ) -> None:
        self.model, self.name, self._run, self._cost_centre = model, name, run, cost_centre
        # Seconds without work after which the worker leaves; 0 if it stays.
        self._leave_after = leave_after
        self._worked_at, self._busy = time.monotonic(), False
        self.process = process
        self._heartbeat: Repeating | None = None
        # Whether the parent process was asked to take messages; None before the first request.
        self._taking: bool | None = None
        self._stopping = Stopping(self._hand_over)

    def start(self) -> None:
        """Load the network, test it and record the result; send heartbeats from now on.

        The worker claims nothing if its weights are missing, its self-test fails, or its device has failed repeatedly
        since the parent process started. It then records the reason and stops taking messages.
        """
        starting = partial(
            workers.worker_starting, name=self.name, model=self.model, run=self._run, cost_centre=self._cost_centre
        )
        with suppress(DatabaseError):  # the tables may not exist yet; the network loads meanwhile
            starting()
        connection.close()
        self._heartbeat = Repeating("heartbeat", HEARTBEAT_SECONDS, self.beat)
        reason, rate, costs = "", 0.0, None
        try:
            from worker.engine import Engine
            from worker.engine.fit import fit
            from worker.engine.rate import tune
            from worker.model.verify import self_test

            engine = Engine.load(self.model)
            failed = [check for check in self_test(engine) if not check.passed]
            rate = tune(engine)
            costs = fit(engine, rate)
            reason = "; ".join(f"{check.name}: {check.measured} (tolerance {check.tolerance})" for check in failed)
        except Exception as error:
            # Any failure here must become a visible reason, or the worker would seem to start for ever.
            log.exception("the network of %s cannot be loaded", self.model)
            reason = str(error) if type(error).__module__.startswith("worker.") else f"{type(error).__name__}: {error}"
        outlast(starting)
        if not reason and workers.worker_is_broken(name=self.name):
            reason = (
                f"{workers.MAX_DEVICE_ERRORS} device errors in a row: the device is taken for broken, although it "
                "passes the self-test; look at it, then start this worker again"
            )
        if reason:
            self._give_up(reason)
            return
        if self._cost_centre and not centre_has_workers(self._cost_centre):
            log.warning(
                "no group leaves its work to workers of the cost centre %s, so this one gets none (docs/accounts.md)",
                self._cost_centre,
            )
        identity = engine.identity
        engine_id = workers.engine_record(identity=identity)
        claimer, writer = Beside("claimer", waiting=0), Beside("writer", waiting=1)
        self.process = WorkerProcess(
            *(self.name, self.model, engine, engine_id, True, identity),
            claimer=claimer,
            writer=writer,
            cost_centre=self._cost_centre,
        )
        if costs is not None:
            costs = costs.remembering(
                workers.costs_learned_before(name=self.name, model=self.model, engine_id=engine_id)
            )
        self.process.costs = costs
        workers.worker_ready(name=self.name, engine_id=engine_id, tokens_per_second=rate, costs=costs)
        self._worked_at = time.monotonic()
        log.info("ready: %s", identity)
        queue.dispatch_quietly(self.model)

    def stop(self) -> None:
        """Write what is computed and record that this worker has stopped."""
        self._stopping.close()
        if self._heartbeat is not None:
            self._heartbeat.stop()
        if self.process is not None:
            self.process.writer.flush()
            workers.worker_stopped(name=self.name)

    def run(self, bundles: Sequence[Sequence[int]]) -> None:
        """Compute a message's bundles in order; waiting synchronous requests go before each of them.

        While one bundle computes, the next is claimed and the previous one is written. SIGTERM ends the message after
        the current bundle.
        """
        self._busy = bool(bundles)
        try:
            with self._stopping.in_order():
                self._answer(bundles)
        finally:
            if bundles:
                self._worked_at, self._busy = time.monotonic(), False

    def _answer(self, bundles: Sequence[Sequence[int]]) -> None:
        process = self.process
        if process is None or not process.healthy:
            log.error("this worker is not healthy and claims nothing; other workers get its message")
            _unpublish(bundles)
            self.stop_taking()
            return
        if not bundles:
            self._prove(process)
            return
        process.since = time.monotonic()
        ahead: Future[Bundle | None] | None = None  # The bundle that is claimed and not begun.
        try:
            for number, chunk_ids in enumerate(bundles):
                taken = self._answer_urgent(process, chunk_ids)
                if taken is None:
                    bundle = ahead.result() if ahead is not None else None
                    ahead = None
                    if bundle is not None:
                        bundle_run(process, bundle, None)
                    self._leave(bundles[number + (bundle is not None) :])
                    return
                if ahead is not None:
                    bundle = ahead.result()
                else:
                    left = [chunk_id for chunk_id in chunk_ids if chunk_id not in taken]
                    bundle = bundle_claim(process, left, begin=True) if left else None
                following = bundles[number + 1 : number + 2]
                try:
                    ahead = process.claimer.do(bundle_claim, process, following[0]) if following else None
                except BaseException:
                    if bundle is not None:
                        bundle_give_back(bundle)
                    raise
                if bundle is not None:
                    bundle_run(process, bundle, ahead)
        except BaseException:
            # The database is down or this process is ending: don't renew leases of what is not computed. A bundle that
            # was begun keeps its lease: if this process is killed for a hang, that counts as a loss.
            if ahead is not None:
                bundle_let_go(ahead)
            raise
        # After the last bundle is written: somebody may wait for it.
        process.writer.do(queue.dispatch_if_any, self.model)

    def _answer_urgent(self, process: WorkerProcess, own: Sequence[int]) -> set[int] | None:
        """Compute the synchronous requests that wait, and return their chunks; None if this worker takes no more.

        End early once all chunks of the message's `own` bundle were among them.
        """
        taken: set[int] = set()
        while not own or not taken.issuperset(own):
            urgent = None if self._stopping.asked else self._urgent(process)
            if not urgent or (bundle := bundle_claim(process, urgent, begin=True)) is None:
                return None if urgent is None else taken
            bundle_run(process, bundle, None)
            taken.update(chunk.id for chunk in bundle.chunks)
        return taken

    def _urgent(self, process: WorkerProcess) -> list[int] | None:
        """Return the chunks of synchronous requests that are ready; None if this worker drains."""
        return leases.chunks_ready_interactive(
            model=self.model,
            precision=process.engine.identity.precision,
            cost_centre=process.cost_centre,
            worker=self.name,
        )

    def beat(self) -> None:
        """Write a heartbeat, and start or stop taking messages when a drain begins or ends.

        An idle worker learns of a drain only here.
        """
        workers.worker_beat(name=self.name)
        if self.process is None or not self.process.healthy:
            return
        self._leave_if_idle()
        wanted = not workers.worker_is_draining(name=self.name)
        if wanted:
            # Each time, because the parent process may not have heard the first.
            current_app.control.add_consumer(self._queues()[1], destination=[self.name])
        if wanted == self._taking:
            return
        if wanted:
            current_app.control.add_consumer(self._queues()[0], destination=[self.name])
        else:
            self.stop_taking()
        self._taking = wanted
        log.info("this worker takes work again" if wanted else "this worker drains: it takes no further work")

    def _leave_if_idle(self) -> None:
        """Ask the parent process to end in order if nothing was computed for long. A lost request is repeated."""
        idle = time.monotonic() - self._worked_at
        if not self._leave_after or self._busy or idle < self._leave_after:
            return
        log.info("nothing to compute for %.0f s: this worker leaves", idle)
        try:
            current_app.control.shutdown(destination=[self.name])
        except queue.BROKER_ERRORS as error:
            log.warning("cannot leave now: %s", error)

    def stop_taking(self) -> None:
        """Ask the parent process to take no further messages.

        A parent process that is still starting can't hear this; the next message repeats the request.
        """
        try:
            for name in self._queues():
                current_app.control.cancel_consumer(name, destination=[self.name])
        except queue.BROKER_ERRORS as error:
            log.warning("cannot stop taking messages: %s", error)

    def _queues(self) -> list[str]:
        """Return the queues that this worker reads: its model's and, once that is known, its precision's."""
        precisions = [""] if self.process is None else ["", self.process.engine.identity.precision]
        return [model_queue(self.model, precision, self._cost_centre) for precision in precisions]

    def _hand_over(self) -> None:
        """Return the bundle that is being computed to the queue, uncounted: the grace of a stop is over."""
        if (process := self.process) is None:
            return
        log.warning("the current bundle takes longer than a stop may; other workers get it")
        with suppress(TimeoutError):
            process.writer.flush(FLUSH_SECONDS)
        if process.computing is not None:
            bundle_give_back(process.computing, patience=GIVE_BACK_SECONDS)
        workers.worker_stopped(name=self.name)

    def _leave(self, bundles: Sequence[Sequence[int]]) -> None:
        """Leave these bundles and all further messages to other workers, because this one drains or stops."""
        log.info("%d bundles are left to others", len(bundles))
        _unpublish(bundles)
        self.stop_taking()
        queue.dispatch_quietly(self.model)

    def _prove(self, process: WorkerProcess) -> None:
        """Repeat the self-test, which counts as a forward pass."""
        from worker.model.verify import self_test

        if all(check.passed for check in self_test(process.engine)):
            workers.worker_proved(name=self.name)
            return
        process.healthy = False
        self._give_up("a repeated self-test failed")

    def _give_up(self, reason: str) -> None:
        """Record why this worker claims nothing, and leave messages to other workers."""
        log.critical("this worker of %s claims nothing: %s", self.model, reason)
        workers.worker_sick(name=self.name, reason=reason)
        self.stop_taking()


current: ModelWorker | None = None
"""The worker of this process; Celery's hooks in `worker.app` start and stop it."""


@shared_task(name=TASK_RUN_BUNDLE)
def run_bundles(bundles: list[list[int]]) -> None:
    """Compute the bundles of a message; an empty message asks for a self-test."""
    if current is None:
        log.error("no network is loaded in this process; other workers get its message")
        _unpublish(bundles)
    else:
        current.run(bundles)


def start_worker(model: str, name: str, run: str = "", *, leave_after: float = 0.0, cost_centre: str = "") -> None:
    """Start this process's worker. `run` names the start of its parent process."""
    global current  # noqa: PLW0603 - one network per process
    current = ModelWorker(model, name, run, leave_after=leave_after, cost_centre=cost_centre)
    current.start()


def stop_worker() -> None:
    if current is not None:
        current.stop()


def _unpublish(bundles: Sequence[Sequence[int]]) -> None:
    queue.unpublish([chunk_id for bundle in bundles for chunk_id in bundle])
