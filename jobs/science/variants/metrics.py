"""How well scores rank measured variants, by the definitions of ProteinGym (Notin et al. 2023).

An assay there is a table with the columns `mutant`, `mutated_sequence` and `DMS_score` (higher is fitter). `mutant`
is a variant code (`jobs.science.variants.codes`), numbered from 1 in the assay's target sequence, substitutions
joined by ':'; assays of insertions and deletions have no codes, there the variant is its `mutated_sequence`. So the
names of an assay map to variants by `read_variants(table.mutant, target)`, or equally by its full sequences, and the
i-th score belongs to the i-th row.

Scores and measurements are arrays [n] of the same length. Constant input has no rank correlation: NaN.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Values = NDArray[np.floating[Any]] | Sequence[float]

TOP = 0.1
"""The top ten percent, not the top ten."""


def ranks(values: Values) -> Floats:
    """Ranks [n] from 1; ties share the average of their ranks."""
    exact = np.asarray(values, dtype=np.float64)
    _, group, sizes = np.unique(exact, return_inverse=True, return_counts=True)
    last = np.cumsum(sizes)
    return np.asarray((last - (sizes - 1) / 2)[group])


def spearman(scores: Values, measured: Values) -> float:
    """Spearman's rank correlation, -1 to 1: Pearson's correlation of the ranks, which is exact with ties.

    NaN for fewer than two variants or constant input. Raises ValueError for NaN in the input or unequal lengths.
    """
    a, b = _pair(scores, measured)
    if len(a) < 2:
        return float("nan")
    a, b = ranks(a) - (len(a) + 1) / 2, ranks(b) - (len(b) + 1) / 2
    scale = np.sqrt((a @ a) * (b @ b))
    return float(a @ b / scale) if scale else float("nan")


def ndcg(scores: Values, measured: Values, *, top: float = TOP) -> float:
    """Normalised discounted cumulative gain over the best-scored share `top` of variants, 0 to 1.

    The gain of a variant is its measurement, scaled so that the lowest is 0 and the highest 1; the variant of rank r
    counts gain / log2(r + 1). It is divided by the same sum for the best possible order. The number of variants is
    floor(n x top). NaN where that is none, or all measurements are equal. Tied scores keep their order of input. Raises
    ValueError as `spearman`.
    """
    a, b = _pair(scores, measured)
    count = int(np.floor(len(a) * top))
    if not count or b.min() == b.max():
        return float("nan")
    gains = (b - b.min()) / (b.max() - b.min())
    weights = 1 / np.log2(np.arange(count) + 2)
    found = gains[np.argsort(-a, kind="stable")[:count]]
    return float(found @ weights / (np.sort(gains)[::-1][:count] @ weights))


def top_recall(scores: Values, measured: Values, *, top: float = TOP) -> float:
    """The share of the best-measured variants that are among the best-scored, 0 to 1.

    Best are those at or above the (1 - `top`) quantile (linear interpolation), so ties at the border all count. NaN for
    no variants. Raises ValueError as `spearman`.
    """
    a, b = _pair(scores, measured)
    if not len(a):
        return float("nan")
    percent = 100 - 100 * top
    truly = b >= np.percentile(b, percent)
    said = a >= np.percentile(a, percent)
    return float((truly & said).sum() / truly.sum())


def _pair(scores: Values, measured: Values) -> tuple[Floats, Floats]:
    a, b = np.asarray(scores, dtype=np.float64), np.asarray(measured, dtype=np.float64)
    if a.shape != b.shape or a.ndim != 1:
        raise ValueError(f"scores of shape {a.shape} and measurements of shape {b.shape}")
    if np.isnan(a).any() or np.isnan(b).any():
        raise ValueError("there are NaN values: leave out variants that have no score or no measurement")
    return a, b
