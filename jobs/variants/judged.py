"""An assay beside several scores of its variants: those of the job, of the baselines, and of another run."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from jobs.errors import InvalidInput
from jobs.learning.folds import position_groups
from jobs.library.selectors import parent_of
from jobs.models import Assay, Job
from jobs.queue.progress import results_fingerprint
from jobs.science.alignments.baselines import Baseline, blosum_baseline
from jobs.science.variants.codes import Variant
from jobs.science.variants.judging import BLOSUM62, OTHER, PROFILE, SCORE, TITLES, Judgement, judge
from jobs.science.variants.measured import LEVEL, Interval, Metric
from jobs.science.variants.overlays import key_of
from jobs.variants.assays import assay_overlay, numbering_of_assay, scores_in
from jobs.variants.baselines import Baselines, profile_named
from jobs.variants.comparisons import Side

Floats = NDArray[np.float64]

METRICS = {
    "spearman": "Spearman",
    "ndcg": "NDCG@10, ties averaged",
    "ndcg_proteingym": "NDCG@10 as ProteinGym",
    "top_recall": "Top-10 % recall",
    "pearson": "Pearson",
    "auroc": "AUROC",
    "mcc": "MCC",
}
"""Names of the metrics of `jobs.science.variants.measured` in words."""


@dataclass(frozen=True, slots=True)
class _Asked:
    """What a judgement depends on, as a key of the cache. The marks change with results."""

    assay: int
    mark: str
    alignment: tuple[UUID, str] | None
    threshold: float | None
    other: tuple[UUID, int, str] | None


def judged(
    assay: Assay, baselines: Baselines, *, threshold: float | None = None, other: Side | None = None
) -> Judgement:
    """Judge the scores of an assay's job, the baselines, and those of another run.

    Raises InvalidInput `other_parent` if that run has another parent.
    """
    chosen = baselines.alignment if baselines.profile is not None else None
    if other is not None and parent_of(other.job, other.item) != baselines.parent:
        what = "the other run has another parent"
        raise InvalidInput.one("other_parent", what, "Choose a run of the same sequence.", path="with")
    return _judged(
        _Asked(
            assay=assay.pk,
            mark=results_fingerprint(assay.job),
            alignment=None if chosen is None else (chosen.pk, chosen.digest),
            threshold=threshold,
            other=None if other is None else (other.job.pk, other.item, results_fingerprint(other.job)),
        )
    )


# A page asks again whenever its table is sorted. The bootstrap takes seconds for thousands of variants.
@lru_cache(maxsize=32)
def _judged(asked: _Asked) -> Judgement:
    assay = Assay.objects.select_related("job").get(pk=asked.assay)
    parent, numbering = parent_of(assay.job, assay.item_index), numbering_of_assay(assay)
    points = assay_overlay(assay).points
    keys = [key_of(point.variant, parent, numbering) for point in points]
    scores = {SCORE: np.array([point.score for point in points], dtype=np.float64)}
    if asked.other is not None:
        job_id, item, _ = asked.other
        score_of = scores_in(Job.objects.get(pk=job_id), item)
        found = [score_of(key) for key in keys]
        scores[OTHER] = np.array([np.nan if one is None else one for one in found], dtype=np.float64)
    if asked.alignment is not None:
        scores[PROFILE] = _summed(profile_named(*asked.alignment), keys)
    scores[BLOSUM62] = _summed(blosum_baseline(parent), keys)
    measured = np.array([point.measured for point in points], dtype=np.float64)
    against = [PROFILE if asked.alignment is not None else BLOSUM62, *([OTHER] if asked.other is not None else [])]
    return judge(keys, scores, measured, _groups(keys), threshold=asked.threshold, against=against)


def _summed(baseline: Baseline, keys: list[Variant | str]) -> Floats:
    return np.array([baseline.score(key) if isinstance(key, Variant) else np.nan for key in keys], dtype=np.float64)


def _groups(keys: list[Variant | str]) -> NDArray[np.int64]:
    """Return a number [n] that variants with a position in common share. Sequences of other lengths share one."""
    return position_groups([key if isinstance(key, Variant) else Variant() for key in keys])


def judgement_body(found: Judgement, threshold: float | None) -> dict[str, Any]:
    """Return a judgement as REST sends it and pages show it; None for what is not defined."""
    names = list(found.metrics)
    rows = zip(*found.metrics.values(), strict=True)
    return {
        "pairs": found.pairs,
        "left_out": found.left_out,
        "mutations": [{"mutations": number, "variants": count} for number, count in found.mutations],
        "threshold": threshold,
        "hits": found.hits,
        "scores": [{"name": name, "title": TITLES[name]} for name in names],
        "metrics": [_metric(names, row) for row in rows],
        "interval": {
            "metric": "spearman",
            "level": LEVEL,
            "draws": found.draws,
            "groups": found.groups,
            "reason": found.no_interval,
            "values": [{"score": name, **_ends(one)} for name, one in found.spearman.items()],
            "differences": [
                {"score": one.score, "against": one.against, **_ends(one.interval)} for one in found.differences
            ],
        },
    }


def _metric(names: list[str], row: tuple[Metric, ...]) -> dict[str, Any]:
    first = row[0]
    values = {name: _known(one.value) for name, one in zip(names, row, strict=True)}
    return {
        "name": first.name,
        "title": METRICS[first.name],
        "chance": _known(first.chance),
        "best": _known(first.best),
        "values": values,
    }


def _ends(one: Interval) -> dict[str, float | None]:
    return {"value": _known(one.value), "low": _known(one.low), "high": _known(one.high)}


def _known(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
