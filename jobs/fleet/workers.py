"""State changes of workers: starting, ready, sick, draining, stopped."""

from __future__ import annotations

import hashlib
from dataclasses import asdict
from typing import Any

import orjson
from django.db.models import F, Q
from django.db.models.functions import Now

from e1protocol import EngineIdentity
from e1protocol.costs import Costs
from jobs.errors import Conflict, NotFound
from jobs.models import EngineRecord, Worker
from jobs.models.states import WorkerState

MAX_DEVICE_ERRORS = 3
"""Consecutive device errors after which the device counts as broken."""


def engine_record(*, identity: EngineIdentity) -> int:
    """Return the row id of this identity, creating the row if it is new."""
    fields = asdict(identity)
    digest = hashlib.sha256(orjson.dumps(fields, option=orjson.OPT_SORT_KEYS)).hexdigest()
    EngineRecord.objects.bulk_create([EngineRecord(digest=digest, identity=fields)], ignore_conflicts=True)
    return EngineRecord.objects.values_list("pk", flat=True).get(digest=digest)


def worker_engine(*, name: str, identity: EngineIdentity) -> int:
    """Record what a worker computes with from now on, and return the row id of this identity."""
    engine_id = engine_record(identity=identity)
    _update(name, engine_id=engine_id)
    return engine_id


def worker_starting(*, name: str, model: str, run: str = "", cost_centre: str = "") -> None:
    """Record that a process of this worker loads its network, and whose work it will compute.

    `run` names the start of its parent process. A new one clears drain and device errors; a replaced child does not.
    """
    Worker.objects.filter(name=name).exclude(run=run).update(run=run, device_errors=0, draining=False)
    Worker.objects.update_or_create(
        name=name,
        defaults={
            "model": model,
            "run": run,
            "cost_centre": cost_centre,
            "state": WorkerState.STARTING,
            "reason": "",
            "engine": None,
            "started_at": Now(),
            "heartbeat_at": Now(),
            "last_forward_at": None,
        },
    )


def worker_ready(*, name: str, engine_id: int, tokens_per_second: float, costs: Costs | None = None) -> None:
    """Record that the self-test has passed."""
    _update(
        name,
        state=WorkerState.READY,
        engine_id=engine_id,
        tokens_per_second=tokens_per_second,
        costs=costs.as_dict() if costs else {},
        heartbeat_at=Now(),
        last_forward_at=Now(),
    )


def costs_learned_before(*, name: str, model: str, engine_id: int) -> Costs | None:
    """Return the costs that this worker had before, or another one of the same network on the same device."""
    same = Worker.objects.filter(model=model).exclude(costs={})
    own = same.filter(name=name)
    found = own.first() or same.filter(engine_id=engine_id).order_by("-heartbeat_at").first()
    return Costs.from_dict(found.costs) if found else None


def worker_sick(*, name: str, reason: str) -> None:
    """Record why this worker claims nothing, such as a failed self-test."""
    _update(name, state=WorkerState.SICK, reason=reason, heartbeat_at=Now())


def worker_stopped(*, name: str) -> None:
    _update(name, state=WorkerState.STOPPED)


def worker_drain(*, name: str, draining: bool = True) -> str:
    """Let a worker finish its leases and claim nothing more, or take work again, and return its full name.

    The part of the name before the @ is enough if it is unique. The worker notices before its next bundle, or within
    seconds if it is idle. Raises NotFound for an unknown name, Conflict for an ambiguous one.
    """
    names = list(Worker.objects.filter(Q(name=name) | Q(name__startswith=f"{name}@")).values_list("name", flat=True))
    if not names:
        raise NotFound(f"there is no worker {name!r}; the page of models and health lists them", code="unknown_worker")
    if len(names) > 1:
        raise Conflict(f"{name!r} may be {', '.join(sorted(names))}; give the whole name", code="ambiguous_worker")
    Worker.objects.filter(name=names[0]).update(draining=draining)
    return str(names[0])


def worker_is_draining(*, name: str) -> bool:
    return Worker.objects.filter(name=name, draining=True).exists()


def worker_beat(*, name: str) -> None:
    _update(name, heartbeat_at=Now())


def worker_computed(*, name: str, tokens_per_second: float | None = None, costs: Costs | None = None) -> None:
    """Record that a bundle has just been computed and written, its rate if it was measured, and what it has shown."""
    measured: dict[str, Any] = {} if tokens_per_second is None else {"tokens_per_second": tokens_per_second}
    if costs is not None:
        measured["costs"] = costs.as_dict()
    _update(name, last_forward_at=Now(), last_bundle_at=Now(), heartbeat_at=Now(), device_errors=0, **measured)


def worker_failed(*, name: str, reason: str) -> None:
    """Record why a bundle of this worker failed or was lost."""
    _update(name, last_error=reason[:500], last_error_at=Now())


def worker_proved(*, name: str) -> None:
    """Record that a repeated self-test has just passed."""
    _update(name, last_forward_at=Now(), heartbeat_at=Now())


def worker_device_error(*, name: str) -> None:
    """Count a device error, after which this process ends."""
    _update(name, device_errors=F("device_errors") + 1)


def _update(name: str, **changes: Any) -> None:
    Worker.objects.filter(name=name).update(**changes)


def worker_is_broken(*, name: str) -> bool:
    """Return whether the device has failed too often to get further work."""
    return Worker.objects.filter(name=name, device_errors__gte=MAX_DEVICE_ERRORS).exists()
