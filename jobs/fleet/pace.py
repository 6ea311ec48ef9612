"""Workers that are alive, and how fast they compute."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from django.db.models import Count, QuerySet, Sum
from django.db.models.functions import Now

from e1protocol import ModelFacts
from jobs.models import Chunk, Job, Worker
from jobs.models.states import ChunkState, JobState, WorkerState

WORKER_ALIVE = timedelta(seconds=20)
FORWARD_IS_FRESH = timedelta(minutes=3)
SEEN = timedelta(hours=1)


def workers_alive(model: str | None = None) -> QuerySet[Worker]:
    """Return workers that passed their self-test, have a fresh heartbeat and don't drain."""
    alive = _with_heartbeat().filter(draining=False)
    return alive if model is None else alive.filter(model=model)


def _with_heartbeat() -> QuerySet[Worker]:
    return Worker.objects.filter(state=WorkerState.READY, heartbeat_at__gt=Now() - WORKER_ALIVE)


def rates_measured(model: str) -> list[float]:
    """Return tokens per second of every worker of this model seen within the last hour, including starting ones."""
    seen = Worker.objects.filter(model=model, heartbeat_at__gt=Now() - SEEN)
    return [rate for rate in seen.values_list("tokens_per_second", flat=True) if rate]


def workers_seen(model: str) -> list[tuple[Worker, bool]]:
    """Return the workers of this model seen within the last hour, each with whether it is alive now."""
    alive = set(_with_heartbeat().filter(model=model).values_list("name", flat=True))
    seen = Worker.objects.filter(model=model, heartbeat_at__gt=Now() - SEEN).select_related("engine")
    return [(worker, worker.name in alive) for worker in seen.order_by("name")]


def tokens_waiting(model: str) -> dict[str, int]:
    """Return the numbers of claimable `jobs`, and of their open `chunks` and `tokens`."""
    claimable = Job.objects.filter(model=model, state__in=JobState.claimable())
    open_chunks = Chunk.objects.filter(job__in=claimable, state__in=ChunkState.open())
    sums = open_chunks.aggregate(chunks=Count("id"), tokens=Sum("n_tokens"))
    return {"jobs": claimable.count(), "chunks": sums["chunks"], "tokens": sums["tokens"] or 0}


def worker_forward_is_fresh(model: str) -> bool:
    """Return whether a forward pass of this model has succeeded lately on a worker that is alive."""
    return workers_alive(model).filter(last_forward_at__gt=Now() - FORWARD_IS_FRESH).exists()


UNSURE = 2.0
"""How far the time under contexts may lie beyond what their operations explain, in either direction."""


def attention_per_token(model: ModelFacts) -> float:
    """Return the operations of a token for each token that it attends to, as a share of its other operations.

    Attention takes 4 operations a layer for each pair of tokens and number of a state, and the rest 2 a parameter.
    """
    return 4 * model.layers * model.hidden_size / (2 * model.parameters)


@dataclass(frozen=True, slots=True)
class Pace:
    """Present speed of a model: `rate` in tokens per second of all its `workers`, and the tokens that wait."""

    rate: float | None
    workers: int
    waiting_tokens: int

    def seconds(self, tokens: int, context_tokens: int = 0) -> float | None:
        """Return the time for these tokens; None without a rate. Every worker runs `context_tokens` of them itself."""
        return (tokens + max(0, self.workers - 1) * context_tokens) / self.rate if self.rate else None

    def span(self, seconds: float | None, context: int, model: ModelFacts) -> tuple[float, float] | None:
        """Return the limits between which the time lies; None without a rate or without contexts.

        `seconds` come from a rate without contexts. `context` are the tokens of the longest one.
        """
        if seconds is None or not context:
            return None
        return seconds / UNSURE, seconds * UNSURE * (1 + context * attention_per_token(model))

    @property
    def reason(self) -> str | None:
        """Why there is no rate; None if there is one."""
        if self.rate:
            return None
        return "no worker of this model is alive" if not self.workers else "no worker has measured its rate yet"


def rates_of(model: str) -> list[float | None]:
    """Return tokens per second of every living worker of this model; None for one that has measured nothing."""
    return list(workers_alive(model).values_list("tokens_per_second", flat=True))


def pace_of(model: str) -> Pace:
    """Return the pace by the rates that living workers have measured."""
    rates = rates_of(model)
    rate = sum(one or 0.0 for one in rates)
    return Pace(rate or None, len(rates), tokens_waiting(model)["tokens"])


def rounded(seconds: float | None) -> float | None:
    """Round to three significant digits, since a small request takes milliseconds."""
    return None if seconds is None else float(f"{seconds:.3g}")
