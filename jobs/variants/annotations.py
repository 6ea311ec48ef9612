"""Annotation tracks that users upload beside a scan: stored, listed, and as columns of its pictures."""

from __future__ import annotations

import hashlib
from typing import Any

import orjson
from django.contrib.auth.models import User
from django.db import transaction

from jobs.actions.scan import Scan
from jobs.errors import Conflict
from jobs.library.selectors import existing, parent_of
from jobs.models import Annotation, Job
from jobs.parsing.text import file_name
from jobs.quotas.admission import quota_admit_attachment
from jobs.science.variants.features import Feature, read_features
from jobs.science.variants.numbering_forms import numbering_of
from jobs.web.turns import READING


def annotation_add(
    *,
    job: Job,
    data: bytes,
    name: str = "",
    item_index: int = 0,
    sheet: str = "",
    skip_bad: bool = False,
    by: User | None = None,
) -> Annotation:
    """Store the features in the table `data`, sent by `by`, by default the job's owner.

    Positions in the table have the numbering of the job. Raises what `read_features` raises. Raises Conflict for a job
    of another action or with too many annotations.
    """
    if job.action != Scan.name:
        what = f"annotations are shown beside a scan, and this job's action is {job.action}"
        raise Conflict(what, code="wrong_action")
    parent = parent_of(job, item_index)
    user_id = job.owner_id if by is None else by.pk
    with READING.turn(user_id):
        numbering = numbering_of(job.params)
        found = read_features(data, len(parent), numbering, filename=name, sheet=sheet, skip_bad=skip_bad)
    features = [[one.start, one.end, one.name, one.kind] for one in found.features]
    size = len(orjson.dumps(features))
    with transaction.atomic():
        quota_admit_attachment(job, Annotation, size, user_id=user_id)
        made = Annotation.objects.create(
            job=job,
            added_by_id=job.added_by(user_id),
            item_index=item_index,
            name=file_name(name, "annotations"),
            sha256=hashlib.sha256(data).hexdigest(),
            features=features,
            notes=[note.as_dict() for note in found.notes],
            size=size,
        )
    made.refresh_from_db()
    return made


def annotations_of(job: Job, item_index: int | None = None) -> list[Annotation]:
    """Return the job's annotations, or those of one item, oldest first."""
    found = Annotation.objects.filter(job=job).order_by("id")
    return list(found if item_index is None else found.filter(item_index=item_index))


def annotation_of(job: Job, annotation_id: int) -> Annotation:
    """Return one annotation of the job. Raises NotFound."""
    rows = Annotation.objects.filter(job=job)
    return existing(rows, f"job {job.pk} has no annotation {annotation_id}", pk=annotation_id)


def features_of(annotation: Annotation) -> list[Feature]:
    return [Feature(*one) for one in annotation.features]


def features_body(annotation: Annotation) -> list[dict[str, Any]]:
    """Return the features with their numbers in the job's numbering."""
    numbering = numbering_of(annotation.job.params)
    return [
        {
            "start": one.start,
            "end": one.end,
            "start_number": str(numbering.label(one.start)),
            "end_number": str(numbering.label(one.end)),
            "name": one.name,
            "kind": one.kind,
        }
        for one in features_of(annotation)
    ]
