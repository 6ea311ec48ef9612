"""Metrics of how well scores rank measured variants, as ProteinGym defines them (Notin et al. 2023).

A ProteinGym assay is a table with the columns `mutant`, `mutated_sequence` and `DMS_score` (higher is fitter).
`mutant` is a variant code (`jobs.science.variants.codes`), numbered from 1 in the target sequence. Assays of insertions
and deletions have no codes; their variants are named by `mutated_sequence`. `read_variant` reads both.

Scores and measurements are arrays [n] of the same length. The rank correlation of constant input is NaN.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Values = NDArray[np.floating[Any]] | Sequence[float]

TOP = 0.1
"""The top ten percent, not the top ten variants."""


def ranks(values: Values) -> Floats:
    """Return ranks [n] from 1; ties share the average of their ranks."""
    exact = np.asarray(values, dtype=np.float64)
    _, group, sizes = np.unique(exact, return_inverse=True, return_counts=True)
    last = np.cumsum(sizes)
    return np.asarray((last - (sizes - 1) / 2)[group])


def spearman(scores: Values, measured: Values) -> float:
    """Return Spearman's rank correlation, -1 to 1: Pearson's correlation of the ranks, which is exact with ties.

    Returns NaN for fewer than two variants or constant input. Raises ValueError for NaN or unequal lengths.
    """
    a, b = paired(scores, measured)
    if len(a) < 2:
        return float("nan")
    a, b = ranks(a) - (len(a) + 1) / 2, ranks(b) - (len(b) + 1) / 2
    scale = np.sqrt((a @ a) * (b @ b))
    return float(a @ b / scale) if scale else float("nan")


def ndcg(scores: Values, measured: Values) -> float:
    """Return the normalised discounted cumulative gain over the best-scored share `TOP` of variants, 0 to 1.

    The gain of a variant is its measurement, scaled so that the lowest is 0 and the highest 1. The variant of rank r
    counts gain / log2(r + 1). The sum is divided by that of the best possible order. The number of variants is
    floor(n x TOP). Tied scores keep their order of input.

    Returns NaN if there are no variants, or if all measurements are equal. Raises ValueError as `spearman` does.
    """
    a, b = paired(scores, measured)
    count = int(np.floor(len(a) * TOP))
    if not count or b.min() == b.max():
        return float("nan")
    gains = (b - b.min()) / (b.max() - b.min())
    weights = 1 / np.log2(np.arange(count) + 2)
    found = gains[np.argsort(-a, kind="stable")[:count]]
    return float(found @ weights / (np.sort(gains)[::-1][:count] @ weights))


def top_recall(scores: Values, measured: Values) -> float:
    """Return the share of the best-measured variants that are among the best-scored, 0 to 1.

    The best are those at or above the (1 - `TOP`) quantile (linear interpolation), so that ties at the border all
    count. Returns NaN if there are no variants. Raises ValueError as `spearman` does.
    """
    a, b = paired(scores, measured)
    if not len(a):
        return float("nan")
    percent = 100 - 100 * TOP
    truly = b >= np.percentile(b, percent)
    scored = a >= np.percentile(a, percent)
    return float((truly & scored).sum() / truly.sum())


def paired(scores: Values, measured: Values) -> tuple[Floats, Floats]:
    """Return both as arrays. Raises ValueError for NaN or unequal lengths."""
    a, b = np.asarray(scores, dtype=np.float64), np.asarray(measured, dtype=np.float64)
    if a.shape != b.shape or a.ndim != 1:
        raise ValueError(f"scores of shape {a.shape} and measurements of shape {b.shape}")
    if np.isnan(a).any() or np.isnan(b).any():
        raise ValueError("there are NaN values: leave out variants that have no score or no measurement")
    return a, b


def percentiles(scores: Floats, among: Floats) -> Floats:
    """Return the percentage of `among` that scores below each of `scores`; ties count half. NaN for no score.

    The lowest of n different scores is at 50/n, the highest at 100 - 50/n, as in Hazen's plotting positions.
    """
    ordered = np.sort(np.asarray(among)[np.isfinite(among)])
    if not len(ordered):
        return np.full(np.shape(scores), np.nan)
    below, upto = np.searchsorted(ordered, scores, "left"), np.searchsorted(ordered, scores, "right")
    return np.where(np.isfinite(scores), 50.0 * (below + upto) / len(ordered), np.nan)
