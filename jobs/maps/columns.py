"""Storage of the columns that users upload for the items of a job (`jobs.maps.column_files`)."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np
from django.contrib.auth.models import User
from django.db import connection, transaction
from numpy.typing import NDArray

from jobs.errors import Conflict, InvalidInput
from jobs.library.selectors import existing
from jobs.maps.column_files import LONG_NAME, MAX_COLUMNS, NAME_HEAD, Matching, read_columns
from jobs.models import Job, JobColumn
from jobs.models.states import JobState
from jobs.quotas.admission import quota_bytes_within
from jobs.web.turns import READING

DTYPES: dict[str, np.dtype[Any]] = {"numeric": np.dtype("<f8"), "categorical": np.dtype("<i4")}
PAGE = 50_000


def columns_add(
    *,
    job: Job,
    data: bytes,
    kinds: Mapping[str, str] | None = None,
    sheet: str = "",
    skip_bad: bool = False,
    by: User | None = None,
) -> tuple[list[JobColumn], Matching]:
    """Store the columns of a table, and return them with the report of how rows found items.

    `by` sends it, by default the job's owner. A column replaces an older one of the same name. With `skip_bad`, bad
    rows are left out. Raises InvalidInput for faults of the file, Conflict while the library is still being read, and
    TooLarge if that user's storage is full.
    """
    if job.state == JobState.VALIDATING:
        raise Conflict("the library is still being read; upload columns when it is", code="still_validating")
    user_id = job.owner_id if by is None else by.pk
    with READING.turn(user_id):
        columns, report = read_columns(data, _names(job), kinds=kinds, sheet=sheet, skip_bad=skip_bad)
    with transaction.atomic(), quota_bytes_within(user_id=user_id):
        Job.objects.select_for_update().filter(pk=job.pk).first()
        JobColumn.objects.filter(job=job, name__in=[column.name for column in columns]).delete()
        kept = JobColumn.objects.filter(job=job).count()
        if kept + len(columns) > MAX_COLUMNS:
            raise InvalidInput.one(
                "too_many_columns",
                f"the job would have {kept + len(columns)} columns",
                f"Keep at most {MAX_COLUMNS}; delete those that are not needed.",
                path="file",
            )
        stored = JobColumn.objects.bulk_create(
            JobColumn(
                job=job,
                added_by_id=job.added_by(user_id),
                name=column.name,
                kind=column.kind,
                categories=list(column.categories),
                values=zlib.compress(column.values.astype(DTYPES[column.kind]).tobytes()),
                items=len(column.values),
                filled=column.filled,
            )
            for column in columns
        )
    return stored, report


def _names(job: Job) -> list[str]:
    """Return the names of all items in input order, as `name_key` writes them."""
    names: list[str] = []
    with connection.cursor() as cursor:
        while True:
            cursor.execute(
                """
                SELECT CASE WHEN length(name) <= %(long)s THEN name ELSE
                    left(name, %(head)s) || '... ' || encode(sha256(convert_to(name, 'UTF8')), 'hex') END
                FROM jobs_item WHERE job_id = %(job)s AND index >= %(from)s ORDER BY index LIMIT %(page)s
                """,
                {"job": job.pk, "from": len(names), "page": PAGE, "long": LONG_NAME, "head": NAME_HEAD},
            )
            page = [name for (name,) in cursor.fetchall()]
            if not page:
                return names
            names += page


def columns_of_job(job: Job) -> list[JobColumn]:
    """Return the job's columns in the order of their upload. Their values are loaded on access."""
    return list(JobColumn.objects.filter(job=job).order_by("pk").defer("values"))


def column_of(job: Job, number: int) -> JobColumn:
    """Return one column of the job. Raises NotFound."""
    return existing(JobColumn.objects.filter(job=job), f"job {job.pk} has no column {number}", pk=number)


def column_values(column: JobColumn) -> NDArray[Any]:
    """Return the values in input order: float64 with NaN, or places in `categories` with -1.

    Items that were added to the job after the upload are not among them.
    """
    values: NDArray[Any] = np.frombuffer(zlib.decompress(bytes(column.values)), dtype=DTYPES[column.kind])
    return values
