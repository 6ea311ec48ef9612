"""Reading what users lay beside results, and what follows from it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from jobs.errors import NotFound
from jobs.library.selectors import parent_of
from jobs.models import Assay, Job
from jobs.queue.progress import results_fingerprint
from jobs.results.items import results_of
from jobs.science.variants.codes import Variant
from jobs.science.variants.overlays import Overlay, ScoreOf, overlay
from jobs.science.variants.scans import ScanTable
from jobs.variants import table as ranking
from jobs.web.remembered import Remembered


def assays_of(job: Job) -> list[Assay]:
    """The job's assays, newest first, without their rows."""
    return list(Assay.objects.filter(job=job).defer("names", "data").order_by("-id"))


def _column(assay: Assay) -> str:
    return assay.value_column


def _moment(assay: Assay) -> str:
    return f"{assay.created_at:%-d %b %Y, %H:%M:%S} UTC"


def _number(assay: Assay) -> str:
    return f"number {assay.pk}"


def labelled(assays: Sequence[Assay]) -> list[tuple[Assay, str]]:
    """Each with a name that no other of them has: the file's, with its column where several files have that name, with
    the moment of its upload where that is the same too.
    """
    labels = [one.name for one in assays]
    for more in (_column, _moment, _number):
        known = Counter(labels)
        labels = [
            f"{label}, {more(one)}" if known[label] > 1 else label for label, one in zip(labels, assays, strict=True)
        ]
    return list(zip(assays, labels, strict=True))


def assay_of(job: Job, assay_id: int) -> Assay:
    """One of the job's assays, without its rows until they are asked for; NotFound where it has none of this number."""
    found = Assay.objects.filter(job=job, pk=assay_id).defer("names", "data").first()
    if found is None:
        raise NotFound(f"job {job.pk} has no assay {assay_id}")
    return found


_KEPT = 4
"""Overlays that a process remembers: one of 100,000 variants takes some 30 MB."""
_overlays: Remembered[tuple[int, str], Overlay] = Remembered(_KEPT)


def assay_overlay(assay: Assay) -> Overlay:
    """The measurements over the scores that the job has now; a page and its picture, which ask one after the other, are
    given the same.
    """
    return _overlays.get((assay.pk, results_fingerprint(assay.job)), lambda: _overlay(assay))


def _overlay(assay: Assay) -> Overlay:
    job = assay.job
    values = np.frombuffer(bytes(assay.data), dtype="<f8")
    parent = parent_of(job, assay.item_index)
    return overlay(assay.names, values.tolist(), parent, assay.offset, _scores(job, assay.item_index))


def _scores(job: Job, item_index: int) -> ScoreOf:
    if job.action == "score":
        return ranking.scores_of(job)
    item = job.items.get(index=item_index)
    result = results_of(job, [item_index]).get(item_index)
    if result is None:
        return lambda _: None
    table = ScanTable.of(result, item.sequence)
    return lambda key: (
        table.score_of([(one.position, one.mutant) for one in key.mutations]) if isinstance(key, Variant) else None
    )
