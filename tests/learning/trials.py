"""Trials with known measurements: a part is given to a model, and the rest tells what it is worth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from jobs.learning.gaussian import GaussianProcess
from jobs.learning.intervals import Intervals, coverage
from jobs.learning.kernels import similarity
from jobs.learning.proposing import Limits, Objective, propose
from jobs.learning.samples import Floats, Rows, Whole
from jobs.learning.training import grouped_folds, train
from jobs.science.variants.metrics import spearman

PLATE, ROUNDS = 24, 4


def drawn(total: int, count: int, seed: int) -> tuple[Whole, Whole]:
    """Return the numbers of `count` random rows, and those of the others."""
    order = np.random.default_rng(seed).permutation(total)
    return order[:count], order[count:]


def ranks_by(rows: Rows, measured: Floats, *, seed: int, rounds: Sequence[int] | None = None) -> str:
    """Return whose ranking the service delivers."""
    own = rounds or [1] * len(rows)
    # Other kinds of folds don't decide, and a fit of each would take time.
    headline = grouped_folds(rows, seed).kind
    return train(rows, measured, own, seed=seed, kinds=(headline,), observe_coverage=False).ranks_by


@dataclass(frozen=True)
class Gain:
    """Spearman of the model on variants that it has not seen, less that of the prior, and what is delivered."""

    model: float
    delivered: float


def gained(rows: Rows, measured: Floats, count: int, seed: int) -> Gain:
    """Learn from `count` random variants, and test on all the rest."""
    chosen, rest = drawn(len(rows), count, seed)
    training, tested = rows.take(chosen), rows.take(rest)
    predicted = GaussianProcess().fit(training, measured[chosen]).predict(tested)
    model = spearman(predicted, measured[rest]) - spearman(tested.prior, measured[rest])
    return Gain(model, model if ranks_by(training, measured[chosen], seed=seed) == "model" else 0.0)


@dataclass(frozen=True)
class Covered:
    """Shares of measurements inside their intervals: of all the rest, of its best predicted PLATE, and the width."""

    all: float
    picked: float
    width: float


def covered(rows: Rows, measured: Floats, count: int, seed: int) -> Covered:
    """Learn intervals from `count` random variants, and look at all the rest."""
    chosen, rest = drawn(len(rows), count, seed)
    training, tested = rows.take(chosen), rows.take(rest)
    made = Intervals.learn(GaussianProcess(), training, measured[chosen], grouped_folds(training, seed))
    low, high = made.around(tested)
    top = np.argsort(-GaussianProcess().fit(training, measured[chosen]).predict(tested), kind="stable")[:PLATE]
    return Covered(
        coverage(low, high, measured[rest]),
        coverage(low[top], high[top], measured[rest][top]),
        float(np.median(high - low)),
    )


@dataclass(frozen=True)
class Replay:
    """What ROUNDS rounds of PLATE variants found: the regret of the best one, and hits by threshold."""

    regret: float
    hits: tuple[int, ...]


def replayed(rows: Rows, measured: Floats, thresholds: Sequence[float], way: str, seed: int) -> Replay:
    """Measure round by round what a way of choosing proposes.

    `way` is `prior`, `delivered` (greedy by the ranking that the service delivers) or a strategy, which follows the
    model from the second round on. The first round knows no measurement: it is the prior's, or random.
    """
    taken: list[int] = []
    for number in range(ROUNDS):
        taken += _round(rows, measured, taken, way, seed * ROUNDS + number)
    found = measured[taken]
    return Replay(float(measured.max() - found.max()), tuple(int((found > one).sum()) for one in thresholds))


def _round(rows: Rows, measured: Floats, taken: list[int], way: str, seed: int) -> list[int]:
    left = np.array([at for at in range(len(rows)) if at not in set(taken)])
    pool = rows.take(left)
    objective = Objective(pool.prior, np.ones(len(pool)))
    ranking: Floats | None = pool.prior
    if taken and way not in ("prior", "random"):
        training, known = rows.take(taken), measured[taken]
        objective = Objective(*GaussianProcess().fit(training, known).predict_with_spread(pool))
        if way != "delivered" or ranks_by(training, known, seed=seed) == "model":
            ranking = None
    strategy = "greedy" if way in ("prior", "delivered") or (not taken and way != "random") else way
    picks = propose(
        pool.variants,
        [objective],
        count=PLATE,
        strategy=strategy,
        limits=Limits(),
        seed=seed,
        ranking=ranking,
        similarity=lambda found: similarity(found, pool.sites),
    )
    return [int(left[one.at]) for one in picks]


WAYS = ("random", "prior", "delivered", "greedy", "ucb", "thompson", "diverse")


def some_of(rows: Rows, measured: Floats, share: float, seed: int) -> tuple[Rows, Floats]:
    """Return a random share of the rows, so that ways without chance have an interval too."""
    chosen, _ = drawn(len(rows), round(share * len(rows)), seed)
    return rows.take(chosen), measured[chosen]


def shown(name: str, values: Sequence[float]) -> str:
    """Return a mean with its interval of 95 % over the seeds."""
    error = 1.96 * np.std(values, ddof=1) / np.sqrt(len(values))
    return f"{name} {np.mean(values):+.3f} ({np.mean(values) - error:+.3f} to {np.mean(values) + error:+.3f})"


def table(found: Mapping[str, Sequence[Replay]]) -> str:
    """Return regret and hits of each way, with intervals."""
    lines = []
    for way, replays in found.items():
        hits = [[one.hits[at] for one in replays] for at in range(len(replays[0].hits))]
        figures = [shown("regret", [one.regret for one in replays]), *(shown("hits", one) for one in hits)]
        lines.append(f"{way:10} " + "; ".join(figures))
    return "\n".join(lines)
