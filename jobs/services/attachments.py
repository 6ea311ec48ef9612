"""Writing what users lay beside results: measurements of variants, and structures."""

from __future__ import annotations

import hashlib
import io
from typing import Any

import numpy as np
from django.db import transaction

from jobs.errors import Conflict, InvalidInput, Problem
from jobs.limits import MAX_ATTACHMENTS
from jobs.models import Assay, Item, Job, Structure
from jobs.parsing.assays import read_assay
from jobs.science.overlays import check_names
from jobs.science.structures import map_structure
from jobs.services.quotas import quota_admit_bytes

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
    (`jobs.science.overlays.check_names`); Conflict for a job of another action, or with too many assays.
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
            name=_file_name(name, "measurements"),
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


def structure_add(*, job: Job, data: bytes, name: str = "", item_index: int = 0, chain: str | None = None) -> Structure:
    """Keep the distances of the structure in `data` (PDB or mmCIF) on the positions of an item's sequence.

    Raises what `map_structure` raises; Conflict for a job of another action, or with too many structures.
    """
    if job.action != "contacts":
        raise Conflict(
            f"structures are laid over contact maps, and this job's action is {job.action}", code="wrong_action"
        )
    mapped = map_structure(data, parent_of(job, item_index), chain=chain or None)
    distances = mapped.distances.astype("<f4").tobytes()
    with transaction.atomic():
        _check_room(job, Structure, len(distances))
        made = Structure.objects.create(
            job=job,
            item_index=item_index,
            name=_file_name(name, "structure"),
            sha256=hashlib.sha256(data).hexdigest(),
            chain=mapped.chain[:20],
            residues=int(mapped.resolved.sum()),
            aligned=mapped.aligned,
            identical=mapped.identical,
            data=distances,
            size=len(distances),
        )
    made.refresh_from_db()
    return made


def attachment_delete(*, attachment: Assay | Structure) -> None:
    attachment.delete()


def parent_of(job: Job, item_index: int) -> str:
    """The sequence that an attachment belongs to: the parent of a job of variants, else an item's own.

    Raises InvalidInput `no_such_item`.
    """
    if job.action == "score":
        return str(job.params["parent"])
    item = Item.objects.filter(job=job, index=item_index, chunk__isnull=False).first() if item_index >= 0 else None
    if item is None:
        what = f"this job has no valid item {item_index}"
        raise InvalidInput.of(Problem("no_such_item", what, "Items are counted from 0.", path="item"))
    return item.sequence


def _check_room(job: Job, kind: type[Assay] | type[Structure], size: int) -> None:
    """Raises Conflict `too_many_attachments`, and what `quota_admit_bytes` raises."""
    rows: Any = kind
    quota_admit_bytes(user_id=job.owner_id, size=size)
    Job.objects.select_for_update().get(pk=job.pk)  # two uploads at once are counted one after the other
    if rows.objects.filter(job=job).count() >= MAX_ATTACHMENTS:
        raise Conflict(f"a job holds at most {MAX_ATTACHMENTS} of these; delete one first", code="too_many_attachments")


def _file_name(name: str, default: str) -> str:
    return "".join(letter for letter in name if letter.isprintable())[:200] or default
