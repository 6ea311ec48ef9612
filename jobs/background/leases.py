"""The lease machine of background work: files, analyses, counts of neighbours and homolog searches.

Postgres holds the truth, as for chunks: a message only says that something may be waiting. A worker holds a lease by
the database's clock and renews it with its progress. Its result counts only if its token still holds the lease.
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
"""How often a worker writes its progress, and so how soon it notices that the work was cancelled."""
REPUBLISH_AFTER = timedelta(seconds=30)
MAX_ATTEMPTS = 3


class LeaseLost(Exception):
    """The end of work that was cancelled, or that another worker holds now."""


_RELEASED: dict[str, Any] = {"token": None, "lease_end": None, "finished_at": Now()}


def work_publish(work: BackgroundWork) -> None:
    """Send a message to the service workers. If Redis is down, beat sends it later."""
    _row(work).update(published_at=Now())
    with suppress(*BROKER_ERRORS):
        args = [type(work)._meta.model_name, str(work.pk)]
        current_app.send_task(TASK_WORK, args=args, queue=ARTEFACT_QUEUE, retry=False)


def work_claim(kind: type[Work], pk: Any, **changes: Any) -> Work | None:
    """Lease the row under a new token; return None if another worker holds it or it is not waiting.

    An attempt whose worker was lost counts towards MAX_ATTEMPTS.
    """
    rows = kind._default_manager.filter(pk=pk)
    free = Q(state=WorkState.WAITING) | Q(state=WorkState.RUNNING, lease_end__lt=Now())
    claimed = rows.filter(free, attempts__lt=MAX_ATTEMPTS).update(
        state=WorkState.RUNNING,
        token=uuid4(),
        attempts=F("attempts") + 1,
        lease_end=Now() + LEASE,
        started_at=Coalesce("started_at", Now()),
        progress=0.0,
        **changes,
    )
    return rows.first() if claimed else None


def work_renew(work: BackgroundWork, **changes: Any) -> bool:
    """Extend the lease and write `changes`, such as `progress`; return False if the lease is lost."""
    return bool(_held(work).update(lease_end=Now() + LEASE, **changes))


def work_finish(work: BackgroundWork, **changes: Any) -> bool:
    """Move `running -> done` and store the result in `changes`; return False if the lease is lost."""
    return bool(_held(work).update(state=WorkState.DONE, progress=1.0, reason="", **_RELEASED, **changes))


def work_fail(work: BackgroundWork, *, reason: str) -> bool:
    """Move `running -> failed` with the reason that users see; return False if the lease is lost."""
    return bool(_held(work).update(state=WorkState.FAILED, reason=reason[:500], **_RELEASED))


def work_cancel(work: BackgroundWork) -> bool:
    """Cancel unfinished work; return False if it has ended. A worker notices when it next renews its lease."""
    unfinished = _row(work).filter(state__in=WorkState.unfinished())
    return bool(unfinished.update(state=WorkState.CANCELLED, **_RELEASED))


def work_reset(work: BackgroundWork, **changes: Any) -> bool:
    """Move `failed` or `cancelled -> waiting`. The caller publishes the work after its transaction."""
    ended = _row(work).filter(state__in=(WorkState.FAILED, WorkState.CANCELLED))
    fresh = {"attempts": 0, "reason": "", "finished_at": None, "progress": 0.0, **changes}
    return bool(ended.update(state=WorkState.WAITING, **fresh))


def work_retry(work: BackgroundWork, **changes: Any) -> None:
    """Reset ended work and publish it."""
    if work_reset(work, **changes):
        work_publish(work)


def works_release(works: QuerySet[Any]) -> None:
    """Move `running -> waiting` and forget the attempts. Workers notice when they next renew their leases."""
    works.filter(state=WorkState.RUNNING).update(state=WorkState.WAITING, attempts=0, token=None, lease_end=None)


def works_tend(kind: type[BackgroundWork]) -> None:
    """Fail work whose workers were lost too often, and publish again if work waits without a recent message.

    One message is enough: `jobs.tasks.turns` decides which work is done next.
    """
    rows = kind._default_manager
    lost = rows.filter(state=WorkState.RUNNING, lease_end__lt=Now())
    lost.filter(attempts__gte=MAX_ATTEMPTS).update(
        state=WorkState.FAILED,
        reason=f"the process that worked on it was lost {MAX_ATTEMPTS} times; is there enough disk and memory?",
        **_RELEASED,
    )
    waiting = rows.filter(Q(state=WorkState.WAITING) | Q(pk__in=lost.values("pk")))
    quiet = Q(published_at__isnull=True) | Q(published_at__lt=Now() - REPUBLISH_AFTER)
    head = waiting.order_by("created_at", "pk").values("pk")[:1]
    for work in rows.filter(quiet, pk__in=head):
        work_publish(work)


def _row(work: BackgroundWork) -> QuerySet[Any]:
    return type(work)._default_manager.filter(pk=work.pk)


def _held(work: BackgroundWork) -> QuerySet[Any]:
    return _row(work).filter(token=work.token, state=WorkState.RUNNING)
