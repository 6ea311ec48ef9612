"""Files built from a job's results: requested, stored in blocks, read and replaced."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Exists, OuterRef
from django.db.models.functions import Now

from jobs.background.blocks import files_store
from jobs.background.leases import work_cancel, work_fail, work_publish, work_reset, work_retry
from jobs.models import Artefact, ArtefactBlock, Job
from jobs.models.states import JobState, WorkState
from jobs.queue import progress

FRESH_ENOUGH = timedelta(minutes=5)
"""A running job's file is out of date as soon as it is built; a file this young still answers a request."""
KEPT_BEHIND = timedelta(hours=1)
"""How long superseded files stay, for downloads in progress."""


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
    return files_store(artefact, paths=paths, charged_to=charged_to, facts=dict(facts or {}), stage="")


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


def artefact_of(job: Job, kind: str) -> Artefact | None:
    """Return the newest file of this kind, in any state."""
    return Artefact.objects.filter(job=job, kind=kind).order_by("-id").first()
