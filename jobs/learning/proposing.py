"""The next plate: choosing variants by what a model predicts, under limits. Every choice says why.

The strategies:

- `greedy` takes the highest expected value, or the highest probability that all thresholds hold.
- `ucb` takes the highest mean + BRAVERY x standard deviation of the first objective.
- `thompson` takes the best of one draw from the posterior, a new draw for each choice. The best reaches most
  thresholds; of several, the first objective decides.
- `diverse` is greedy facility location: most of the pool's promise is near a choice.
- `random` takes any, with equal chances.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import erf, sqrt

import numpy as np

from jobs.learning.samples import Floats
from jobs.science.variants.codes import Variant

STRATEGIES = ("greedy", "ucb", "thompson", "diverse", "random")
BRAVERY = 1.0
DRAWS = 2_000
"""Draws of the measurements of a round, for the expected maximum."""
POOL = 1_000
"""Best candidates that thompson and diverse look at. Their time grows with the square."""


@dataclass(frozen=True, slots=True)
class Objective:
    """Predictions [n] of one property, higher is better. `threshold` is the least value of a hit, if any.

    `odds` [n] are probabilities that a measurement reaches it, from errors of held-out variants as the intervals are.
    """

    mean: Floats
    spread: Floats
    threshold: float | None = None
    odds: Floats | None = None

    def chance(self) -> Floats:
        """Return the probability [n] that the threshold holds; 1 without a threshold.

        Without odds it is that of a normal distribution. The spread of a model is usually too narrow for that.
        """
        if self.threshold is None:
            return np.ones(len(self.mean))
        if self.odds is not None:
            return self.odds
        apart = (self.mean - self.threshold) / np.maximum(self.spread, 1e-12)
        return np.array([0.5 * (1 + erf(one / sqrt(2))) for one in apart])


@dataclass(frozen=True, slots=True)
class Limits:
    """What may be chosen. `mutations` are the fewest and the most; `excluded` are positions, from 1."""

    per_position: int | None = None
    mutations: tuple[int, int] = (1, 1_000)
    excluded: frozenset[int] = frozenset()
    residues: frozenset[str] = frozenset()
    """Residues that no variant may introduce."""

    def allow(self, variant: Variant) -> bool:
        """Return whether a variant may be chosen at all."""
        low, high = self.mutations
        return low <= len(variant.mutations) <= high and not any(
            one.position in self.excluded or one.mutant in self.residues for one in variant.mutations
        )


@dataclass(frozen=True, slots=True)
class Pick:
    """A chosen candidate by its number, the value that chose it, and the reason for people."""

    at: int
    acquisition: float
    reason: str


def chances_of_all(objectives: Sequence[Objective]) -> Floats:
    """Return the probability [n] that every threshold holds; objectives count as independent."""
    return np.asarray(np.prod([one.chance() for one in objectives], axis=0))


def pareto(objectives: Sequence[Objective]) -> list[bool]:
    """Return whether no other candidate is at least as good in every mean and better in one."""
    means = np.stack([one.mean for one in objectives], axis=1)
    return [not bool(((means >= own).all(axis=1) & (means > own).any(axis=1)).any()) for own in means]


def propose(
    candidates: Sequence[Variant],
    objectives: Sequence[Objective],
    *,
    count: int,
    strategy: str,
    limits: Limits,
    seed: int,
    ranking: Floats | None = None,
    similarity: Callable[[Sequence[Variant]], Floats] | None = None,
    random_share: int = 0,
) -> list[Pick]:
    """Return up to `count` picks, and `random_share` random ones after them; fewer if the limits leave fewer.

    `ranking` [n] replaces the means while the model has no gain over its prior. Then `thompson` draws nothing: the
    spread of the model is in another unit. `similarity` returns [n, n] for diverse. Raises ValueError for an
    unknown strategy.
    """
    if strategy not in STRATEGIES:
        raise ValueError(f"there is no strategy {strategy!r}")
    allowed = np.array([at for at, one in enumerate(candidates) if limits.allow(one)], dtype=np.int64)
    generator = np.random.default_rng(seed)
    promise, words = _promise(objectives, strategy, ranking)
    # Equal probabilities, such as 0 of a threshold out of reach, are ordered by the mean.
    ties = objectives[0].mean if ranking is None else ranking
    ordered = allowed[np.lexsort((-ties[allowed], -promise[allowed]))]
    picks: list[Pick] = []
    orders = {"thompson": _thompson, "diverse": _diverse}
    if strategy == "random":
        order = _random(allowed, generator, "random")
    elif strategy in orders and not (strategy == "thompson" and ranking is not None):
        best = ordered[:POOL]
        matrix = similarity([candidates[at] for at in best]) if similarity and strategy == "diverse" else None
        order = orders[strategy](best, promise, objectives, generator, matrix)
    else:
        order = ((int(at), float(promise[at]), words) for at in ordered)
    room = _Room(candidates, limits)
    room.fill(picks, order, count)
    left = np.array(sorted(set(allowed.tolist()) - {pick.at for pick in picks}), dtype=np.int64)
    room.fill(picks, _random(left, generator, "random pick, to check the model"), count + random_share)
    return picks


Order = Iterator[tuple[int, float, str]]


class _Room:
    """The places that the limits leave, as picks take them."""

    def __init__(self, candidates: Sequence[Variant], limits: Limits) -> None:
        self._candidates, self._most = candidates, limits.per_position
        self._taken = Counter[int]()

    def fill(self, picks: list[Pick], order: Order, most: int) -> None:
        """Add picks in this order until there are `most`."""
        chosen = {pick.at for pick in picks}
        while len(picks) < most and (found := next(order, None)) is not None:
            at, value, why = found
            sites = [one.position for one in self._candidates[at].mutations]
            if at in chosen or (self._most and any(self._taken[site] >= self._most for site in sites)):
                continue
            picks.append(Pick(at, value, why))
            chosen.add(at)
            self._taken.update(sites)


def _promise(objectives: Sequence[Objective], strategy: str, ranking: Floats | None) -> tuple[Floats, str]:
    """Return what a choice is ordered by, and its name."""
    if ranking is not None:
        return ranking, "highest by the prior: the model has shown no gain yet"
    if strategy == "ucb":
        return objectives[0].mean + BRAVERY * objectives[0].spread, "highest upper confidence bound"
    if any(one.threshold is not None for one in objectives):
        return chances_of_all(objectives), "highest probability that all thresholds hold"
    return objectives[0].mean, "highest predicted value"


def _random(allowed: np.ndarray, generator: np.random.Generator, why: str) -> Order:
    yield from ((int(at), 0.0, why) for at in generator.permutation(allowed))


def _thompson(
    best: np.ndarray, _: Floats, objectives: Sequence[Objective], generator: np.random.Generator, __: Floats | None
) -> Order:
    """Yield the best of one independent draw after the other."""
    left = best.tolist()
    while left:
        draws = [generator.normal(one.mean[left], one.spread[left]) for one in objectives]
        reached = np.zeros(len(left))
        for one, drawn in zip(objectives, draws, strict=True):
            reached += one.threshold is None or drawn >= one.threshold
        place = int(np.lexsort((draws[0], reached))[-1])
        yield left.pop(place), float(draws[0][place]), "best of one draw from the posterior"


def _diverse(
    best: np.ndarray, promise: Floats, _: Sequence[Objective], __: np.random.Generator, similarity: Floats | None
) -> Order:
    """Yield the candidate that most increases the sum, over candidates, of weight x likeness to the nearest choice."""
    likeness = np.eye(len(best)) if similarity is None else similarity
    own = promise[best]
    weight = own - own.min() + 1e-9
    near, left = np.zeros(len(best)), list(range(len(best)))
    while left:
        gains = (np.maximum(likeness[left], near) - near) @ weight
        place = left.pop(int(np.argmax(gains)))
        near = np.maximum(near, likeness[place])
        yield int(best[place]), float(gains.max()), "represents most of what is promising and not yet covered"


@dataclass(frozen=True, slots=True)
class Expected:
    """What a round is expected to bring. Picks are biased upwards, so the realised numbers are usually lower."""

    hits: float
    chance_of_one: float
    maximum: float


def expected(
    objectives: Sequence[Objective], picks: Sequence[Pick], *, seed: int, possible: Iterable[Floats] | None = None
) -> Expected:
    """Return expected hits, the chance of at least one, and the expected maximum of the first objective.

    `possible` has draws of the picks' measurements. Without them the draws are from a normal distribution.
    """
    at = [pick.at for pick in picks]
    chances = chances_of_all(objectives)[at]
    if possible is None:
        generator, first = np.random.default_rng(seed), objectives[0]
        possible = (generator.normal(first.mean[at], first.spread[at]) for _ in range(DRAWS))
    maximum = float(np.mean([one.max() for one in possible]))
    return Expected(float(chances.sum()), float(1 - np.prod(1 - chances)), maximum)
