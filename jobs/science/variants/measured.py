"""Comparing scores with measurements honestly: chance, the best possible value, and intervals.

Ties bound what can be reached. If a third of an assay has the same value, no order of all variants reaches Spearman 1.
The top ten percent by measurement may then be a third of the assay. So each metric comes with two references on the
same measurements: `chance`, the expected value of a random order, and `best`, that of the best order without ties.

An interval is the middle 95 % of a bootstrap over groups of variants that share mutated positions, because variants
at one site are not independent. Differences use the same draws for both scores.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from jobs.science.variants.metrics import TOP, Floats, Values, ndcg, paired, ranks, spearman, top_recall

DRAWS = 1_000
LEVEL = 0.95


def ndcg_with_ties(scores: Values, measured: Values) -> float:
    """Return `ndcg` with tied scores averaged over all their orders (McSherry and Najork 2008).

    `ndcg` itself, ProteinGym's, keeps tied scores in their order of input, so it depends on the order of the file.
    """
    a, b = paired(scores, measured)
    count = int(np.floor(len(a) * TOP))
    if not count or b.min() == b.max():
        return float("nan")
    gains = (b - b.min()) / (b.max() - b.min())
    weights = np.zeros(len(a))
    weights[:count] = 1 / np.log2(np.arange(count) + 2)
    _, group, sizes = np.unique(-a, return_inverse=True, return_counts=True)
    starts = np.cumsum(sizes) - sizes
    shared = np.add.reduceat(weights, starts) / sizes
    return float(gains @ shared[group] / (np.sort(gains)[::-1] @ weights))


def auroc(scores: Values, measured: Values, threshold: float) -> float:
    """Return the chance that a hit (measured >= threshold) scores above another variant; ties count half.

    Returns NaN if there are no hits or nothing else.
    """
    a, b = paired(scores, measured)
    hits = b >= threshold
    several, others = int(hits.sum()), int((~hits).sum())
    if not several or not others:
        return float("nan")
    return float((ranks(a)[hits].sum() - several * (several + 1) / 2) / (several * others))


def mcc(scores: Values, measured: Values, threshold: float) -> float:
    """Return Matthews' correlation of the hits with as many best-scored variants.

    Variants that tie with the last of them are called hits too. Returns NaN if either class is empty.
    """
    a, b = paired(scores, measured)
    hits = b >= threshold
    several = int(hits.sum())
    if not several or several == len(a):
        return float("nan")
    called = a >= np.sort(a)[-several]
    return pearson(called.astype(float), hits.astype(float))


def pearson(scores: Values, measured: Values) -> float:
    """Return Pearson's correlation, NaN for constant input."""
    a, b = paired(scores, measured)
    if len(a) < 2 or a.min() == a.max() or b.min() == b.max():
        return float("nan")
    return float(np.corrcoef(a, b)[0, 1])


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric with the value of a random order, and that of the best order. NaN if undefined."""

    name: str
    value: float
    chance: float
    best: float


def metrics_of(scores: Values, measured: Values, threshold: float | None = None) -> list[Metric]:
    """Return every metric. AUROC and MCC need the threshold of a hit."""
    _, b = paired(scores, measured)
    # A score without ties that puts equal measurements in any order.
    perfect = np.empty(len(b))
    perfect[np.argsort(b, kind="stable")] = np.arange(len(b))
    count = int(np.floor(len(b) * TOP))
    share = np.nan
    if count and b.min() != b.max():
        gains = (b - b.min()) / (b.max() - b.min())
        weights = 1 / np.log2(np.arange(count) + 2)
        share = float(gains.mean() * weights.sum() / (np.sort(gains)[::-1][:count] @ weights))
    found = [
        Metric("spearman", spearman(scores, measured), 0.0, spearman(perfect, b)),
        Metric("ndcg", ndcg_with_ties(scores, measured), share, 1.0 if count else np.nan),
        Metric("ndcg_proteingym", ndcg(scores, measured), share, 1.0 if count else np.nan),
        Metric("top_recall", top_recall(scores, measured), _called(len(b)), top_recall(perfect, b)),
        Metric("pearson", pearson(scores, measured), 0.0, 1.0),
    ]
    if threshold is not None:
        found.append(Metric("auroc", auroc(scores, measured, threshold), 0.5, 1.0))
        found.append(Metric("mcc", mcc(scores, measured, threshold), 0.0, 1.0))
    return found


def _called(count: int) -> float:
    """Return the share of variants at or above the (1 - TOP) quantile of a score without ties."""
    if not count:
        return float("nan")
    order = np.arange(count)
    return float((order >= np.percentile(order, 100 - 100 * TOP)).mean())


@dataclass(frozen=True, slots=True)
class Interval:
    """A value with the ends of its interval; NaN if undefined."""

    value: float
    low: float
    high: float


MetricOf = Callable[[Floats, Floats], float]


def intervals(
    scores: Mapping[str, Values],
    measured: Values,
    groups: Sequence[int],
    metric: MetricOf,
    *,
    against: str,
    seed: int,
    draws: int = DRAWS,
) -> tuple[dict[str, Interval], dict[str, Interval]]:
    """Return the metric of each score, and its difference to that of the score `against`, with intervals.

    `groups` has the same number for variants that share a mutated position.
    """
    b = np.asarray(measured, dtype=np.float64)
    columns = {name: np.asarray(one, dtype=np.float64) for name, one in scores.items()}
    numbers = np.asarray(groups)
    members = [np.flatnonzero(numbers == one) for one in np.unique(numbers)]
    generator = np.random.default_rng(seed)
    drawn: dict[str, list[float]] = {name: [] for name in columns}
    for _ in range(draws):
        rows = np.concatenate([members[at] for at in generator.integers(len(members), size=len(members))])
        for name, one in columns.items():
            drawn[name].append(metric(one[rows], b[rows]))
    values = {name: metric(one, b) for name, one in columns.items()}
    table = {name: np.array(found) for name, found in drawn.items()}
    single = {name: _interval(values[name], table[name]) for name in columns}
    others = [name for name in columns if name != against]
    return single, {name: _interval(values[name] - values[against], table[name] - table[against]) for name in others}


def _interval(value: float, draws: NDArray[np.float64]) -> Interval:
    known = draws[~np.isnan(draws)]
    if 2 * len(known) < len(draws):
        return Interval(value, float("nan"), float("nan"))
    low, high = np.quantile(known, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Interval(value, float(low), float(high))
