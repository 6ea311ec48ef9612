"""Files that are built in the background: asked for, claimed, stored in blocks, taken back where a builder dies.

Postgres is the truth, as for chunks: a message only says that something may be waiting. A builder holds a lease by
the database's clock and renews it while it works; what it stores counts only once it still holds it at the end.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from uuid import UUID, uuid4

from celery import current_app
from django.db import IntegrityError, connection, transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.db.models.functions import Now

from jobs import selectors
from jobs.errors import ServiceError
from jobs.models import Artefact, ArtefactBlock, Job
from jobs.queue import BROKER_ERRORS
from jobs.states import ArtefactState, JobState
from worker.protocol import ARTEFACT_QUEUE, TASK_BUILD

LEASE = timedelta(seconds=60)
REPUBLISH_AFTER = timedelta(seconds=30)
MAX_ATTEMPTS = 3
BLOCK = 4 * 1024 * 1024
FRESH_ENOUGH = timedelta(minutes=5)
"""A file of a running job is behind as soon as it is built; one this young is still what was asked for."""
KEPT_BEHIND = timedelta(hours=1)
"""Superseded files stay this long, for downloads under way."""


class ArtefactFailed(ServiceError):
    """The file could not be built; asking again tries again."""

    status_code = 500
    code = "artefact_failed"


def artefact_request(*, job: Job, kind: str) -> Artefact:
    """The file of these results: ready, being built, or failed just now; asked for where there is none.

    A failed one is queued again by the next request after the one that was told of it.
    """
    current = Artefact.objects.filter(job=job, kind=kind).order_by("-id")
    building = current.filter(state__in=ArtefactState.unfinished()).first()
    if building is not None:
        return building
    if job.state not in JobState.final():
        young = current.filter(state=ArtefactState.READY, finished_at__gt=Now() - FRESH_ENOUGH).first()
        if young is not None:
            return young
    artefact, made = Artefact.objects.get_or_create(job=job, kind=kind, fingerprint=selectors.results_fingerprint(job))
    if made:
        artefact_publish(artefact_id=artefact.pk)
    return artefact


def artefact_retry(*, artefact_id: int) -> None:
    """`failed -> waiting`: somebody asks again."""
    again = Artefact.objects.filter(pk=artefact_id, state=ArtefactState.FAILED)
    if again.update(state=ArtefactState.WAITING, attempts=0, reason="", finished_at=None):
        artefact_publish(artefact_id=artefact_id)


def artefact_publish(*, artefact_id: int) -> bool:
    """Tell a service worker; False where Redis is away (beat tells it later)."""
    Artefact.objects.filter(pk=artefact_id).update(published_at=Now())
    try:
        current_app.send_task(TASK_BUILD, args=[artefact_id], queue=ARTEFACT_QUEUE, retry=False)
    except BROKER_ERRORS:
        return False
    return True


def artefact_claim(*, artefact_id: int) -> UUID | None:
    """A fresh token where nobody else builds it; None otherwise. A builder that was lost counts as an attempt."""
    token = uuid4()
    free = Q(state=ArtefactState.WAITING) | Q(state=ArtefactState.BUILDING, lease_end__lt=Now())
    claimed = Artefact.objects.filter(free, pk=artefact_id, attempts__lt=MAX_ATTEMPTS).update(
        state=ArtefactState.BUILDING, build=token, attempts=F("attempts") + 1, lease_end=Now() + LEASE
    )
    return token if claimed else None


def artefact_renew(*, artefact_id: int, token: UUID) -> bool:
    """Hold the lease on; False where somebody else has it, or the job is gone."""
    return bool(_held(artefact_id, token).update(lease_end=Now() + LEASE))


def artefact_store(*, artefact_id: int, token: UUID, path: Path) -> bool:
    """Copy the file into blocks, each committed by itself, and make it ready. False where the lease was lost: then
    nothing counts.
    """
    digest, number, size = hashlib.sha256(), 0, 0
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            digest.update(block)
            size += len(block)
            if not artefact_renew(artefact_id=artefact_id, token=token):
                return False
            try:
                ArtefactBlock.objects.create(artefact_id=artefact_id, build=token, number=number, data=block)
            except IntegrityError:  # the job was deleted meanwhile
                return False
            number += 1
    with transaction.atomic():
        stored = _held(artefact_id, token).update(
            state=ArtefactState.READY, size=size, sha256=digest.hexdigest(), finished_at=Now(), lease_end=None
        )
        if stored:
            ArtefactBlock.objects.filter(artefact_id=artefact_id).exclude(build=token).delete()
    return bool(stored)


def artefact_fail(*, artefact_id: int, token: UUID, reason: str) -> None:
    """The build ended with an error: said to whoever asks, and tried again when somebody does."""
    with transaction.atomic():
        failed = _held(artefact_id, token).update(
            state=ArtefactState.FAILED, reason=reason[:500], finished_at=Now(), lease_end=None
        )
        if failed:
            ArtefactBlock.objects.filter(artefact_id=artefact_id).delete()


def artefacts_tend() -> None:
    """Safety net: tell again of what nobody builds, give up what was lost too often, remove what is superseded."""
    lost = Artefact.objects.filter(state=ArtefactState.BUILDING, lease_end__lt=Now())
    lost.filter(attempts__gte=MAX_ATTEMPTS).update(
        state=ArtefactState.FAILED,
        reason=f"the process that built it was lost {MAX_ATTEMPTS} times; is there enough disk and memory?",
        finished_at=Now(),
        lease_end=None,
    )
    waiting = Artefact.objects.filter(Q(state=ArtefactState.WAITING) | Q(pk__in=lost.values("pk")))
    quiet = Q(published_at__isnull=True) | Q(published_at__lt=Now() - REPUBLISH_AFTER)
    for artefact_id in waiting.filter(quiet).values_list("pk", flat=True):
        if not artefact_publish(artefact_id=artefact_id):
            return
    for artefact_id in _superseded().values_list("pk", flat=True):
        ArtefactBlock.objects.filter(artefact_id=artefact_id).delete()
        Artefact.objects.filter(pk=artefact_id).delete()


def _superseded() -> QuerySet[Artefact]:
    """Finished files of which a newer one is ready since a while."""
    newer = Artefact.objects.filter(
        job=OuterRef("job"),
        kind=OuterRef("kind"),
        pk__gt=OuterRef("pk"),
        state=ArtefactState.READY,
        finished_at__lt=Now() - KEPT_BEHIND,
    )
    return Artefact.objects.filter(Exists(newer), state__in=[ArtefactState.READY, ArtefactState.FAILED])


def artefact_blocks(artefact: Artefact) -> Iterator[bytes]:
    """The bytes of a ready file, block by block. Raises ArtefactFailed where it vanishes meanwhile."""
    sent = 0
    number = 0
    while sent < artefact.size:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT data FROM jobs_artefactblock WHERE artefact_id = %s AND build = %s AND number = %s",
                [artefact.pk, artefact.build, number],
            )
            row = cursor.fetchone()
        if row is None:
            raise ArtefactFailed("the file was deleted while it was sent", code="artefact_gone")
        block = bytes(row[0])
        yield block
        sent += len(block)
        number += 1


def _held(artefact_id: int, token: UUID) -> QuerySet[Artefact]:
    return Artefact.objects.filter(pk=artefact_id, build=token, state=ArtefactState.BUILDING)
