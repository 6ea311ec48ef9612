"""Many workers without a network: does the service keep up with devices that this machine does not have?

Every worker is a thread that does what `worker.bundles` does around its engine, with the service's own code and real
stores: it takes a message from Valkey, claims the bundle's chunks, sleeps for as long as its device would compute,
stores outputs of the real size, closes chunks and jobs, and dispatches. The model to be checked: workers are busy
until what a bundle costs the processors, times the bundles a second, exceeds the processors there are.
"""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from benchmarks.measuring import Row, Timed
from benchmarks.service_data import FACTS, RESIDUES, clear, lay_out_job
from benchmarks.service_stack import MODEL, Service
from e1protocol import BOUNDARY_TOKENS, EngineIdentity, model_queue

CHUNK_TOKENS = 8 * (RESIDUES + BOUNDARY_TOKENS)
PAUSE = 0.005
"""Seconds between two looks into an empty queue; a real worker waits in Valkey."""


@dataclass
class Fleet:
    """What the workers share, and what they have measured."""

    rate: float
    engine_id: int
    done: threading.Event = field(default_factory=threading.Event)
    chunks: int = 0
    computing: list[tuple[float, float]] = field(default_factory=list)
    """Beginnings and ends of computing, by the clock of `time.perf_counter`."""
    dispatches: list[float] = field(default_factory=list)
    claims: list[float] = field(default_factory=list)
    writes: list[float] = field(default_factory=list)
    errors: list[BaseException] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)


def simulate(
    service: Service, *, fleets: Sequence[int], bundle_chunks: int, bundle_seconds: float, bundles_each: int
) -> Iterator[Row]:
    """For each number of workers: the share of their time that they compute, what a chunk costs, how long the
    dispatcher takes.
    """
    for workers in fleets:
        chunks = workers * bundle_chunks * bundles_each
        clear()
        # Two owners would share the workers; one job suffices for the load.
        job_id = lay_out_job(8 * chunks, done=0.0, leased=0, state="paused")
        before = service.usage()
        own = time.process_time()
        started = time.perf_counter()
        fleet = _run(job_id, workers, bundle_chunks, bundle_seconds)
        seconds = time.perf_counter() - started
        spent = service.usage() - before
        cpu = spent.postgres + spent.valkey + time.process_time() - own
        offered = workers * bundle_chunks / bundle_seconds
        busy = _busy(fleet.computing, started + seconds / 4, started + seconds / 2) / workers
        detail = {
            "workers": workers,
            "bundle_chunks": bundle_chunks,
            "bundle_s": bundle_seconds,
            "chunks": chunks,
            "chunks_per_second": busy * offered,
            "chunks_per_second_offered": offered,
            "cpu_ms_per_chunk": 1e3 * cpu / chunks,
            "postgres_ms_per_chunk": 1e3 * spent.postgres / chunks,
            "processors_busy": cpu / seconds,
            "dispatch_ms": 1e3 * statistics.median(fleet.dispatches),
            "dispatch_ms_longest": 1e3 * max(fleet.dispatches),
            "claim_ms": 1e3 * statistics.median(fleet.claims),
            "write_ms": 1e3 * statistics.median(fleet.writes),
            "dispatches": len(fleet.dispatches),
        }
        name = f"simulation: {workers} workers, bundles of {bundle_chunks} chunks and {bundle_seconds:g} s"
        noise = Timed(tuple(fleet.dispatches)).noise
        yield Row(f"{name}, share of time computing", busy, "ratio", ">= 0.95", 0.0, detail)
        yield Row(f"{name}, processor time per chunk", detail["cpu_ms_per_chunk"], "ms", "<= 5", 0.0, detail)
        yield Row(f"{name}, one dispatch", detail["dispatch_ms"], "ms", "", noise, detail)


def _busy(computing: Sequence[tuple[float, float]], begin: float, end: float) -> float:
    """Workers that compute at a time, in the mean of this stretch: the beginning and the end of a job are left out."""
    within = sum(max(0.0, min(last, end) - max(first, begin)) for first, last in computing)
    return within / (end - begin)


