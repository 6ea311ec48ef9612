"""A simulation of many workers without a network: does the service keep up with more devices than this machine has?

Each worker is a thread that repeats what `worker.bundles` does around its engine, with the service's own code and real
stores. It takes a message from Valkey, claims the bundle's chunks, and sleeps as long as its device would compute. Then
it stores outputs of the real size, closes chunks and jobs, and dispatches.

The hypothesis: workers stay busy until the processor time of a bundle, times the bundles a second, exceeds the number
of processors.
"""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import numpy as np

from benchmarks.measuring import Row, Timed
from benchmarks.service_data import CHUNK_TOKENS, FACTS, clear, idle_engine, paused_job, start_job
from benchmarks.service_stack import MODEL, Service
from e1protocol import model_queue

PAUSE = 0.005
"""Seconds between two polls of an empty queue. A real worker blocks in Valkey."""


@dataclass
class Fleet:
    """The shared state of the workers, and their measurements."""

    rate: float
    engine_id: int
    done: threading.Event = field(default_factory=threading.Event)
    chunks: int = 0
    computing: list[tuple[float, float]] = field(default_factory=list)
    """Starts and ends of computing, by `time.perf_counter`."""
    dispatches: list[float] = field(default_factory=list)
    claims: list[float] = field(default_factory=list)
    writes: list[float] = field(default_factory=list)
    errors: list[BaseException] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)


def simulate(
    service: Service, *, fleets: Sequence[int], bundle_chunks: int, bundle_seconds: float, bundles_each: int
) -> Iterator[Row]:
    """Report, for each number of workers, their share of time computing, the cost of a chunk, and the dispatch time."""
    for workers in fleets:
        chunks = workers * bundle_chunks * bundles_each
        clear()
        job_id = paused_job(8 * chunks)
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
        noise = Timed(fleet.dispatches).noise
        yield Row(f"{name}, share of time computing", busy, "ratio", ">= 0.95", 0.0, detail)
        yield Row(f"{name}, processor time per chunk", detail["cpu_ms_per_chunk"], "ms", "<= 5", 0.0, detail)
        yield Row(f"{name}, one dispatch", detail["dispatch_ms"], "ms", "", noise, detail)


def _busy(computing: Sequence[tuple[float, float]], begin: float, end: float) -> float:
    """Return the mean number of workers computing between `begin` and `end`, which exclude the edges of the job."""
    within = sum(max(0.0, min(last, end) - max(first, begin)) for first, last in computing)
    return within / (end - begin)


def _run(job_id: UUID, workers: int, bundle_chunks: int, bundle_seconds: float) -> Fleet:
    """Run the fleet until the job ends. Raises the first error of a worker."""
    from django.db import connection
    from django.db.models.functions import Now

    from jobs.fleet.workers import worker_ready, worker_starting
    from jobs.models import Job, Worker
    from jobs.models.states import JobState
    from jobs.queue.dispatch import dispatch_quietly
    from jobs.queue.tallies import tallies_advance

    # A bundle holds one second of the slowest worker, so the rate sets its size, and the pace its duration.
    rate = float(bundle_chunks * CHUNK_TOKENS)
    fleet = Fleet(rate / bundle_seconds, idle_engine(MODEL))
    Worker.objects.all().delete()
    _purge()
    names = [f"simulated-{number}" for number in range(workers)]
    for name in names:
        worker_starting(name=name, model=MODEL)
        worker_ready(name=name, engine_id=fleet.engine_id, tokens_per_second=rate)
    threads = [threading.Thread(target=_work, args=(fleet, name), name=name) for name in names]
    start_job(job_id)
    for thread in threads:
        thread.start()
    tended = time.monotonic()
    while not fleet.errors and Job.objects.get(pk=job_id).state not in JobState.final():
        fleet.done.wait(0.05)
        if time.monotonic() - tended > 3.0:  # as beat does
            tended = time.monotonic()
            Worker.objects.update(heartbeat_at=Now())
            dispatch_quietly(MODEL)
            tallies_advance()
    fleet.done.set()
    for thread in threads:
        thread.join()
    Worker.objects.all().delete()
    connection.close()
    if fleet.errors:
        raise fleet.errors[0]
    return fleet


def _work(fleet: Fleet, name: str) -> None:
    """Run one worker until the fleet is done."""
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
    """Process a message as `worker.tasks.run_bundles` does, without its threads."""
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


def _complete(fleet: Fleet, name: str, claimed: Sequence[Any]) -> None:
    """Store embeddings of zeros for every chunk, and close finished jobs."""
    from jobs.actions import Stored, get_action
    from jobs.fleet import workers
    from jobs.library.outputs import pack_outputs
    from jobs.metering.charges import Charge
    from jobs.queue import leases, lifecycle

    vector = np.zeros((1, FACTS.hidden_size), dtype=np.float32)
    done = []
    for chunk in claimed:
        stored = [(item.index, [Stored("mean", FACTS.layers, vector)]) for item in chunk.items]
        charge = Charge(chunk.job_id, cpu_seconds=0.1, passes=len(stored), residues=chunk.tokens)
        packed = pack_outputs(get_action("encode"), stored)
        done.append(leases.Completion(chunk.id, chunk.token, packed, {}, len(stored), charge))
    leases.bundle_complete(done=done, engine_id=fleet.engine_id)
    for job_id in {chunk.job_id for chunk in claimed}:
        lifecycle.job_finalise(job_id=job_id)
    workers.worker_computed(name=name)


def _purge() -> None:
    """Delete the messages that an earlier run left in the queue."""
    from celery import current_app

    with current_app.connection_for_write() as broker:
        broker.default_channel.queue_purge(model_queue(MODEL))
