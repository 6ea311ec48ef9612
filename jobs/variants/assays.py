"""Measurements of variants that users upload: stored, and compared with the scores of their job."""

from __future__ import annotations

import hashlib
import io
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from django.contrib.auth.models import User
from django.db import transaction

from jobs.actions import SCORERS, get_action
from jobs.actions.numbered import checked_numbering
from jobs.errors import Conflict
from jobs.intake.numbering import NumberingUpload
from jobs.library.selectors import existing, parent_of
from jobs.models import Assay, Job
from jobs.parsing.text import file_name
from jobs.queue.progress import results_fingerprint
from jobs.quotas.admission import quota_admit_attachment
from jobs.results.items import results_of
from jobs.science.variants.codes import Variant
from jobs.science.variants.numbering import Numbering
from jobs.science.variants.numbering_forms import json_of, numbering_of
from jobs.science.variants.overlays import Overlay, ScoreOf, check_names, overlay
from jobs.science.variants.scans import ScanTable
from jobs.variants.assay_files import read_assay
from jobs.variants.table import scores_of
from jobs.web.turns import READING


def assay_add(
    *,
    job: Job,
    data: bytes,
    name: str = "",
    item_index: int = 0,
    numbering: Mapping[str, Any] | NumberingUpload | None = None,
    variant_column: str = "",
    value_column: str = "",
    sheet: str = "",
    skip_bad: bool = False,
    by: User | None = None,
) -> Assay:
    """Store the measurements in the CSV file `data`, sent by `by`, by default the job's owner.

    `numbering` has the parameters `offset` and `numbering` of the names, or is a file. If it is None, the names have
    the job's own.

    With `skip_bad`, rows that cannot be read are left out. Raises InvalidInput for a file that cannot be read, and if
    most names are not variants of the parent (`jobs.science.variants.overlays.check_names`). Raises Conflict for a job
    of another action or with too many assays.
    """
    if job.action not in SCORERS:
        raise Conflict(
            f"measurements are compared with scores of variants, and this job's action is {job.action}; use a job of "
            f"{' or '.join(SCORERS)}",
            code="wrong_action",
        )
    parent = parent_of(job, item_index)
    numbers = _numbers(numbering, job, parent)
    user_id = job.owner_id if by is None else by.pk
    with READING.turn(user_id):
        table = read_assay(
            io.BytesIO(data),
            variant_column=variant_column,
            value_column=value_column,
            sheet=sheet,
            skip_bad=skip_bad,
        )
    check_names(table.names, parent, numbering_of(numbers), lengths=_takes_lengths(job))
    values = np.array(table.values, dtype="<f8").tobytes()
    size = sum(map(len, table.names)) + len(values)
    with transaction.atomic():
        quota_admit_attachment(job, Assay, size, user_id=user_id)
        made = Assay.objects.create(
            job=job,
            added_by_id=job.added_by(user_id),
            item_index=item_index,
            name=file_name(name, "measurements"),
            sha256=hashlib.sha256(data).hexdigest(),
            variant_column=table.variant_column,
            value_column=table.value_column,
            offset=numbers["offset"],
            numbering=numbers.get("numbering"),
            names=list(table.names),
            data=values,
            notes=[note.as_dict() for note in table.notes],
            size=size,
        )
    made.refresh_from_db()
    return made


def _numbers(asked: Mapping[str, Any] | NumberingUpload | None, job: Job, parent: str) -> dict[str, Any]:
    """Return `offset` and `numbering` of an assay, checked."""
    if asked is None:
        return {"offset": int(job.params.get("offset", 0)), "numbering": job.params.get("numbering")}
    if isinstance(asked, NumberingUpload):
        asked = {"numbering": json_of(asked.read(parent).numbering)}
    return checked_numbering(asked, len(parent), prefix="")


def numbering_of_assay(assay: Assay) -> Numbering:
    """Return the numbering of the names in an assay."""
    return numbering_of({"offset": assay.offset, "numbering": assay.numbering})


def assays_of(job: Job) -> list[Assay]:
    """Return the job's assays, newest first. Their rows are loaded on access."""
    return list(Assay.objects.filter(job=job).defer("names", "data").order_by("-id"))


def assay_of(job: Job, assay_id: int) -> Assay:
    """Return one assay of the job, whose rows are loaded on access. Raises NotFound."""
    rows = Assay.objects.filter(job=job).defer("names", "data")
    return existing(rows, f"job {job.pk} has no assay {assay_id}", pk=assay_id)


def labelled(assays: Sequence[Assay]) -> list[tuple[Assay, str]]:
    """Return each assay with a label that no other of them has.

    The label is the file's name. If several files share it, the column is added, then the moment of the upload, then
    the number of the assay.
    """
    labels = [one.name for one in assays]
    for more in ("{0.value_column}", "{0.created_at:%-d %b %Y, %H:%M:%S} UTC", "number {0.pk}"):
        known = Counter(labels)
        labels = [
            f"{label}, {more.format(one)}" if known[label] > 1 else label
            for label, one in zip(labels, assays, strict=True)
        ]
    return list(zip(assays, labels, strict=True))


def assay_overlay(assay: Assay) -> Overlay:
    """Return the measurements beside the scores that the job has now."""
    return _overlay(assay.pk, results_fingerprint(assay.job))


# A page and its picture ask one after the other. An overlay of 100,000 variants takes about 30 MB.
@lru_cache(maxsize=4)
def _overlay(assay_id: int, fingerprint: str) -> Overlay:
    assay = Assay.objects.select_related("job").get(pk=assay_id)
    values = np.frombuffer(bytes(assay.data), dtype="<f8").tolist()
    parent = parent_of(assay.job, assay.item_index)
    numbering, scores = numbering_of_assay(assay), scores_in(assay.job, assay.item_index)
    return overlay(assay.names, values, parent, numbering, scores, lengths=_takes_lengths(assay.job))


def _takes_lengths(job: Job) -> bool:
    """Return whether variants of the job may be longer or shorter than the parent."""
    return bool(job.params.get("method") == "pseudo_log_likelihood")


def scores_in(job: Job, item_index: int) -> ScoreOf:
    """Return a function from a variant to its score in a job: of a scan, in the scan of this item."""
    if get_action(job.action).takes_variants:
        return scores_of(job)
    result = results_of(job, [item_index]).get(item_index)
    if result is None:
        return lambda _: None
    table = ScanTable.of(result, job.items.get(index=item_index).sequence)
    return lambda key: (
        table.score_of([(one.position, one.mutant) for one in key.mutations]) if isinstance(key, Variant) else None
    )
