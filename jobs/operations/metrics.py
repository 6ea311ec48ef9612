"""The metrics of the service in the text format of Prometheus, counted from rows at the time of the request.

Names follow its conventions: the prefix `e1_`, base units, `_total` for counters. No label has a value that users or
machines choose, so the number of series stays small.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.db.models import Count, Sum
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from jobs import database
from jobs.fleet import duties, pace
from jobs.models import Chunk, Job, UsageAccount
from jobs.operations.health import readiness
from jobs.operations.queues import workers_seen
from jobs.web.disk import database_space, temporary_space

WORKER_STATES = ("starting", "ready", "sick", "draining", "drained", "silent", "stopped")
SECONDS = {"gpu_seconds": "Seconds in which GPUs computed", "cpu_seconds": "Seconds of single cores that computed"}
COUNTS = {"passes": "Sequences that went through the network", "residues": "Residues that went through the network"}


def metrics_text() -> bytes:
    """Return all metrics."""
    registry = CollectorRegistry()
    registry.register(_Rows())
    return generate_latest(registry)


class _Rows(Collector):
    """All metrics of this moment."""

    def collect(self) -> Iterator[Metric]:
        yield from _jobs()
        yield from _queues()
        yield from _workers()
        yield from _used()
        yield from _disks()
        yield from _checks()

    def describe(self) -> Iterator[Metric]:
        """Describe nothing, so that registering reads no rows."""
        yield from ()


def _jobs() -> Iterator[Metric]:
    jobs = GaugeMetricFamily("e1_jobs", "Jobs by model and state", labels=["model", "state"])
    kept: dict[str, int] = dict.fromkeys(settings.E1_MODELS, 0)
    rows = Job.objects.values_list("model", "state").annotate(n=Count("id"), size=Sum("stored_bytes")).order_by()
    for model, state, count, size in rows:
        jobs.add_metric([model, state], count)
        kept[model] = kept.get(model, 0) + size
    stored = GaugeMetricFamily("e1_jobs_stored_bytes", "Bytes reserved for jobs in quotas", labels=["model"])
    for model, size in kept.items():
        stored.add_metric([model], size)
    yield from (jobs, stored)


def _queues() -> Iterator[Metric]:
    waiting = GaugeMetricFamily(
        "e1_waiting_tokens", "Tokens of chunks that are ready or leased", labels=["model", "state"]
    )
    sums = {(model, state): 0 for model in settings.E1_MODELS for state in ("ready", "leased")}
    rows = Chunk.objects.filter(state__in=["ready", "leased"]).values_list("model", "state")
    sums.update({(model, state): tokens for model, state, tokens in rows.annotate(n=Sum("n_tokens")).order_by()})
    for (model, state), tokens in sums.items():
        waiting.add_metric([model, state], tokens)
    oldest = GaugeMetricFamily(
        "e1_oldest_waiting_seconds", "Age of the oldest queued or running job, 0 without one", labels=["model"]
    )
    ages = dict(
        database.rows(
            "SELECT model, extract(epoch FROM statement_timestamp() - min(touched_at)) FROM jobs_job "
            "WHERE state IN ('queued', 'running') GROUP BY model"
        )
    )
    for model in settings.E1_MODELS:
        oldest.add_metric([model], float(ages.get(model, 0)))
    yield from (waiting, oldest)


def _workers() -> Iterator[Metric]:
    workers = GaugeMetricFamily("e1_workers", "Workers of the last hour by state", labels=["model", "state"])
    rates = GaugeMetricFamily(
        "e1_rate_tokens_per_second", "Measured rate of the workers that are alive, together", labels=["model"]
    )
    for model in settings.E1_MODELS:
        states = [seen.state for seen in workers_seen(model)]
        for state in WORKER_STATES:
            workers.add_metric([model, state], states.count(state))
        rates.add_metric([model], sum(rate or 0.0 for rate in pace.rates_of(model)))
    yield from (workers, rates)


def _used() -> Iterator[Metric]:
    """Yield the sums of all accounts. Their rows are never deleted, so these only grow."""
    names = [*SECONDS, *COUNTS]
    rows = UsageAccount.objects.exclude(model="").values("model").annotate(**{f"n_{n}": Sum(n) for n in names})
    used: dict[str, Any] = {row["model"]: row for row in rows.order_by()}
    for name, text in {**SECONDS, **COUNTS}.items():
        # The client adds `_total`.
        family = CounterMetricFamily(f"e1_{name}", text, labels=["model"])
        for model in sorted({*settings.E1_MODELS, *used}):
            family.add_metric([model], used[model][f"n_{name}"] if model in used else 0)
        yield family


def _disks() -> Iterator[Metric]:
    free = GaugeMetricFamily("e1_disk_free_bytes", "Bytes that are free on a disk of the service", labels=["disk"])
    size = GaugeMetricFamily("e1_disk_size_bytes", "Bytes of a disk of the service", labels=["disk"])
    for name, space in (("database", database_space()), ("temporary", temporary_space())):
        if space is not None:
            free.add_metric([name], space.free)
            size.add_metric([name], space.size)
    yield from (free, size)


def _checks() -> Iterator[Metric]:
    healthy = GaugeMetricFamily("e1_healthy", "1 if a check of /readyz passes, else 0", labels=["check"])
    for name, check in readiness()[1].items():
        healthy.add_metric([name], int(check["ok"]))
    late = GaugeMetricFamily(
        "e1_duty_age_seconds", "Time since the service worker last did what beat repeats", labels=["duty"]
    )
    for name, age in duties.duties_ages().items():
        late.add_metric([name], age)
    yield from (healthy, late)
