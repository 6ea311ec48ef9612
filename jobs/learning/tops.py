"""How well rankings find the best variants: NDCG and top-10 % recall within folds, with intervals.

As Spearman's correlation, both are means over the folds: pooled folds would be biased against what learns. Equal
scores share their places, so a prior with few different values gains nothing by ties.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from jobs.learning.crossvalidation import Figure, Ranked, mean_of_known, resampled
from jobs.learning.folds import independent_units
from jobs.learning.samples import Floats, Rows
from jobs.science.variants.metrics import TOP

NDCG, RECALL = "ndcg", "top_recall"
CELLS = 1_000_000
"""Numbers of a block of draws, so that many variants take little memory."""

Counted = Callable[[Floats, Floats, Floats], Floats]
"""From scores [n], measurements [n] and counts [draws, n] to a metric [draws]."""


def counted_ndcg(scores: Floats, measured: Floats, counts: Floats) -> Floats:
    """Return `jobs.science.variants.measured.ndcg_with_ties` [draws] of pairs that are repeated `counts` times.

    NaN if fewer than ten pairs are drawn, or if their measurements are equal.
    """
    lowest = np.where(counts > 0, measured, np.inf).min(axis=1, keepdims=True)
    total = counts.sum(axis=1, keepdims=True)
    top = np.floor(total * TOP)
    longest = int(top.max(initial=0.0))
    discounts = np.concatenate([[0.0], np.cumsum(1 / np.log2(np.arange(longest) + 2))])

    def collected(ends: Floats) -> Floats:
        return np.asarray(discounts[np.minimum(ends, top).astype(np.int64)])

    gains = np.where(counts > 0, measured - lowest, 0.0)
    found, best = (_collected(one, gains, counts, collected) for one in (scores, measured))
    return np.asarray(np.divide(found, best, out=np.full(len(counts), np.nan), where=best > 0))


def counted_recall(scores: Floats, measured: Floats, counts: Floats) -> Floats:
    """Return the share [draws] of the best-measured tenth that is in the best-scored tenth, `counts` times each.

    The best-measured are those of `jobs.science.variants.metrics.top_recall`: ties at the border all count. Of scores
    that tie at the border, the share that fits counts. Without ties it is `top_recall`.
    """
    total = counts.sum(axis=1, keepdims=True)
    first = np.ceil((1 - TOP) * (total - 1))
    order = np.argsort(measured, kind="stable")
    at = (np.cumsum(counts[:, order], axis=1) <= first).sum(axis=1)
    best = measured >= measured[order][np.minimum(at, len(measured) - 1)][:, None]
    found = _collected(scores, best.astype(float), counts, lambda ends: np.minimum(ends, total - first))
    every = (counts * best).sum(axis=1)
    return np.asarray(np.divide(found, every, out=np.full(len(counts), np.nan), where=every > 0))


def _collected(scores: Floats, worth: Floats, counts: Floats, upto: Callable[[Floats], Floats]) -> Floats:
    """Return the worth [draws, n] that a ranking collects [draws], averaged over all orders of equal scores.

    `upto` returns what the first so many places weigh together.
    """
    order = np.argsort(-scores, kind="stable")
    first = np.unique(-scores[order], return_index=True)[1]
    drawn = counts[:, order]
    sizes = np.add.reduceat(drawn, first, axis=1)
    ends = np.cumsum(sizes, axis=1)
    weights = upto(ends) - upto(ends - sizes)
    own = np.add.reduceat(drawn * worth[:, order], first, axis=1)
    return np.asarray((own * np.divide(weights, sizes, out=np.zeros_like(sizes), where=sizes > 0)).sum(axis=1))


METRICS: Mapping[str, Counted] = {NDCG: counted_ndcg, RECALL: counted_recall}


def folds_value(metric: Counted, ranked: Ranked, name: str, measured: Floats) -> float:
    """Return the mean of a metric over the folds, weighted by their sizes. NaN if no fold defines it."""
    return float(folds_drawn(metric, ranked, name, measured, np.ones((1, len(measured))))[0])


def folds_drawn(metric: Counted, ranked: Ranked, name: str, measured: Floats, counts: Floats) -> Floats:
    """Return the same [draws] of variants that are drawn `counts` [draws, n] times."""
    total, weights = np.zeros(len(counts)), np.zeros(len(counts))
    for predicted, split in zip(ranked.rankings[name], ranked.folds.splits, strict=True):
        if not len(split.test):
            continue
        drawn = counts[:, split.test]
        found, sizes = _in_blocks(metric, predicted, measured[split.test], drawn), drawn.sum(axis=1)
        known = ~np.isnan(found)
        total += np.where(known, found * sizes, 0.0)
        weights += np.where(known, sizes, 0.0)
    return np.asarray(np.divide(total, weights, out=np.full(len(counts), np.nan), where=weights > 0))


def _in_blocks(metric: Counted, scores: Floats, measured: Floats, counts: Floats) -> Floats:
    step = max(1, CELLS // len(scores))
    found = [metric(scores, measured, counts[at : at + step]) for at in range(0, len(counts), step)]
    return np.concatenate(found)


def top_figures(repeats: Sequence[Ranked], rows: Rows, measured: Floats, *, seed: int) -> dict[str, dict[str, Figure]]:
    """Return each ranking's metrics, as `compare` does: means over the repeats, and a bootstrap over positions."""
    counts = resampled(independent_units(rows.variants), np.random.default_rng(seed))
    return {
        name: {
            title: Figure.of(
                float(mean_of_known(np.array([folds_value(metric, one, name, measured) for one in repeats]))),
                mean_of_known(np.stack([folds_drawn(metric, one, name, measured, counts) for one in repeats])),
            )
            for title, metric in METRICS.items()
        }
        for name in repeats[0].rankings
    }
