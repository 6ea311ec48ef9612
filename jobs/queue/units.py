"""Work units: the items that wait for them are released, and units that no job needs any more are forgotten."""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from django.db.models import Q, QuerySet, Sum
from django.db.models.functions import Coalesce

from jobs import database
from jobs.models import Chunk, Output, UnitGroup
from jobs.models.states import ChunkState

AFRESH = {
    "state": ChunkState.READY,
    "unit_errors": None,
    "engine": None,
    "worker": "",
    "attempts": 0,
    "losses": 0,
    "isolate": False,
    "published_at": None,
    "finished_at": None,
}
"""A chunk of units as if it had never been computed."""


def groups_release(*, job_id: UUID) -> int:
    """Unblock the chunks whose units are all closed, and return how many.

    Call it after the commit that closed a unit. Inside that transaction two last workers would miss each other's unit.
    The reaper repeats the call, so a crash in between loses nothing.
    """
    return database.execute(
        """
        UPDATE jobs_chunk SET blocked = false
        WHERE job_id = %s AND blocked AND state = 'ready' AND NOT EXISTS (
            SELECT 1 FROM jobs_chunk unit
            WHERE unit.job_id = jobs_chunk.job_id AND unit."group" = jobs_chunk."group" AND unit.unit_count > 0
              AND unit.state IN ('ready', 'leased')
        )
        """,
        [job_id],
    )


def units_forget(*, job_id: UUID, group: int) -> None:
    """Delete the outputs of a group's units, once its items are put together; not if other jobs may take them."""
    if UnitGroup.objects.filter(job_id=job_id, group=group).exists():
        return
    units = Chunk.objects.filter(job_id=job_id, group=group, unit_count__gt=0)
    Output.objects.filter(chunk_id__in=units.values("pk")).delete()


def _missing(job_id: UUID, groups: Collection[int]) -> QuerySet[Chunk]:
    """Return the closed chunks of these groups' units that lack results."""
    missing = Q(state__in=[ChunkState.FAILED, ChunkState.CANCELLED]) | Q(unit_errors__isnull=False)
    units = Chunk.objects.filter(missing, job_id=job_id, group__in=groups, unit_count__gt=0)
    return units.exclude(state__in=ChunkState.open())


def units_missing_tokens(*, job_id: UUID, groups: Collection[int]) -> int:
    """Return the tokens of the units that `units_retry` would compute again."""
    return int(_missing(job_id, groups).aggregate(tokens=Coalesce(Sum("n_tokens"), 0))["tokens"])


def units_retry(*, job_id: UUID, groups: Collection[int]) -> None:
    """Queue the units of these groups that lack results. The caller holds the job's lock."""
    ids = list(_missing(job_id, groups).values_list("pk", flat=True))
    Output.objects.filter(chunk_id__in=ids).delete()
    Chunk.objects.filter(pk__in=ids).update(**AFRESH)
