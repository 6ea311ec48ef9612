"""Files built from a job's results: requested, stored in blocks, read and replaced."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import orjson
from django.contrib.auth.models import User
from django.db import IntegrityError, connection, transaction
from django.db.models import Exists, OuterRef
from django.db.models.functions import Now

from jobs.background.leases import (
    work_cancel,
    work_fail,
    work_finish,
    work_publish,
    work_renew,
    work_reset,
    work_retry,
)
from jobs.errors import ServiceError
from jobs.models import Artefact, ArtefactBlock, Job
from jobs.models.states import JobState, WorkState
from jobs.queue import progress
from jobs.quotas.admission import quota_admit_bytes

BLOCK = 4 * 1024 * 1024
FRESH_ENOUGH = timedelta(minutes=5)
"""A running job's file is out of date as soon as it is built; a file this young still answers a request."""
KEPT_BEHIND = timedelta(hours=1)
"""How long superseded files stay, for downloads in progress."""


class ArtefactFailed(ServiceError):
    """The file could not be built; the next request tries again."""

    status_code = 500
    code = "artefact_failed"


@dataclass(frozen=True, slots=True)
class StoredFile:
    """One file of a finished artefact; `block` is the number of its first block."""

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
    again: Collection[str] = (WorkState.CANCELLED,),
    by: User | None = None,
    admit: Callable[[], None] = lambda: None,
) -> Artefact:
    """Return the file of the job's present results with these parameters, in any state; request it if it is new.

    A file in one of the states `again` is requested once more. `also` is a digest of further inputs, such as another
    job's results. `by` asks for it, by default the job's owner. `admit` runs in the transaction of a new request and
    forbids it by raising.
    """
    wanted = dict(params or {})
    current = Artefact.objects.filter(job=job, kind=kind, params=wanted).order_by("-id")
    building = current.filter(state__in=WorkState.unfinished()).first()
    if building is not None:
        return building
    if job.state not in JobState.final():
        young = current.filter(state=WorkState.DONE, finished_at__gt=Now() - FRESH_ENOUGH).first()
        if young is not None:
            return young
    named = {"job": job, "kind": kind, "fingerprint": artefact_fingerprint(job, wanted, also)}
    if known := Artefact.objects.filter(**named).exclude(state__in=again).first():
        return known
    with transaction.atomic():
        admit()
        added_by = None if by is None or by.pk == job.owner_id else by
        artefact, made = Artefact.objects.get_or_create(**named, defaults={"params": wanted, "added_by": added_by})
        asked = made or (artefact.state in again and work_reset(artefact, stage="", added_by=added_by))
    if asked:
        work_publish(artefact)
        artefact.refresh_from_db()
    return artefact


def artefact_fingerprint(job: Job, params: Mapping[str, Any], also: str = "") -> str:
    """Return a digest of the job's results and, if there are any, of the parameters."""
    results = progress.results_fingerprint(job)
    if not params:
        return results
    asked = orjson.dumps([results, also, dict(params)], option=orjson.OPT_SORT_KEYS)
    return hashlib.sha256(asked).hexdigest()


def artefact_retry(artefact: Artefact) -> None:
    """Move `failed` or `cancelled -> waiting`."""
    work_retry(artefact, stage="")


def artefact_cancel(artefact: Artefact) -> bool:
    """Stop a build and delete its blocks; return False if it has ended."""
    with transaction.atomic():
        cancelled = work_cancel(artefact)
        if cancelled:
            ArtefactBlock.objects.filter(artefact=artefact).delete()
    return cancelled


def artefact_delete(artefact: Artefact) -> None:
    """Delete a file; its build stops."""
    artefact_cancel(artefact)
    ArtefactBlock.objects.filter(artefact=artefact).delete()
    Artefact.objects.filter(pk=artefact.pk).delete()


def artefact_store(
    artefact: Artefact,
    *,
    paths: Mapping[str, Path],
    facts: Mapping[str, Any] | None = None,
    charged_to: int | None = None,
) -> bool:
    """Copy the files, by format, into blocks and finish the artefact; return False if the lease is lost.

    Each block commits by itself. Raises TooLarge if the files exceed the storage of the user `charged_to`.
    """
    if (token := artefact.token) is None:
        return False
    if charged_to is not None:
        with transaction.atomic():
            quota_admit_bytes(user_id=charged_to, size=sum(path.stat().st_size for path in paths.values()))
    files: list[StoredFile] = []
    number = 0
    for format, path in paths.items():
        stored = _store_file(artefact, token, format, path, number)
        if stored is None:
            return False
        files.append(stored)
        number += -(-stored.size // BLOCK)
    size = sum(file.size for file in files)
    with transaction.atomic():
        if charged_to is not None:
            # Checked again: the user may have stored something else during the copy.
            quota_admit_bytes(user_id=charged_to, size=size)
        finished = work_finish(
            artefact,
            build=token,
            size=size,
            sha256=files[0].sha256,
            files=[asdict(file) for file in files],
            facts=dict(facts or {}),
            stage="",
        )
        if finished:
            ArtefactBlock.objects.filter(artefact=artefact).exclude(build=token).delete()
    return finished


def _store_file(artefact: Artefact, token: UUID, format: str, path: Path, first: int) -> StoredFile | None:
    digest, number, size = hashlib.sha256(), first, 0
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            digest.update(block)
            size += len(block)
            if not work_renew(artefact):
                return None
            try:
                ArtefactBlock.objects.create(artefact=artefact, build=token, number=number, data=block)
            except IntegrityError:  # the job has been deleted
                return None
            number += 1
    return StoredFile(format, size, digest.hexdigest(), first)


def artefact_files(artefact: Artefact) -> dict[str, StoredFile]:
    """Return the files of a finished artefact by format, in their order."""
    return {file["format"]: StoredFile(**file) for file in artefact.files}


def artefact_fail(artefact: Artefact, *, reason: str) -> None:
    """End a build with an error; the next request tries again."""
    with transaction.atomic():
        if work_fail(artefact, reason=reason):
            ArtefactBlock.objects.filter(artefact=artefact).delete()


def artefacts_clean() -> None:
    """Delete ended files that a newer finished one has superseded for KEPT_BEHIND."""
    newer = Artefact.objects.filter(
        job=OuterRef("job"),
        kind=OuterRef("kind"),
        params=OuterRef("params"),
        pk__gt=OuterRef("pk"),
        state=WorkState.DONE,
        finished_at__lt=Now() - KEPT_BEHIND,
    )
    for artefact in Artefact.objects.filter(Exists(newer)).exclude(state__in=WorkState.unfinished()):
        artefact_delete(artefact)


def artefact_blocks(artefact: Artefact, format: str | None = None) -> Iterator[bytes]:
    """Yield the bytes of a finished file, by default of the first format, block by block.

    Raises ArtefactFailed `artefact_gone` if the file is deleted meanwhile.
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


def artefact_of(job: Job, kind: str) -> Artefact | None:
    """Return the newest file of this kind, in any state."""
    return Artefact.objects.filter(job=job, kind=kind).order_by("-id").first()
