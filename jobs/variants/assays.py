"""Writing what users lay beside results: measurements of variants, and structures."""

from __future__ import annotations

import hashlib
import io

import numpy as np
from django.db import transaction

from jobs.errors import Conflict
from jobs.library.selectors import parent_of
from jobs.models import Assay, Job
from jobs.parsing.text import file_name
from jobs.quotas.admission import _check_room
from jobs.science.variants.overlays import check_names
from jobs.variants.assay_files import read_assay

SCORED = ("score", "scan")
"""Actions whose results an assay can be laid over."""


def assay_add(
    *,
    job: Job,
    data: bytes,
    name: str = "",
    item_index: int = 0,
    offset: int | None = None,
    variant_column: str = "",
    value_column: str = "",
) -> Assay:
    """Keep the measurements in the CSV file `data`. `offset` is the job's own where it is None.

    Raises InvalidInput for a file that cannot be read, and where most names are no variants of the parent
    (`jobs.science.variants.overlays.check_names`); Conflict for a job of another action, or with too many assays.
    """
    if job.action not in SCORED:
        raise Conflict(
            f"measurements are laid over scores of variants, and this job's action is {job.action}; use a job of "
            f"{' or '.join(SCORED)}",
            code="wrong_action",
        )
    parent = parent_of(job, item_index)
    offset = int(job.params.get("offset", 0)) if offset is None else offset
    table = read_assay(io.BytesIO(data), variant_column=variant_column, value_column=value_column)
    check_names(table.names, parent, offset)
    values = np.array(table.values, dtype="<f8").tobytes()
    size = sum(map(len, table.names)) + len(values)
    with transaction.atomic():
        _check_room(job, Assay, size)
        made = Assay.objects.create(
            job=job,
            item_index=item_index,
            name=file_name(name, "measurements"),
            sha256=hashlib.sha256(data).hexdigest(),
            variant_column=table.variant_column,
            value_column=table.value_column,
            offset=offset,
            names=list(table.names),
            data=values,
            size=size,
        )
    made.refresh_from_db()
    return made
