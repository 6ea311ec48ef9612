"""The health of the service, part by part, for `/readyz` and the pages. This module only reads."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django.conf import settings
from django.db import Error, connection
from django.db.models.functions import Now

from jobs.fleet import duties, pace
from jobs.fleet.centres import CENTRE_OF_JOB
from jobs.models import Worker
from jobs.queue import dispatch as queue
from jobs.web.disk import FULL, FULL_REMEDY, is_full, space_warning

STANDS_AFTER_SECONDS = 180
"""A queue with work that computes nothing for this long does not move."""
REDIS_IS_DOWN = "the queue's messenger (Redis) does not answer"


def readiness() -> tuple[bool, dict[str, dict[str, Any]]]:
    """Return whether all checks pass, and each check as {ok, detail}.

    The checks are both stores, the work that beat repeats, and for every enabled model a recent forward pass and a
    moving queue.
    """
    redis, models = _redis(), settings.E1_MODELS
    try:
        checks = {"postgres": _postgres(), "redis": redis, "upkeep": _upkeep()}
        for model in models:
            checks |= {f"model {model}": _model(model), f"queue {model}": _queue(model)}
    except Error as error:  # also if Postgres stops between two of the checks
        away = f"{FULL}, and Postgres does not answer" if is_full(error) else "Postgres does not answer"
        checks = {"postgres": _check(False, f"{away}: {error}".strip()), "redis": redis}
        unknown = _check(False, "unknown without Postgres")
        checks["upkeep"] = unknown
        checks |= {f"{kind} {model}": unknown for model in models for kind in ("model", "queue")}
    return all(check["ok"] for check in checks.values()), checks


def warnings() -> list[str]:
    """Return sentences about what will soon stop the service."""
    low = space_warning()
    return [low] if low else []


def trouble_of(models: Iterable[str]) -> list[str]:
    """Return sentences about what stops unfinished jobs of these models.

    A lack of workers is not among them, because the queue reason of each job states it.
    """
    wanted = sorted(set(models))
    if not wanted:
        return []
    queues = {model: _queue(model) for model in wanted}
    checks: Mapping[str, dict[str, Any]] = {"disk": _disk(), "redis": _redis(), "upkeep": _upkeep(), **queues}
    return [f"{check['detail'][:1].upper()}{check['detail'][1:]}." for check in checks.values() if not check["ok"]]


def _check(ok: bool, detail: str) -> dict[str, Any]:
    return {"ok": ok, "detail": detail}


def _postgres() -> dict[str, Any]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return _check(True, "Postgres answers")


def _disk() -> dict[str, Any]:
    return _check(False, f"{FULL}; {FULL_REMEDY[0].lower()}{FULL_REMEDY[1:-1]}") if is_full() else _check(True, "")


def _redis() -> dict[str, Any]:
    if queue.broker_answers():
        return _check(True, "Redis answers")
    # With a full disk Redis refuses even a ping.
    return _check(False, f"{FULL}, and {REDIS_IS_DOWN}" if is_full() else REDIS_IS_DOWN)


def _upkeep() -> dict[str, Any]:
    """Check that what beat repeats is done: without it lost work stays lost, and closed jobs stay open."""
    neglected = duties.duties_neglected()
    if not neglected:
        return _check(True, "beat and the service worker are running")
    return _check(False, f"{'; '.join(neglected)}; see whether beat and the service worker run, and what they log")


def _model(model: str) -> dict[str, Any]:
    if pace.worker_forward_is_fresh(model):
        return _check(True, "a forward pass succeeded recently")
    workers = Worker.objects.filter(model=model, heartbeat_at__gt=Now() - pace.WORKER_ALIVE)
    words = [(worker, "draining" if worker.draining else worker.state) for worker in workers]
    said = [f"{worker.name} is {word}" + (f": {worker.reason}" if worker.reason else "") for worker, word in words]
    return _check(False, "; ".join(said) if said else "no worker is alive")


def _queue(model: str) -> dict[str, Any]:
    """Check that a queue with ready chunks has started or finished some within STANDS_AFTER_SECONDS."""
    waiting = _jobs_that_wait(model)
    if not waiting or _something_moves(model):
        return _check(True, "the queue is moving" if waiting else "nothing has waited long")
    jobs = "1 job waits" if waiting == 1 else f"{waiting} jobs wait"
    minutes = STANDS_AFTER_SECONDS // 60
    return _check(
        False,
        f"the queue of {model} does not move: {jobs}, and nothing was computed for {minutes} minutes "
        "or more; see whether its workers take messages, and whether beat and the service worker run",
    )


def _jobs_that_wait(model: str) -> int:
    """Count jobs with a chunk that has been ready for STANDS_AFTER_SECONDS, and no change by their owner since.

    While workers are alive, jobs that only those of another cost centre may compute do not count: they say so.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            WITH alive AS (
                SELECT cost_centre FROM jobs_worker WHERE model = %(model)s AND state = 'ready' AND NOT draining
                  AND heartbeat_at > statement_timestamp() - %(alive)s * interval '1 second'
            )
            SELECT count(*) FROM jobs_job job
            WHERE job.model = %(model)s AND job.state IN ('queued', 'running')
              AND job.touched_at < statement_timestamp() - %(long)s * interval '1 second'
              AND EXISTS (
                SELECT 1 FROM jobs_chunk WHERE job_id BETWEEN job.id AND job.id AND state = 'ready'
                  AND not_before < statement_timestamp() - %(long)s * interval '1 second'
              )
              AND (NOT EXISTS (SELECT FROM alive) OR {CENTRE_OF_JOB} IN (SELECT cost_centre FROM alive))
            """,  # noqa: S608 - a constant
            {"model": model, "long": STANDS_AFTER_SECONDS, "alive": pace.WORKER_ALIVE.total_seconds()},
        )
        return int(cursor.fetchone()[0])


def _something_moves(model: str) -> bool:
    """Return whether a bundle was written lately, or a lease is still valid."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT EXISTS (
                SELECT 1 FROM jobs_worker WHERE model = %(model)s
                  AND last_bundle_at > statement_timestamp() - %(long)s * interval '1 second'
            ) OR EXISTS (
                SELECT 1 FROM jobs_chunk WHERE state = 'leased' AND lease_end > statement_timestamp()
                  AND model = %(model)s
            )
            """,
            {"model": model, "long": STANDS_AFTER_SECONDS},
        )
        return bool(cursor.fetchone()[0])
