"""Reading what users lay beside results, and what follows from it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from jobs import ranking
from jobs.errors import NotFound
from jobs.models import Assay, Job, Structure
from jobs.remembered import Remembered
from jobs.results import results_of
from jobs.science.contacts import Floats, Precision, long_range_precision
from jobs.science.overlays import Overlay, ScoreOf, overlay
from jobs.science.scan_tables import ScanTable
from jobs.science.variants import Variant
from jobs.selectors import results_fingerprint
from jobs.services.attachments import parent_of


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


def structures_of(job: Job, item_index: int | None = None) -> list[Structure]:
    """The job's structures, newest first, or those of one item."""
    found = Structure.objects.filter(job=job).order_by("-id")
    return list(found if item_index is None else found.filter(item_index=item_index))


def structure_of(job: Job, structure_id: int) -> Structure:
    found = Structure.objects.filter(job=job, pk=structure_id).first()
    if found is None:
        raise NotFound(f"job {job.pk} has no structure {structure_id}")
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


def distances_of(structure: Structure) -> Floats:
    """Distances [L, L] in Angstrom, NaN where a residue is not resolved."""
    flat = np.frombuffer(bytes(structure.data), dtype="<f4").astype(np.float64)
    length = round(len(flat) ** 0.5)
    return flat.reshape(length, length)


@dataclass(frozen=True, slots=True)
class Judged:
    """A structure, its distances, and the precision of the contact map against it; None before the map is there."""

    structure: Structure
    distances: Floats
    precision: Precision | None


def judged(structure: Structure) -> Judged:
    distances = distances_of(structure)
    result = results_of(structure.job, [structure.item_index]).get(structure.item_index)
    precision = long_range_precision(np.asarray(result["contacts"]), distances) if result else None
    return Judged(structure, distances, precision)
