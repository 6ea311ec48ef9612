"""Work of the service worker under leases: asked for, claimed, renewed with its progress, taken back from the dead.

Postgres is the truth, as for chunks and files (`jobs.background.artefacts`): a message only says that something may be
waiting. What a worker found counts only where its token still holds.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from typing import Any, TypeVar
from uuid import uuid4

from celery import current_app
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Coalesce, Now

from e1protocol import ARTEFACT_QUEUE, TASK_WORK
from jobs.models import BackgroundWork
from jobs.models.states import WorkState
from jobs.queue.dispatch import BROKER_ERRORS

Work = TypeVar("Work", bound=BackgroundWork)

LEASE = timedelta(seconds=60)
RENEW_SECONDS = 2.0
"""How often a worker writes its progress: what people see move, and how soon it notices that it was cancelled."""
REPUBLISH_AFTER = timedelta(seconds=30)
MAX_ATTEMPTS = 3


def work_publish(work: BackgroundWork) -> None:
    """Tell a service worker; where Redis is away, beat tells it later."""
    kind = type(work)._meta.model_name
    type(work)._default_manager.filter(pk=work.pk).update(published_at=Now())
    with suppress(*BROKER_ERRORS):
        current_app.send_task(TASK_WORK, args=[kind, str(work.pk)], queue=ARTEFACT_QUEUE, retry=False)


def work_claim(kind: type[Work], pk: Any) -> Work | None:
    """The row under a fresh token where nobody else works on it; None otherwise. A lost worker counts as an attempt."""
    rows = kind._default_manager.filter(pk=pk)
    free = Q(state=WorkState.WAITING) | Q(state=WorkState.RUNNING, lease_end__lt=Now())
    claimed = rows.filter(free, attempts__lt=MAX_ATTEMPTS).update(
        state=WorkState.RUNNING,
        token=uuid4(),
        attempts=F("attempts") + 1,
        lease_end=Now() + LEASE,
        started_at=Coalesce("started_at", Now()),
        progress=0.0,
    )
    return rows.first() if claimed else None


def work_renew(work: BackgroundWork, *, progress: float, **changes: Any) -> bool:
    """Hold the lease on and say how far the work is; False where somebody else has it, or it was cancelled."""
    return bool(_held(work).update(lease_end=Now() + LEASE, progress=progress, **changes))


def work_finish(work: BackgroundWork, **changes: Any) -> bool:
    """`running -> done` with what was found; False where the lease was lost: then nothing counts."""
    return bool(
        _held(work).update(
            state=WorkState.DONE, token=None, lease_end=None, progress=1.0, finished_at=Now(), reason="", **changes
        )
    )


def work_fail(work: BackgroundWork, *, reason: str) -> None:
    """`running -> failed`: said to whoever asks."""
    _held(work).update(state=WorkState.FAILED, token=None, lease_end=None, finished_at=Now(), reason=reason[:500])


def work_cancel(work: BackgroundWork) -> bool:
    """Anything unfinished `-> cancelled`; a worker notices when it renews. False where it is over already."""
    unfinished = type(work)._default_manager.filter(pk=work.pk, state__in=WorkState.unfinished())
    return bool(unfinished.update(state=WorkState.CANCELLED, token=None, lease_end=None, finished_at=Now()))


def work_retry(work: BackgroundWork) -> bool:
    """`failed -> waiting`: somebody asks again."""
    failed = type(work)._default_manager.filter(pk=work.pk, state=WorkState.FAILED)
    if not failed.update(state=WorkState.WAITING, attempts=0, reason="", finished_at=None, progress=0.0):
        return False
    work_publish(work)
    return True


def works_tend(kind: type[BackgroundWork]) -> None:
    """Safety net: tell again where nobody works on what waits, give up what was lost too often. One message serves: it
    is not the work that it names that is done next (`jobs.tasks.turns`).
    """
    lost = kind._default_manager.filter(state=WorkState.RUNNING, lease_end__lt=Now())
    lost.filter(attempts__gte=MAX_ATTEMPTS).update(
        state=WorkState.FAILED,
        token=None,
        lease_end=None,
        finished_at=Now(),
        reason=f"the process that worked on it was lost {MAX_ATTEMPTS} times; is there enough memory?",
    )
    waiting = kind._default_manager.filter(Q(state=WorkState.WAITING) | Q(pk__in=lost.values("pk")))
    quiet = Q(published_at__isnull=True) | Q(published_at__lt=Now() - REPUBLISH_AFTER)
    head = waiting.order_by("created_at", "pk").values("pk")[:1]
    for work in kind._default_manager.filter(quiet, pk__in=head):
        work_publish(work)


def _held(work: BackgroundWork) -> QuerySet[Any]:
    return type(work)._default_manager.filter(pk=work.pk, token=work.token, state=WorkState.RUNNING)
