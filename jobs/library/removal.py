"""Deletion of the rows that belong to a job."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import SET_NULL, Model

from jobs.models import Job


def job_rows_delete(*, job_id: UUID, keep: Collection[type[Model]] = ()) -> set[int]:
    """Delete every row of a job, except of the models in `keep`; return the ids of the contexts they named.

    Rows that only name it, such as models that learnt from its embeddings, stay without it. The caller holds the job's
    lock and frees the contexts.
    """
    with connection.cursor() as cursor:
        # A job may have millions of these rows. Django would load the chunks to cascade from them.
        cursor.execute(
            "DELETE FROM jobs_output WHERE chunk_id IN (SELECT id FROM jobs_chunk WHERE job_id = %s)", [job_id]
        )
        cursor.execute(
            "WITH items AS (DELETE FROM jobs_item WHERE job_id = %(job)s RETURNING context_id), "
            "shared AS (DELETE FROM jobs_jobcontext WHERE job_id = %(job)s RETURNING context_id) "
            "SELECT DISTINCT context_id FROM items WHERE context_id IS NOT NULL UNION SELECT context_id FROM shared",
            {"job": job_id},
        )
        contexts = {row[0] for row in cursor.fetchall()}
        cursor.execute("DELETE FROM jobs_chunk WHERE job_id = %s", [job_id])
    for relation in Job._meta.related_objects:
        model: Any = relation.related_model
        if model in keep:
            continue
        rows = model._default_manager.filter(**{relation.field.name: job_id})
        if relation.on_delete is SET_NULL:
            rows.update(**{relation.field.name: None})
        else:
            rows.delete()
    return contexts