def _run(job_id: object, workers: int, bundle_chunks: int, bundle_seconds: float) -> Fleet:
    """Let the fleet compute the job to its end. Raises the first error of a worker."""
    from django.db import connection

    from jobs.fleet.workers import engine_record, worker_ready, worker_starting
    from jobs.models import Job, Worker
    from jobs.models.states import JobState
    from jobs.queue import dispatch as queue
    from jobs.queue.lifecycle import job_resume
    from jobs.queue.tallies import tallies_advance

    # A bundle is what the slowest worker computes in a second, so the rate makes its size and the pace its duration.
    rate = float(bundle_chunks * CHUNK_TOKENS)
    identity = EngineIdentity(MODEL, "0" * 64, "float32", "none", "none", "none", "bench", True)
    fleet = Fleet(rate / bundle_seconds, engine_record(identity=identity))
    Worker.objects.all().delete()
    _purge()
    names = [f"simulated-{number}" for number in range(workers)]
    for name in names:
        worker_starting(name=name, model=MODEL)
        worker_ready(name=name, engine_id=fleet.engine_id, tokens_per_second=rate)
    threads = [threading.Thread(target=_work, args=(fleet, name), name=name) for name in names]
    job_resume(job_id=job_id)  # type: ignore[arg-type]
    queue.dispatch(MODEL)
    for thread in threads:
        thread.start()
    tended = time.monotonic()
    while not fleet.errors and Job.objects.get(pk=job_id).state not in JobState.final():
        fleet.done.wait(0.05)
        if time.monotonic() - tended > 3.0:  # as beat does
            tended = time.monotonic()
            Worker.objects.update(heartbeat_at=_now())
            queue.dispatch_quietly(MODEL)
            tallies_advance()
    fleet.done.set()
    for thread in threads:
        thread.join()
    Worker.objects.all().delete()
    connection.close()
    if fleet.errors:
        raise fleet.errors[0]
    return fleet


def _now() -> object:
    from django.db.models.functions import Now

    return Now()


def _work(fleet: Fleet, name: str) -> None:
    """One worker until the fleet is done."""
    from celery import current_app
    from django.db import connection

    try:
        with current_app.connection_for_read() as broker:
            channel = broker.default_channel
            while not fleet.done.is_set():
                message = channel.basic_get(model_queue(MODEL))
                if message is None:
                    fleet.done.wait(PAUSE)
                    continue
                channel.basic_ack(message.delivery_tag)
                _take(fleet, name, message.payload[0][0])
    except BaseException as error:
        fleet.errors.append(error)
        fleet.done.set()
    finally:
        connection.close()


def _take(fleet: Fleet, name: str, bundles: Sequence[Sequence[int]]) -> None:
    """What `worker.tasks.run_bundles` does with a message, without its threads."""
    from jobs.queue import dispatch as queue
    from jobs.queue import leases

    for chunk_ids in bundles:
        leases.chunks_ready_interactive(model=MODEL)
        started = time.perf_counter()
        claimed = leases.chunks_claim(chunk_ids=chunk_ids, worker=name)
        if not claimed:
            continue
        leases.chunks_begin(token=claimed[0].token)
        taken = time.perf_counter() - started
        began = time.perf_counter()
        time.sleep(len(claimed) * CHUNK_TOKENS / fleet.rate)
        started = time.perf_counter()
        _complete(fleet, name, claimed)
        with fleet.lock:
            fleet.claims.append(taken)
            fleet.writes.append(time.perf_counter() - started)
            fleet.computing.append((began, started))
            fleet.chunks += len(claimed)
    started = time.perf_counter()
    queue.dispatch(MODEL)
    with fleet.lock:
        fleet.dispatches.append(time.perf_counter() - started)


def _complete(fleet: Fleet, name: str, claimed: Sequence[object]) -> None:
    """Store embeddings of zeros for every chunk, and close what is complete."""
    from jobs.actions import Stored, get_action
    from jobs.fleet import workers
    from jobs.library.outputs import pack_outputs
    from jobs.queue import leases, lifecycle

    vector = np.zeros((1, FACTS.hidden_size), dtype=np.float32)
    for chunk in claimed:
        stored = [(item.index, [Stored("mean", FACTS.layers, vector)]) for item in chunk.items]  # type: ignore[attr-defined]
        leases.chunk_complete(
            chunk_id=chunk.id,  # type: ignore[attr-defined]
            token=chunk.token,  # type: ignore[attr-defined]
            outputs=pack_outputs(get_action("encode"), stored),
            failures={},
            succeeded=len(stored),
            engine_id=fleet.engine_id,
        )
    for job_id in {chunk.job_id for chunk in claimed}:  # type: ignore[attr-defined]
        lifecycle.job_finalise(job_id=job_id)
    workers.worker_computed(name=name)


def _purge() -> None:
    """Throw away what an earlier run has left in the queue."""
    from celery import current_app

    with current_app.connection_for_write() as broker:
        broker.default_channel.queue_purge(model_queue(MODEL))
