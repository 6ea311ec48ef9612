"""What is shown beside the scores of a job's variants: baselines, and percentiles within a scan."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple
from uuid import UUID

import numpy as np
from django.contrib.auth.models import User
from numpy.typing import NDArray

from jobs.actions.scan import Scan
from jobs.library.selectors import jobs_open_to
from jobs.models import Item, Job
from jobs.models.states import JobState
from jobs.queue.progress import results_fingerprint
from jobs.results.items import results_of
from jobs.science.alignments.baselines import Baseline
from jobs.science.variants.codes import Variant
from jobs.science.variants.metrics import percentiles
from jobs.science.variants.numbering_forms import numbering_of
from jobs.science.variants.overlays import key_of
from jobs.science.variants.scans import ScanTable
from jobs.variants.baselines import Baselines
from jobs.variants.rows import OTHER_LENGTH
from jobs.variants.table import VariantTable

Floats = NDArray[np.float64]
Rows = NDArray[np.intp]

LOOKED_AT = 20
"""Newest scans of a model and method that are looked through for the parent."""
PERCENTILE, PROFILE, BLOSUM62 = "percentile", "profile", "blosum62"
COLUMNS = (PERCENTILE, PROFILE, BLOSUM62)


class Reference(NamedTuple):
    """The scan in which variants have percentiles: its job, its item, and its scores of substitutions."""

    job: Job
    item: int
    scores: Floats


class BesideRow(NamedTuple):
    """The numbers beside one score; None for one that is not there."""

    percentile: float | None
    profile: float | None
    blosum62: float | None


@dataclass(frozen=True, slots=True)
class Beside:
    """Numbers beside the scores of n variants [n], by column. NaN for a variant without one."""

    columns: Mapping[str, Floats]

    def rows(self, wanted: Rows) -> Iterator[BesideRow]:
        """Yield the numbers of these rows."""
        parts = [self.columns[name][wanted].tolist() for name in COLUMNS]
        for numbers in zip(*parts, strict=True):
            yield BesideRow(*(None if math.isnan(number) else number for number in numbers))

    def numbers(self, wanted: Rows) -> Floats:
        """Return the numbers [rows, 3] of these rows."""
        return np.stack([self.columns[name][wanted] for name in COLUMNS], axis=1)


def beside_variants(table: VariantTable, baselines: Baselines, reference: Reference | None) -> Beside:
    """Return the numbers beside the variants of a ranked table."""
    count = len(table)
    owners = np.repeat(np.arange(count), np.diff(table.starts))
    mutations = (table.positions.astype(np.int64), table.mutants.astype(np.int64), owners)
    other = table.count == OTHER_LENGTH

    def summed(baseline: Baseline | None) -> Floats:
        found = np.full(count, np.nan) if baseline is None else baseline.scores(*mutations, count)
        return np.where(other, np.nan, found)

    place = np.full(count, np.nan)
    if reference is not None:
        place = np.where(other, np.nan, percentiles(table.score, reference.scores))
    return Beside({PERCENTILE: place, PROFILE: summed(baselines.profile), BLOSUM62: summed(baselines.blosum62)})


def beside_one(
    code: str, score: float, params: Mapping[str, Any], baselines: Baselines, reference: Reference | None
) -> BesideRow:
    """Return the numbers beside the score of one variant, whose code has the numbering of the job."""
    key = key_of(code, baselines.parent, numbering_of(params))
    if not isinstance(key, Variant):
        return BesideRow(None, None, None)
    place = math.nan if reference is None else float(percentiles(np.array([score]), reference.scores)[0])
    profile = math.nan if baselines.profile is None else baselines.profile.score(key)
    numbers = (place, profile, baselines.blosum62.score(key))
    return BesideRow(*(None if math.isnan(number) else number for number in numbers))


def reference_of(user: User, job: Job) -> Reference | None:
    """Return the newest scan whose scores those of a job of variants can be ranked among, or None.

    It has the job's parent, model, method and contexts, scans every position, and is open to the user.
    """
    parent, method = str(job.params.get("parent", "")), job.params.get("method")
    jobs = jobs_open_to(user).filter(action=Scan.name, model=job.model, state=JobState.SUCCEEDED, params__method=method)
    contexts = _contexts(job)
    for scan in jobs.order_by("-created_at")[:LOOKED_AT]:
        if _contexts(scan) != contexts or scan.params.get("positions") is not None:
            continue
        rows = Item.objects.filter(job=scan, sequence=parent, error_code__isnull=True, chunk__isnull=False)
        index = rows.order_by("index").values_list("index", flat=True).first()
        if index is not None and len(scores := _scanned(scan.pk, index, results_fingerprint(scan))):
            return Reference(scan, index, scores)
    return None


def _contexts(job: Job) -> list[str]:
    return [str(one["digest"]) for one in job.params.get("contexts") or ()]


@lru_cache(maxsize=16)
def _scanned(job_id: UUID, index: int, fingerprint: str) -> Floats:
    """Return the scores of the substitutions of one scan. They change only with the fingerprint."""
    job = Job.objects.get(pk=job_id)
    result = results_of(job, [index]).get(index)
    if result is None:
        return np.empty(0)
    return ScanTable.of(result, job.items.get(index=index).sequence).substitution_scores
