"""The service around the engine: the cost of a chunk and of a page, and the wait of a short request."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from uuid import UUID

import orjson

from benchmarks.measuring import Row, Timed, by_turns, clocked
from benchmarks.service_data import CHUNK_TOKENS, RESIDUES, clear, lay_out_job, logged_in_client, paused_job, start_job
from benchmarks.service_stack import MODEL, Service

LONGEST_WAIT = 3600.0
LARGE_JOBS = 10
"""Most jobs to run during the short requests before the bench fails."""


def run_job(job_id: UUID) -> float:
    """Run a paused job to its end; return the seconds from its first claim, by the database's clock.

    Raises RuntimeError if an item does not succeed.
    """
    from jobs.models import Chunk, Job
    from jobs.models.states import JobState

    start_job(job_id)
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
    """Measure the processor time per chunk of everything except the forward pass: the engine returns zeros at once."""
    chunks = -(-sequences // 8)
    each: list[dict[str, float]] = []
    with service.workers(workers, E1_BENCH_ENGINE="null"):
        for _ in range(repeats):
            clear()
            job_id = paused_job(sequences)
            before = service.usage()
            seconds = run_job(job_id)
            spent = service.usage() - before
            parts = spent._asdict() | {"total": spent.total}
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
    noise = Timed([one["total"] for one in each]).noise
    yield Row("service: processor time per chunk, null engine", middle["total"], "ms", "<= 5", noise, detail)
    noise = Timed([one["rate"] for one in each]).noise
    yield Row("service: chunks per second, null engine", middle["rate"], "1/s", "", noise, detail)


def against_engine(service: Service, *, checkpoint: str, sequences: int, repeats: int) -> Iterator[Row]:
    """Compare the rate of the whole service with that of `Engine.encode` alone, on the same library.

    Both use as many threads as a worker of `e1 up`. `checkpoint` is a folder with weights, real or random.
    """
    from e1protocol import Query
    from jobs.models import Item
    from worker.engine import Engine

    clear()
    engine = Engine.load(checkpoint)
    layer = engine.model_config.num_hidden_layers
    items = Item.objects.filter(job_id=paused_job(sequences, layer=layer)).order_by("index")
    queries = [Query(item.sequence) for item in items]
    engine.encode(queries[:8])
    alone, through = [], []
    with service.workers(1, E1_BENCH_ENGINE=checkpoint):
        for _ in range(repeats):
            alone.append(clocked(lambda: engine.encode(queries))[0])
            clear()
            through.append(run_job(paused_job(sequences, layer=layer)))
    ratios = Timed([a / b for a, b in zip(alone, through, strict=True)])
    detail = {"sequences": sequences, "alone_s": statistics.median(alone), "service_s": statistics.median(through)}
    yield Row("service: rate over the engine alone", ratios.median, "ratio", ">= 0.95", ratios.noise, detail)


def pages(service: Service, *, sequences: int, repeats: int) -> Iterator[Row]:
    """Time the page of a large running job, its live part, the job by REST, and the count of items by state."""
    from django.urls import reverse

    from jobs.models import Job
    from jobs.queue.progress import job_counts

    clear()
    job = Job.objects.get(pk=lay_out_job(sequences, done=0.6, outputs=False))
    browser = logged_in_client()

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
    for name, timed in by_turns(works, repeats=repeats).items():
        detail = {"chunks": -(-sequences // 8), "queries": queries_of(works[name])}
        yield Row(f"pages: {name}", 1e3 * timed.median, "ms", "<= 20", timed.noise, detail)


def queries_of(work: Callable[[], object]) -> list[dict[str, object]]:
    """Return the queries of the work with their milliseconds, slowest first."""
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    with CaptureQueriesContext(connection) as captured:
        work()
    asked = [{"ms": 1e3 * float(one["time"]), "sql": str(one["sql"])[:300]} for one in captured.captured_queries]
    return sorted(asked, key=lambda one: -float(one["ms"]))[:6]  # type: ignore[arg-type]


def waiting(service: Service, *, sequences: int, repeats: int, bundle_seconds: float = 1.0) -> Iterator[Row]:
    """Compare a synchronous request during a large job with the time of one bundle, which is the longest wait.

    The engine sleeps as long as a device would compute, so that dispatched bundles take `bundle_seconds`.
    """
    rate = 8 * CHUNK_TOKENS / bundle_seconds
    body = orjson.dumps({"items": [{"sequence": "MKTAYIAKQRQISFVKSHFSRQ"}], "params": {"include": ["mean"]}})
    clear()
    taken: list[float] = []
    # A bundle is a second of the rate that the worker reports. A shorter bundle needs a faster device.
    settings = {"E1_BENCH_ENGINE": "paced", "E1_BENCH_PACE": str(rate), "E1_BENCH_RATE": str(8 * CHUNK_TOKENS)}
    with service.web(), service.workers(1, **settings):
        for _ in range(LARGE_JOBS):
            taken += _beside_a_large_job(service, body, sequences=sequences, repeats=repeats - len(taken))
            if len(taken) == repeats:
                break
        else:
            raise RuntimeError(f"{LARGE_JOBS} jobs of {sequences} sequences ended before {repeats} requests: take more")
    timed = Timed(taken)
    detail = {"bundle_s": bundle_seconds, "median_s": timed.median, "longest_s": max(taken), "repeats": repeats}
    longest = max(taken) / bundle_seconds
    yield Row("waiting: synchronous request, longest over one bundle", longest, "ratio", "<= 1.2", timed.noise, detail)
    yield Row("waiting: synchronous request, median", timed.median, "s", "", timed.noise, detail)


def _beside_a_large_job(service: Service, body: bytes, *, sequences: int, repeats: int) -> list[float]:
    """Return the seconds of up to `repeats` synchronous requests during a job of `sequences`.

    A request that ends after the job does not count, so there may be fewer.
    """
    from jobs.models import Job
    from jobs.models.states import JobState
    from jobs.queue.lifecycle import job_cancel

    job_id = paused_job(sequences)
    start_job(job_id)
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
