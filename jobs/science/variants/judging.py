"""Several scores judged by the same measurements: metrics with their references, and intervals of the differences."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from jobs.science.variants.codes import Variant
from jobs.science.variants.measured import DRAWS, Interval, Metric, intervals, metrics_of
from jobs.science.variants.metrics import spearman

Floats = NDArray[np.float64]

SCORE, OTHER, PROFILE, BLOSUM62 = "score", "other", "profile", "blosum62"
TITLES = {SCORE: "This job", OTHER: "The other run", PROFILE: "Profile", BLOSUM62: "BLOSUM62"}
"""What pages call the scores that are judged together."""

MOST_RESAMPLED = 20_000
"""Variants up to which there are intervals: each draw ranks all of them again, for each score."""
_NUMBERS = 1_500_000
"""Numbers that all draws of one score together rank; there are at least `_LEAST` draws."""
_LEAST = 200

ONE_GROUP = "all variants share positions, so there is nothing to draw from"
TOO_MANY = f"there are more than {MOST_RESAMPLED:,} variants"
TOO_FEW = "there are fewer than two variants"


@dataclass(frozen=True, slots=True)
class Difference:
    """The Spearman correlation of one score minus that of another, on the same variants and draws."""

    score: str
    against: str
    interval: Interval


@dataclass(frozen=True, slots=True)
class Judgement:
    """Scores by name on the `pairs` variants that all of them and the measurements have.

    `left_out` counts variants that miss a score. `mutations` has pairs of a number of mutations, None for another
    length, and how many variants have it. `hits` counts those at the threshold or above. `spearman` and `differences`
    have intervals unless `no_interval` says why not; then they are empty. `groups` are what the bootstrap draws.
    """

    pairs: int
    left_out: int
    mutations: tuple[tuple[int | None, int], ...]
    hits: int | None
    metrics: Mapping[str, tuple[Metric, ...]]
    spearman: Mapping[str, Interval]
    differences: tuple[Difference, ...]
    draws: int
    groups: int
    no_interval: str


def judge(
    keys: Sequence[Variant | str],
    scores: Mapping[str, Floats],
    measured: Floats,
    groups: NDArray[np.int64],
    *,
    threshold: float | None = None,
    against: Sequence[str] = (),
) -> Judgement:
    """Judge scores [n] by name, NaN for none, by the measurements [n] of the variants `keys`.

    Variants with the same number in `groups` [n] are drawn as a whole. The first score is compared with each of
    `against`, and the others are compared with the first of these.
    """
    there = np.isfinite(measured)
    for one in scores.values():
        there = there & np.isfinite(one)
    rows = np.flatnonzero(there)
    columns = {name: one[rows] for name, one in scores.items()}
    truth, drawn = measured[rows], groups[rows]
    named = [keys[at] for at in rows.tolist()]
    counted = Counter(len(key.mutations) if isinstance(key, Variant) else None for key in named)
    count = len(np.unique(drawn))
    refused = TOO_FEW if len(rows) < 2 else TOO_MANY if len(rows) > MOST_RESAMPLED else ONE_GROUP if count < 2 else ""
    single: dict[str, Interval] = {}
    differences: list[Difference] = []
    draws = 0 if refused else max(_LEAST, min(DRAWS, _NUMBERS // len(rows)))
    if not refused:
        first = next(iter(columns))
        for at, other in enumerate(against):
            compared = columns if at == 0 else {first: columns[first], other: columns[other]}
            found, less = intervals(compared, truth, drawn.tolist(), spearman, against=other, seed=0, draws=draws)
            single |= found
            differences += [Difference(name, other, one) for name, one in less.items()]
    return Judgement(
        pairs=len(rows),
        left_out=len(keys) - len(rows),
        mutations=tuple(sorted(counted.items(), key=lambda one: (one[0] is None, one[0] or 0))),
        hits=None if threshold is None else int((truth >= threshold).sum()),
        metrics={name: tuple(metrics_of(one, truth, threshold)) for name, one in columns.items()},
        spearman=single,
        differences=tuple(differences),
        draws=draws,
        groups=count,
        no_interval=refused,
    )
