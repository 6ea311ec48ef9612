"""What workers say of themselves."""

from __future__ import annotations

import hashlib
from dataclasses import asdict

import orjson
from django.db.models import F, Q
from django.db.models.functions import Now

from e1protocol import EngineIdentity
from jobs.errors import Conflict, NotFound
from jobs.models import EngineRecord, Worker
from jobs.models.states import WorkerState


def engine_record(*, identity: EngineIdentity) -> int:
    """Row id of this identity, made where it is new."""
    fields = asdict(identity)
    digest = hashlib.sha256(orjson.dumps(fields, option=orjson.OPT_SORT_KEYS)).hexdigest()
    EngineRecord.objects.bulk_create([EngineRecord(digest=digest, identity=fields)], ignore_conflicts=True)
    return EngineRecord.objects.values_list("pk", flat=True).get(digest=digest)


MAX_DEVICE_ERRORS = 3
"""So many device errors in a row, and the device is taken for broken."""


def worker_starting(*, name: str, model: str, run: str = "") -> None:
    """A process of this worker loads its network. `run` names the start of its parent process: a new one begins with a
    clean slate, a process that only replaces a dead one does not.
    """
    Worker.objects.filter(name=name).exclude(run=run).update(run=run, device_errors=0, draining=False)
    Worker.objects.update_or_create(
        name=name,
        defaults={
            "model": model,
            "run": run,
            "state": WorkerState.STARTING,
            "reason": "",
            "engine": None,
            "started_at": Now(),
            "heartbeat_at": Now(),
            "last_forward_at": None,
        },
    )


def worker_ready(*, name: str, engine_id: int, tokens_per_second: float) -> None:
    """The self-test has passed: a real forward pass gave the right numbers."""
    Worker.objects.filter(name=name).update(
        state=WorkerState.READY,
        engine_id=engine_id,
        tokens_per_second=tokens_per_second,
        heartbeat_at=Now(),
        last_forward_at=Now(),
    )


def worker_sick(*, name: str, reason: str) -> None:
    """The self-test has failed: this worker claims nothing."""
    Worker.objects.filter(name=name).update(state=WorkerState.SICK, reason=reason, heartbeat_at=Now())


def worker_stopped(*, name: str) -> None:
    Worker.objects.filter(name=name).update(state=WorkerState.STOPPED)


def worker_drain(*, name: str, draining: bool = True) -> str:
    """Have a worker finish what it has leased and claim nothing more, or take work again. Gives its full name; the part
    before the @ is enough where no other worker has it. It hears of it before the next bundle, idle within seconds.

    Raises NotFound where there is no such worker, Conflict where several are meant.
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
    Worker.objects.filter(name=name).update(heartbeat_at=Now())


def worker_computed(*, name: str, tokens_per_second: float | None = None) -> None:
    """A bundle was computed and written just now; the rate, where it was worth measuring, replaces the last one."""
    changes: dict[str, object] = {
        "last_forward_at": Now(),
        "last_bundle_at": Now(),
        "heartbeat_at": Now(),
        "device_errors": 0,
    }
    if tokens_per_second is not None:
        changes["tokens_per_second"] = tokens_per_second
    Worker.objects.filter(name=name).update(**changes)


def worker_proved(*, name: str) -> None:
    """A forward pass that belongs to nobody gave the right numbers just now."""
    Worker.objects.filter(name=name).update(last_forward_at=Now(), heartbeat_at=Now())


def worker_device_error(*, name: str) -> None:
    """The device failed, and the process ends for it: the next one has to know."""
    Worker.objects.filter(name=name).update(device_errors=F("device_errors") + 1)


def worker_is_broken(*, name: str) -> bool:
    """Whether the device has failed too often to be given further work."""
    return Worker.objects.filter(name=name, device_errors__gte=MAX_DEVICE_ERRORS).exists()
