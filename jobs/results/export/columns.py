"""The arrays of a job's results, with the types and widths that its stored rows have."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from django.db import connection

from e1protocol import MODELS
from jobs.actions import get_action
from jobs.actions.columns import Column
from jobs.models import Job


def columns_of(job: Job) -> tuple[Column, ...]:
    """Return the job's arrays in the order of files."""
    stored = _stored(job)
    columns = get_action(job.action).columns(job.params, MODELS[job.model])
    return tuple(replace(column, **stored.get((column.kind, column.layer), {})) for column in columns)


def _stored(job: Job) -> dict[tuple[str, int], dict[str, Any]]:
    """Return the type and width of stored rows by kind and layer. A checkpoint from a folder may have any width."""
    # Read the chunk that was done first, so that the planner doesn't search all outputs for those of the job.
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT DISTINCT ON (kind, layer) kind, layer, dtype, width FROM jobs_output
            WHERE chunk_id = (
                SELECT id FROM jobs_chunk WHERE job_id = %s AND state = 'done' AND unit_count = 0
                ORDER BY finished_at LIMIT 1
            )
            ORDER BY kind, layer
            """,
            [job.pk],
        )
        return {(kind, layer): {"dtype": dtype, "width": width} for kind, layer, dtype, width in cursor.fetchall()}
