"""Files that are built in the background: asked for, claimed, stored in blocks, taken back where a builder dies.

Postgres is the truth, as for chunks: a message only says that something may be waiting. A builder holds a lease by
the database's clock and renews it while it works; what it stores counts only once it still holds it at the end.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import orjson
from celery import current_app
from django.db import IntegrityError, connection, transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.db.models.functions import Now

from e1protocol import ARTEFACT_QUEUE, TASK_BUILD
from jobs.errors import ServiceError
from jobs.models import Artefact, ArtefactBlock, Job
from jobs.models.states import ArtefactState, JobState
from jobs.queue import progress
from jobs.queue.dispatch import BROKER_ERRORS
from jobs.quotas.admission import quota_admit_bytes

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


@dataclass(frozen=True, slots=True)
class StoredFile:
    """One file of a ready artefact; `block` is the number of its first block."""

    format: str
    size: int
    sha256: str
    block: int


def artefact_request(
    *,
    job: Job,
    kind: str,
    params: Mapping[str, Any] | None = None,
    also: str = "",
    again: Collection[str] = (ArtefactState.CANCELLED,),
    admit: Callable[[], None] = lambda: None,
) -> Artefact:
    """The file of these results with these parameters: ready, being built, or failed just now; asked for where there is
    none, or where the last one is in one of the states `again`. `also` stands for what else it depends on, such as
    another job's results. `admit` is called in the transaction that is about to ask for one; what it raises forbids it.

    A failed one is queued again by the next request after the one that was told of it.
    """
    wanted = dict(params or {})
    current = Artefact.objects.filter(job=job, kind=kind, params=wanted).order_by("-id")
    building = current.filter(state__in=ArtefactState.unfinished()).first()
    if building is not None:
        return building
    if job.state not in JobState.final():
        young = current.filter(state=ArtefactState.READY, finished_at__gt=Now() - FRESH_ENOUGH).first()
        if young is not None:
            return young
    named = {"job": job, "kind": kind, "fingerprint": artefact_fingerprint(job, wanted, also)}
    if known := Artefact.objects.filter(**named).exclude(state__in=again).first():
        return known
    with transaction.atomic():
        admit()
        artefact, made = Artefact.objects.get_or_create(**named, defaults={"params": wanted})
        asked = made or (artefact.state in again and _ask_again(artefact.pk))
    if asked:
        artefact_publish(artefact_id=artefact.pk)
        artefact.refresh_from_db()
    return artefact


def artefact_fingerprint(job: Job, params: Mapping[str, Any], also: str = "") -> str:
    """Digest of the results, and of the parameters where there are any."""
    results = progress.results_fingerprint(job)
    if not params:
        return results
    asked = orjson.dumps([results, also, dict(params)], option=orjson.OPT_SORT_KEYS)
    return hashlib.sha256(asked).hexdigest()


def artefact_retry(*, artefact_id: int) -> None:
    """`failed` or `cancelled -> waiting`: somebody asks again."""
    if _ask_again(artefact_id):
        artefact_publish(artefact_id=artefact_id)


def _ask_again(artefact_id: int) -> bool:
    again = Artefact.objects.filter(pk=artefact_id, state__in=(ArtefactState.FAILED, ArtefactState.CANCELLED))
    fresh = {"attempts": 0, "reason": "", "finished_at": None, "fraction": 0, "stage": ""}
    return bool(again.update(state=ArtefactState.WAITING, **fresh))


def artefact_cancel(*, artefact_id: int) -> bool:
    """`waiting` or `building -> cancelled`; the builder stops when it next renews its lease. False where it is over."""
    with transaction.atomic():
        unfinished = Artefact.objects.filter(pk=artefact_id, state__in=ArtefactState.unfinished())
        cancelled = unfinished.update(state=ArtefactState.CANCELLED, build=None, lease_end=None, finished_at=Now())
        if cancelled:
            ArtefactBlock.objects.filter(artefact_id=artefact_id).delete()
    return bool(cancelled)


def artefact_delete(*, artefact_id: int) -> None:
    """Remove a file for good; one that is being built stops being built."""
    artefact_cancel(artefact_id=artefact_id)
    ArtefactBlock.objects.filter(artefact_id=artefact_id).delete()
    Artefact.objects.filter(pk=artefact_id).delete()


def artefact_publish(*, artefact_id: int) -> None:
    """Tell a service worker; where Redis is away, beat tells it later."""
    Artefact.objects.filter(pk=artefact_id).update(published_at=Now())
    with suppress(*BROKER_ERRORS):
        current_app.send_task(TASK_BUILD, args=[artefact_id], queue=ARTEFACT_QUEUE, retry=False)


def artefact_claim(*, artefact_id: int) -> UUID | None:
    """A fresh token where nobody else builds it; None otherwise. A builder that was lost counts as an attempt."""
    token = uuid4()
    free = Q(state=ArtefactState.WAITING) | Q(state=ArtefactState.BUILDING, lease_end__lt=Now())
    claimed = Artefact.objects.filter(free, pk=artefact_id, attempts__lt=MAX_ATTEMPTS).update(
        state=ArtefactState.BUILDING,
        build=token,
        attempts=F("attempts") + 1,
        lease_end=Now() + LEASE,
        fraction=0,
        stage="",
    )
    return token if claimed else None


def artefact_renew(*, artefact_id: int, token: UUID, fraction: float | None = None, stage: str = "") -> bool:
    """Hold the lease on, and say how far the build is; False where somebody else has it, it was cancelled, or the job
    is gone.
    """
    progress = {} if fraction is None else {"fraction": fraction, "stage": stage}
    return bool(_held(artefact_id, token).update(lease_end=Now() + LEASE, **progress))


def artefact_store(
    *,
    artefact_id: int,
    token: UUID,
    paths: Mapping[str, Path],
    facts: Mapping[str, Any] | None = None,
    charged_to: int | None = None,
) -> bool:
    """Copy the files, by format, into blocks, each committed by itself, and make the artefact ready. False where the
    lease was lost: then nothing counts.

    Where the files go beyond the storage of the user `charged_to`, it raises TooLarge: before it copies, and again with
    the last word when all is copied, for others may have stored something meanwhile.
    """
    if charged_to is not None:
        with transaction.atomic():
            quota_admit_bytes(user_id=charged_to, size=sum(path.stat().st_size for path in paths.values()))
    files: list[StoredFile] = []
    number = 0
    for format, path in paths.items():
        stored = _store_file(artefact_id, token, format, path, number)
        if stored is None:
            return False
        files.append(stored)
        number += -(-stored.size // BLOCK)
    size = sum(file.size for file in files)
    with transaction.atomic():
        if charged_to is not None:
            quota_admit_bytes(user_id=charged_to, size=size)
        held = _held(artefact_id, token).update(
            state=ArtefactState.READY,
            size=size,
            sha256=files[0].sha256,
            files=[asdict(file) for file in files],
            facts=dict(facts or {}),
            finished_at=Now(),
            lease_end=None,
            fraction=1,
            stage="",
        )
        if held:
            ArtefactBlock.objects.filter(artefact_id=artefact_id).exclude(build=token).delete()
    return bool(held)


def _store_file(artefact_id: int, token: UUID, format: str, path: Path, first: int) -> StoredFile | None:
    digest, number, size = hashlib.sha256(), first, 0
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            digest.update(block)
            size += len(block)
            if not artefact_renew(artefact_id=artefact_id, token=token):
                return None
            try:
                ArtefactBlock.objects.create(artefact_id=artefact_id, build=token, number=number, data=block)
            except IntegrityError:  # the job was deleted meanwhile
                return None
            number += 1
    return StoredFile(format, size, digest.hexdigest(), first)


def artefact_files(artefact: Artefact) -> dict[str, StoredFile]:
    """The files of a ready artefact by format, the first one first. One from before several were kept has one."""
    files = artefact.files or [{"format": artefact.kind, "size": artefact.size, "sha256": artefact.sha256, "block": 0}]
    return {file["format"]: StoredFile(**file) for file in files}


def artefact_fail(*, artefact_id: int, token: UUID, reason: str) -> None:
    """The build ended with an error: said to whoever asks, and tried again when somebody does."""
    with transaction.atomic():
        failed = _held(artefact_id, token).update(
            state=ArtefactState.FAILED, reason=reason[:500], finished_at=Now(), lease_end=None
        )
        if failed:
            ArtefactBlock.objects.filter(artefact_id=artefact_id).delete()


def artefacts_tend() -> None:
    """Safety net: tell again where something waits (one message serves: `jobs.tasks.turns`), give up what was lost
    too often, remove what is superseded.
    """
    lost = Artefact.objects.filter(state=ArtefactState.BUILDING, lease_end__lt=Now())
    lost.filter(attempts__gte=MAX_ATTEMPTS).update(
        state=ArtefactState.FAILED,
        reason=f"the process that built it was lost {MAX_ATTEMPTS} times; is there enough disk and memory?",
        finished_at=Now(),
        lease_end=None,
    )
    waiting = Artefact.objects.filter(Q(state=ArtefactState.WAITING) | Q(pk__in=lost.values("pk")))
    quiet = Q(published_at__isnull=True) | Q(published_at__lt=Now() - REPUBLISH_AFTER)
    head = waiting.order_by("pk").values("pk")[:1]
    for artefact_id in Artefact.objects.filter(quiet, pk__in=head).values_list("pk", flat=True):
        artefact_publish(artefact_id=artefact_id)
    for artefact_id in _superseded().values_list("pk", flat=True):
        ArtefactBlock.objects.filter(artefact_id=artefact_id).delete()
        Artefact.objects.filter(pk=artefact_id).delete()


def _superseded() -> QuerySet[Artefact]:
    """Finished files of which a newer one is ready since a while."""
    newer = Artefact.objects.filter(
        job=OuterRef("job"),
        kind=OuterRef("kind"),
        params=OuterRef("params"),
        pk__gt=OuterRef("pk"),
        state=ArtefactState.READY,
        finished_at__lt=Now() - KEPT_BEHIND,
    )
    over = [ArtefactState.READY, ArtefactState.FAILED, ArtefactState.CANCELLED]
    return Artefact.objects.filter(Exists(newer), state__in=over)


def artefact_blocks(artefact: Artefact, format: str | None = None) -> Iterator[bytes]:
    """The bytes of a ready file, the first one unless a format is named, block by block. Raises ArtefactFailed where it
    vanishes meanwhile.
    """
    files = artefact_files(artefact)
    file = next(iter(files.values())) if format is None else files[format]
    sent = 0
    number = file.block
    while sent < file.size:
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


def artefact_of(job: Job, kind: str) -> Artefact | None:
    """The newest file of this kind, in whatever state."""
    return Artefact.objects.filter(job=job, kind=kind).order_by("-id").first()
