"""Storing of planned chunks."""

from __future__ import annotations

from collections.abc import Sequence

from django.db import connection

from jobs.database import copy_into
from jobs.library.chunking import ChunkPlan
from jobs.models import Chunk, Job, UnitGroup


def chunks_copy(job: Job, plans: Sequence[ChunkPlan], *, published: bool = False) -> dict[int, int]:
    """Insert the chunks with ascending ids, and the keys of their units; return the chunk id of each item index.

    `published` ones count as handed out now: the caller sends the message.
    """
    if not plans:
        return {}
    table = Chunk._meta.db_table
    columns = "id, job_id, first_index, model, state, n_items, n_tokens, n_attended, n_passes, "
    columns += '"group", unit_first, unit_count, blocked, published_at'
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT nextval(pg_get_serial_sequence('{table}', 'id')) FROM generate_series(1, %s)",  # noqa: S608
            [len(plans)],
        )
        ids = sorted(row[0] for row in cursor.fetchall())
    with copy_into(table, columns) as copy:
        for chunk_id, plan in zip(ids, plans, strict=True):
            head = (chunk_id, job.id, plan.first_index, job.model, "ready", len(plan.indices))
            load = (plan.load.tokens, plan.load.attended, plan.load.passes)
            unit = (plan.group, plan.unit_first, plan.unit_count, plan.blocked)
            copy.write_row((*head, *load, *unit, "now" if published else None))
    keyed = [(plan.group, plan.key) for plan in plans if plan.key and plan.group is not None]
    groups = [UnitGroup(job=job, group=group, key=key) for group, key in keyed]
    UnitGroup.objects.bulk_create(groups)
    return {index: chunk_id for chunk_id, plan in zip(ids, plans, strict=True) for index in plan.indices}
