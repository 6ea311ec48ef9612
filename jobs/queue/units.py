"""Work units and the items that are made of them: released when the units are there, forgotten when they are made."""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from django.db import connection
from django.db.models import Q, QuerySet, Sum
from django.db.models.functions import Coalesce

from jobs.models import Chunk, Output
from jobs.models.states import ChunkState


def groups_release(*, job_id: UUID) -> int:
    """Unblock the chunks whose units are all closed; returns how many.

    Runs behind the commit that closed a unit, never inside it: of two last workers each would miss the other's. The
    reaper repeats it, so that a crash in between loses nothing.
    """
    with connection.cursor() as cursor:
        cursor.execute(
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
        return int(cursor.rowcount)


def units_forget(*, job_id: UUID, group: int) -> None:
    """Remove what was kept of a group's units: their items are made."""
    units = Chunk.objects.filter(job_id=job_id, group=group, unit_count__gt=0)
    Output.objects.filter(chunk_id__in=units.values("pk")).delete()


def _missing(job_id: UUID, groups: Collection[int]) -> QuerySet[Chunk]:
    """Chunks of units of these groups that have no numbers and wait for none."""
    missing = Q(state__in=[ChunkState.FAILED, ChunkState.CANCELLED]) | Q(unit_errors__isnull=False)
    units = Chunk.objects.filter(missing, job_id=job_id, group__in=groups, unit_count__gt=0)
    return units.exclude(state__in=ChunkState.open())


def units_missing_tokens(*, job_id: UUID, groups: Collection[int]) -> int:
    """Tokens of the units that `units_retry` has computed."""
    return int(_missing(job_id, groups).aggregate(tokens=Coalesce(Sum("n_tokens"), 0))["tokens"])


def units_retry(*, job_id: UUID, groups: Collection[int]) -> None:
    """Have the units of these groups computed that have no numbers. The caller holds the job's lock."""
    ids = list(_missing(job_id, groups).values_list("pk", flat=True))
    Output.objects.filter(chunk_id__in=ids).delete()
    Chunk.objects.filter(pk__in=ids).update(
        state=ChunkState.READY,
        unit_errors=None,
        engine=None,
        worker="",
        attempts=0,
        losses=0,
        isolate=False,
        published_at=None,
        finished_at=None,
    )
