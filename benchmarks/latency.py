"""How long an idle service takes for one protein, beside the forward pass: the engine returns zeros at once."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from typing import Any

import orjson

from benchmarks.measuring import Row, Timed
from benchmarks.service_data import clear
from benchmarks.service_stack import MODEL, Service
from benchmarks.shapes import proteins

GOAL = "<= 60"
RESIDUES = 300
HEADERS = {"Content-Type": "application/json"}
PAUSE = 0.002
"""Seconds between two looks at the job."""
LONGEST_WAIT = 60.0


def latency(service: Service, *, repeats: int) -> Iterator[Row]:
    """Time a synchronous request, and a job of one protein from its upload until its result is downloaded.

    Each is asked for again once it has been answered. The details have the processor time of each part of the service,
    without what the idle service spends in as many seconds. On a busy machine it says more than the clock.
    """
    (sequence,) = proteins(1, RESIDUES, RESIDUES)
    clear()
    stages: list[dict[str, float]] = []
    works: dict[str, Callable[[], None]] = {
        "synchronous request": lambda: _ask(service, sequence),
        "job of one protein, until its result is there": lambda: stages.append(_job(service, sequence)),
    }
    with service.web(), service.workers(1, E1_BENCH_ENGINE="null"):
        idle = _idle(service, seconds=0.05 * repeats)
        for name, work in works.items():
            work()
            stages.clear()
            seconds, before = [], service.usage()
            for _ in range(repeats):
                started = time.perf_counter()
                work()
                seconds.append(time.perf_counter() - started)
            spent, elapsed = service.usage() - before, sum(seconds)
            each = {part: 1e3 * (value - idle[part] * elapsed) / repeats for part, value in spent._asdict().items()}
            detail: dict[str, Any] = {"repeats": repeats, "residues": RESIDUES}
            detail |= {f"{part}_processor_ms": value for part, value in each.items()}
            if stages:
                detail |= {key: 1e3 * statistics.median(one[key] for one in stages) for key in stages[0]}
            timed = Timed(seconds)
            yield Row(f"latency: {name}, median", 1e3 * timed.median, "ms", GOAL, timed.noise, detail)
            yield Row(f"latency: {name}, 95 % within", 1e3 * _most(seconds), "ms", "", timed.noise)
            yield Row(f"latency: {name}, processor time", sum(each.values()), "ms")


def _idle(service: Service, *, seconds: float) -> dict[str, float]:
    """Return the processor seconds that each part spends in a second without a request."""
    before, started = service.usage(), time.perf_counter()
    time.sleep(seconds)
    spent, elapsed = service.usage() - before, time.perf_counter() - started
    return {part: value / elapsed for part, value in spent._asdict().items()}


def _most(seconds: list[float]) -> float:
    """Return the 95th percentile; the largest of a few."""
    return statistics.quantiles(seconds, n=20)[-1] if len(seconds) >= 20 else max(seconds)


def _ask(service: Service, sequence: str) -> None:
    body = {"items": [{"sequence": sequence}], "params": {"include": ["mean"]}}
    _expect(200, *service.request("POST", f"/api/v3/{MODEL}/encode/", body=orjson.dumps(body), headers=HEADERS))


def _job(service: Service, sequence: str) -> dict[str, float]:
    """Submit a job, wait for its chunk, and download its item. Return the seconds of its stages.

    The times of the database are those of the beginning of a transaction.
    """
    from jobs.models import Chunk, Job

    body = {"model": MODEL, "action": "encode", "items": [{"sequence": sequence}]}
    begun = time.perf_counter()
    answer = _expect(202, *service.request("POST", "/api/jobs/", body=orjson.dumps(body), headers=HEADERS))
    job_id = orjson.loads(answer)["id"]
    queued = time.perf_counter()
    done = Chunk.objects.filter(job_id=job_id, state="done")
    while (chunk := done.first()) is None:
        if time.perf_counter() - queued > LONGEST_WAIT:
            raise RuntimeError(f"job {job_id} is not computed: {Chunk.objects.get(job_id=job_id).last_error}")
        time.sleep(PAUSE)
    computed = time.perf_counter()
    _expect(200, *service.request("GET", f"/api/jobs/{job_id}/items/0/"))
    downloaded = time.perf_counter()
    started = Job.objects.get(pk=job_id).started_at
    if started is None or chunk.finished_at is None:
        raise RuntimeError(f"job {job_id} has no times")
    return {
        "upload_ms": queued - begun,
        "queue_and_worker_ms": computed - queued,
        "of_that_claim_to_storage_ms": (chunk.finished_at - started).total_seconds(),
        "download_ms": downloaded - computed,
    }


def _expect(wanted: int, status: int, answer: bytes) -> bytes:
    if status != wanted:
        raise RuntimeError(f"{status}: {answer[:500]!r}")
    return answer
