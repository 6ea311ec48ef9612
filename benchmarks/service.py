"""The service around the engine: what a chunk costs, what a page costs, how long a short request waits."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from uuid import UUID

import orjson

from benchmarks.measuring import Row, Timed
from benchmarks.service_data import RESIDUES, clear, lay_out_job
from benchmarks.service_stack import MODEL, Service
from e1protocol import BOUNDARY_TOKENS

LONGEST_WAIT = 3600.0
LARGE_JOBS = 10
"""Jobs that short requests are tried beside, before a bench gives up."""
CHUNK_TOKENS = 8 * (RESIDUES + BOUNDARY_TOKENS)


def run_job(job_id: UUID) -> float:
    """Resume a paused job and wait until it is closed; seconds from its first claim to its end, by the database's
    clock. Raises RuntimeError where not every item succeeded.
    """
    from jobs.models import Chunk, Job
    from jobs.models.states import JobState
    from jobs.queue import dispatch as queue
    from jobs.queue.lifecycle import job_resume

    job_resume(job_id=job_id)
    queue.dispatch(MODEL)
    deadline = time.monotonic() + LONGEST_WAIT
    while (job := Job.objects.get(pk=job_id)).state not in JobState.final():
        failed = Chunk.objects.filter(job_id=job_id, state="ready", isolate=True).first()
        if failed is not None or time.monotonic() > deadline:
            raise RuntimeError(f"job {job_id} is {job.state}: {failed.last_error if failed else 'it takes too long'}")
        time.sleep(0.1)
    if job.state != JobState.SUCCEEDED or job.started_at is None or job.finished_at is None:
        raise RuntimeError(f"job {job_id} is {job.state}")
    return (job.finished_at - job.started_at).total_seconds()


def overhead(service: Service, *, sequences: int, repeats: int, workers: int = 1) -> Iterator[Row]:
    """Processor time of everything but the forward pass, per chunk: the engine returns zeros at once."""
    chunks = -(-sequences // 8)
    each: list[dict[str, float]] = []
    with service.workers(workers, E1_BENCH_ENGINE="null"):
        for _ in range(repeats):
            clear()
            job_id = lay_out_job(sequences, done=0.0, leased=0, state="paused")
            before = service.usage()
            seconds = run_job(job_id)
            spent = service.usage() - before
            parts = {"total": spent.total, "worker": spent.worker, "postgres": spent.postgres, "valkey": spent.valkey}
            each.append({name: 1e3 * value / chunks for name, value in parts.items()} | {"rate": chunks / seconds})
    middle = {name: statistics.median(one[name] for one in each) for name in each[0]}
    detail = {
        "sequences": sequences,
        "residues": RESIDUES,
        "workers": workers,
        "worker_ms": middle["worker"],
        "postgres_ms": middle["postgres"],
        "valkey_ms": middle["valkey"],
        "repeats": repeats,
    }
    noise = Timed(tuple(one["total"] for one in each)).noise
    yield Row("service: processor time per chunk, null engine", middle["total"], "ms", "<= 5", noise, detail)
    noise = Timed(tuple(one["rate"] for one in each)).noise
    yield Row("service: chunks per second, null engine", middle["rate"], "1/s", "", noise, detail)


def against_engine(service: Service, *, checkpoint: str, sequences: int, repeats: int) -> Iterator[Row]:
    """The same library through the whole service and through `Engine.encode` alone: how much of its rate is left.

    Both run with the threads that a worker of `e1 up` has. `checkpoint` is a folder with weights, real or random.
    """
    from e1protocol import Query
    from worker.engine import Engine

    clear()
    engine = Engine.load(checkpoint)
    layer = engine.model_config.num_hidden_layers
    laid_out = lay_out_job(sequences, done=0.0, leased=0, state="paused", layer=layer)
    queries = [Query(sequence) for sequence in _sequences(laid_out)]
    engine.encode(queries[:8])
    alone, through = [], []
    with service.workers(1, E1_BENCH_ENGINE=checkpoint):
        for _ in range(repeats):
            started = time.perf_counter()
            engine.encode(queries)
            alone.append(time.perf_counter() - started)
            clear()
            through.append(run_job(lay_out_job(sequences, done=0.0, leased=0, state="paused", layer=layer)))
    ratios = Timed(tuple(a / b for a, b in zip(alone, through, strict=True)))
    detail = {"sequences": sequences, "alone_s": statistics.median(alone), "service_s": statistics.median(through)}
    yield Row("service: rate over the engine alone", ratios.median, "ratio", ">= 0.95", ratios.noise, detail)


def _sequences(job_id: UUID) -> list[str]:
    from jobs.models import Item

    return list(Item.objects.filter(job_id=job_id).order_by("index").values_list("sequence", flat=True))


def pages(service: Service, *, sequences: int, repeats: int) -> Iterator[Row]:
    """The page of a large running job, its live part, the same by REST, and the count of its items by state."""
    from django.contrib.auth.models import User
    from django.test import Client
    from django.urls import reverse

    from jobs.models import Job
    from jobs.queue.progress import job_counts

    clear()
    job = Job.objects.get(pk=lay_out_job(sequences, done=0.6, outputs=False))
    browser = Client(SERVER_NAME="localhost")
    browser.force_login(User.objects.get(username="admin"))

    def get(path: str, **headers: str) -> Callable[[], None]:
        def ask() -> None:
            answer = browser.get(path, headers=headers)
            if answer.status_code != 200:
                raise RuntimeError(f"{path}: {answer.status_code}")

        return ask

    page = f"/jobs/{job.pk}/"
    works = {
        "count of items by state": lambda: job_counts(job),
        "page of a running job": get(page),
        "live part of the page": get(page, **{"HX-Request": "true", "HX-Target": "live"}),
        "job by REST": get(f"/api/jobs/{job.pk}/"),
        "list of jobs": get(reverse("job-list-page")),
    }
    for name, work in works.items():
        work()
        taken = []
        for _ in range(repeats):
            started = time.perf_counter()
            work()
            taken.append(time.perf_counter() - started)
        timed = Timed(tuple(taken))
        detail = {"chunks": -(-sequences // 8), "queries": queries_of(work)}
        yield Row(f"pages: {name}", 1e3 * timed.median, "ms", "<= 20", timed.noise, detail)


def queries_of(work: Callable[[], object]) -> list[dict[str, object]]:
    """What the work asks the database: milliseconds and statement, slowest first."""
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    with CaptureQueriesContext(connection) as captured:
        work()
    asked = [{"ms": 1e3 * float(one["time"]), "sql": str(one["sql"])[:300]} for one in captured.captured_queries]
    return sorted(asked, key=lambda one: -float(one["ms"]))[:6]  # type: ignore[arg-type]


def waiting(service: Service, *, sequences: int, repeats: int, bundle_seconds: float = 1.0) -> Iterator[Row]:
    """A synchronous request while a large job runs, over the time of one bundle: it waits for at most one.

    The engine sleeps what a device would compute, so that bundles take `bundle_seconds`, as dispatched.
    """
    rate = 8 * CHUNK_TOKENS / bundle_seconds
    body = orjson.dumps({"items": [{"sequence": "MKTAYIAKQRQISFVKSHFSRQ"}], "params": {"include": ["mean"]}})
    clear()
    taken: list[float] = []
    # A worker's rate counts as tokens a second, and a bundle is a second of it: a shorter one needs a faster device.
    settings = {"E1_BENCH_ENGINE": "paced", "E1_BENCH_PACE": str(rate), "E1_BENCH_RATE": str(8 * CHUNK_TOKENS)}
    with service.web(), service.workers(1, **settings):
        for _ in range(LARGE_JOBS):
            taken += _beside_a_large_job(service, body, sequences=sequences, repeats=repeats - len(taken))
            if len(taken) == repeats:
                break
        else:
            raise RuntimeError(f"{LARGE_JOBS} jobs of {sequences} sequences ended before {repeats} requests: take more")
    timed = Timed(tuple(taken))
    detail = {"bundle_s": bundle_seconds, "median_s": timed.median, "longest_s": max(taken), "repeats": repeats}
    noise = timed.noise
    longest = max(taken) / bundle_seconds
    yield Row("waiting: synchronous request, longest over one bundle", longest, "ratio", "<= 1.2", noise, detail)
    yield Row("waiting: synchronous request, median", timed.median, "s", "", noise, detail)


def _beside_a_large_job(service: Service, body: bytes, *, sequences: int, repeats: int) -> list[float]:
    """Seconds of up to `repeats` synchronous requests while a job of `sequences` runs; fewer where the job ends first,
    for a request that ended behind it does not count.
    """
    from jobs.models import Job
    from jobs.models.states import JobState
    from jobs.queue import dispatch as queue
    from jobs.queue.lifecycle import job_cancel, job_resume

    job_id = lay_out_job(sequences, done=0.0, leased=0, state="paused")
    job_resume(job_id=job_id)
    queue.dispatch(MODEL)
    taken: list[float] = []
    while len(taken) < repeats:
        started = time.perf_counter()
        path = f"/api/v3/{MODEL}/encode/"
        status, answer = service.request("POST", path, body=body, headers={"Content-Type": "application/json"})
        seconds = time.perf_counter() - started
        if status != 200:
            raise RuntimeError(f"{status}: {answer[:500]!r}")
        if Job.objects.get(pk=job_id).state in JobState.final():
            return taken
        taken.append(seconds)
    job_cancel(job_id=job_id)
    return taken
